"""The data card of a knowledge base made by hand: planted figures, sources, and pictures that a reader can open."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from metalearn.core.records import Batch, Configuration, TaskType
from metalearn.errors import InputError
from metalearn.learners.rows import configuration_tables, library_table
from metalearn.learners.space import search_space
from metalearn.store import KnowledgeBase
from pipelines.data_card import main
from pipelines.data_card_figures import sorted_ranks
from pipelines.data_card_tables import load_part

MAX_BYTES = 150_000
_INDEX = """name,file,openml_id,task_type,target_column,source,licence_note
hills,hills.csv,0,classification,class,someone/tables:hills.csv@1,public
dales,dales.csv,1,classification,class,someone/tables:dales.csv@1,public
moors,moors.csv,2,classification,class,another/tables:moors.csv@2,"CC-BY, see there"
coast,coast.csv,10,regression,y,another/tables:coast.csv@2,"CC-BY, see there"
unused,unused.csv,77,regression,y,stranger/tables:unused.csv@3,none
"""
_METRICS: dict[TaskType, str] = {"classification": "balanced_accuracy", "regression": "r2"}
N_FITS = 3 + 1 + 2  # validation folds, test, lower fidelities of fold 0


def pool(task_type: TaskType) -> list[Configuration]:
    """LightGBM's and the forest's defaults, and five trees; the third tree is the best of all, everywhere."""
    space = search_space(task_type)
    trees = [Configuration(space.name, "decision_tree", {"max_depth": depth}) for depth in range(1, 6)]
    return [space.default("lightgbm"), space.default("random_forest"), *trees]


def evaluations(task: str, task_type: TaskType) -> list[dict[str, Any]]:
    """Test scores: LightGBM 0.7, forest 0.75, trees 0.5, 0.6, 0.8, 0.55, 0.65; validation is 0.05 better for all.

    At 1/3 the trees keep their order, at 1/9 it is inverted. The forest crashes at 1/9.
    """
    scores = (0.7, 0.75, 0.5, 0.6, 0.8, 0.55, 0.65)
    rows = []
    for configuration, score in zip(pool(task_type), scores, strict=True):
        resource = "rows" if configuration.algorithm == "decision_tree" else "trees"
        fits = [("validation", 1.0, fold, score + 0.05) for fold in range(3)] + [("test", 1.0, 0, score)]
        fits += [("validation", 1 / 3, 0, score / 2), ("validation", 1 / 9, 0, 0.5 - score / 2)]
        for split, fidelity, fold, value in fits:
            failed = configuration.algorithm == "random_forest" and fidelity < 0.2
            metrics = {_METRICS[task_type]: value, "predict_seconds": 0.02, "peak_memory": 40.0}
            rows += [
                {
                    "task_id": task,
                    "configuration_id": configuration.id,
                    "metric": metric,
                    "split": split,
                    "resource": resource,
                    "fidelity": fidelity,
                    "fold": fold,
                    "seed": 0,
                    "value": None if failed else number,
                    "cost_seconds": None if failed else 3.0,
                    "status": "crashed" if failed else "ok",
                    "source": "test",
                }
                for metric, number in metrics.items()
                if metric in _METRICS.values() or not failed
            ]
    return rows


def batch(number: int, name: str, task_type: TaskType, family: str | None = None) -> Batch:
    id_ = f"openml-{number}" if family is None else f"data-{number:016x}"
    origin = "test" if family is None else "generated"
    procedure = "" if family is None else f"generated from a column of {family}; "
    described = {"id": id_, "name": name, "family": family or id_, "n_rows": 100 + number, "n_columns": 4}
    task = {"id": id_, "dataset_id": id_, "type": task_type, "procedure": procedure + "all rows", "source": origin}
    tables = {
        "datasets": pa.Table.from_pylist([{**described, "source": origin}]),
        "tasks": pa.Table.from_pylist([task]),
        "evaluations": pa.Table.from_pylist(evaluations(id_, task_type)),
    }
    return Batch("test", tables, partition=id_)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot with three classification tasks, one real and one generated regression task; and an index."""
    where = tmp_path_factory.mktemp("card")
    with KnowledgeBase.open(where / "kb.duckdb", read_only=False) as kb:
        kb.append(Batch("test", {"libraries": library_table()}))
        for task_type in _METRICS:
            chosen = [(c, "design") for c in pool(task_type)]
            kb.append(Batch("test", configuration_tables(search_space(task_type), chosen), partition=task_type))
        for number, name in enumerate(("hills", "dales", "moors")):
            kb.append(batch(number, name, "classification"))
        kb.append(batch(10, "coast", "regression"))
        kb.append(batch(11, "hills-height", "regression", family="openml-0"))
        kb.publish(where / "snapshot")
    (where / "index.csv").write_text(_INDEX)
    arguments = ["--kb", str(where / "snapshot"), "--datasets", str(where), "--out", str(where / "out")]
    assert main(arguments) == 0
    return where


@pytest.fixture(scope="module")
def card(folder: Path) -> str:
    return (folder / "out" / "README.md").read_text(encoding="utf-8")


def lines(card: str, *start: str) -> list[list[str]]:
    """The cells of the table rows that start with these cells."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in card.splitlines() if line[:1] == "|"]
    return [row for row in rows if tuple(row[: len(start)]) == start]


def test_gains_are_the_planted_ones(card: str) -> None:
    gain = "+0.100 [+0.100, +0.100]"
    quartiles = "+0.100 / +0.100 / +0.100"
    assert lines(card, "classification", "lightgbm")[0] == [
        "classification", "lightgbm", "3", gain, quartiles, "100%", "0%",
    ]  # fmt: skip
    (real, *_), (generated, *_) = (
        lines(card, f"regression, {kind}", "random_forest") for kind in ("real", "generated")
    )
    assert real[2:4] == generated[2:4] == ["1", "+0.050 [+0.050, +0.050]"]


def test_gaps_are_the_planted_ones(card: str) -> None:
    row = lines(card, "classification")[2]  # after the gains over two defaults
    assert row[1:] == ["+0.050 [+0.050, +0.050]", "+0.050 [+0.050, +0.050]", "+0.000 [+0.000, +0.000]"]


def test_one_configuration_suffices_where_one_is_the_best_everywhere(card: str) -> None:
    row = lines(card, "classification", "lightgbm")[1]
    assert row[2:] == ["+0.100", "+0.100", "+0.100", "+0.100", "", "", "", "+0.100", "1"]


def test_fidelities_keep_or_invert_the_order(card: str) -> None:
    trees = next(r for r in lines(card, "decision_tree") if len(r) == 4)
    assert trees[1:] == ["-1.00 (3)", "1.00 (3)", "-1.00 (3)"]
    assert lines(card, "classification", "1/9 and 1", "1/3 and 1", "1/9 and 1/3")
    assert not [r for r in lines(card, "lightgbm") if len(r) == 4]  # one configuration has no ranks


def test_algorithms_with_their_fits_failures_and_costs(card: str) -> None:
    forest, trees = (next(r for r in lines(card, name) if len(r) > 4) for name in ("random_forest", "decision_tree"))
    assert forest == ["random_forest", "1", "trees", "3", "3", "9", "3", "16.7% (3 crashed)", "3", "0.02", "40"]
    assert trees[:8] == ["decision_tree", "5", "rows", "15", "15", "45", "15", "0.0%"]


def test_sizes_and_versions_stand_in_the_text(card: str) -> None:
    fits = 5 * 7 * N_FITS
    assert "3 classification tasks of 3 families x 7 configurations of `metalearn-classification-2`." in card
    assert "2 regression tasks of 2 families, 1 of them generated, x 7 configurations" in card
    assert f"{fits} fits" in card
    assert f"{5 / fits:.1%} of them failed" in card
    assert f"numpy {np.__version__}" in card
    assert f"{(fits - 5) * 3 / 3600:.1f} h" in card
    assert not re.search(r"\$\w|nan", card)


def test_datasets_and_where_they_came_from(card: str) -> None:
    assert lines(card, "coast") == [["coast", "openml-10", "110", "4", "openml-10"]]
    assert lines(card, "hills-height") == [["hills-height", "data-000000000000000b", "111", "4", "openml-0"]]
    assert lines(card, "someone/tables") == [["someone/tables", "public", "dales, hills"]]
    assert lines(card, "another/tables")[0][2] == "coast, moors"
    assert "stranger" not in card


def test_every_figure_named_in_the_card_is_there_and_small(folder: Path, card: str) -> None:
    named = re.findall(r"\]\((figures/\w+\.png)\)", card)
    assert len(named) == 4
    for name in named:
        content = (folder / "out" / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < MAX_BYTES


def test_a_second_run_writes_the_same(folder: Path, card: str) -> None:
    arguments = ["--kb", str(folder / "snapshot"), "--datasets", str(folder), "--out", str(folder / "again")]
    main(arguments)
    for first in sorted((folder / "out").rglob("*.*")):
        assert (folder / "again" / first.relative_to(folder / "out")).read_bytes() == first.read_bytes()


def test_ranks_are_sorted_by_their_mean_and_tasks_by_how_typical_they_are(folder: Path) -> None:
    with KnowledgeBase.open(folder / "snapshot") as kb:
        past = load_part(kb, "classification").validation
    turned = np.where(past.task_index == 0, 1 - past.loss, past.loss)
    object.__setattr__(past, "loss", turned)
    shown, rows, columns = sorted_ranks(past)
    assert columns == [1, 2, 0]
    assert rows == np.argsort(past.performance_matrix()[1]).tolist()
    np.testing.assert_allclose(shown[:, 0], (np.arange(7) + 0.5) / 7)
    np.testing.assert_allclose(shown[:, 2], shown[::-1, 0])


def test_a_knowledge_base_without_test_scores_is_refused(tmp_path: Path) -> None:
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        given = batch(0, "hills", "classification")
        chosen = [(c, "design") for c in pool("classification")]
        kb.append(Batch("test", configuration_tables(search_space("classification"), chosen), partition="design"))
        table = given.tables["evaluations"]
        validation = table.filter(pa.compute.equal(table["split"], "validation"))
        kb.append(Batch("test", {**given.tables, "evaluations": validation}))
        with pytest.raises(InputError, match="both splits"):
            load_part(kb, "classification")


def test_an_empty_knowledge_base_is_refused(tmp_path: Path) -> None:
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        kb.publish(tmp_path / "snapshot")
    arguments = ["--kb", str(tmp_path / "snapshot"), "--datasets", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(InputError, match="holds no task"):
        main(arguments)
    assert not (tmp_path / "out").exists()
