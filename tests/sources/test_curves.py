"""Learning curves, with those of LCDB 1.1 as they are published."""

import json
import shutil

import numpy as np
import pytest

from metalearn.core.records import Configuration
from metalearn.core.registry import create
from metalearn.errors import InputError
from metalearn.sources.curves import read_curves
from metalearn.store.knowledge_base import KnowledgeBase

SOME = (61, 11, 1088, 41972)
META = {
    "learners": ["SVM_Poly", "KNN", "LDA"],
    "anchors": [16, 18, 20, 24],
    "stat_labels": ["mean", "stderr"],
    "tvt_labels": ["train", "val", "test"],
}
N = None
# [learner][mean, stderr][anchor][train, validation, test]
CURVES = [
    [[[0.0, 0.25, 0.5], [0.0, N, 0.5], [N, N, N], [N, N, N]], [[0.01] * 3] * 4],
    [[[0.5, 0.5, 0.5], [0.25, 1.5, 0.125], [N, N, N], [0.0, N, 0.0]], [[0.01] * 3] * 4],
    [[[N] * 3] * 4, [[N] * 3] * 4],
]


def write(folder, curves=CURVES, did=61, **meta):
    (folder / "er").mkdir(exist_ok=True, parents=True)
    (folder / "meta.json").write_text(json.dumps(META | meta))
    (folder / "er" / f"{did}.json").write_text(json.dumps(curves))
    return folder


def rows(batch, table):
    return batch.tables[table].to_pylist()


@pytest.fixture(scope="module")
def lcdb(shared):
    return shared / "data" / "lcdb"


@pytest.fixture(scope="module")
def some(lcdb, tmp_path_factory):
    """A folder with a few of the datasets: all of them are a million rows."""
    folder = tmp_path_factory.mktemp("lcdb")
    (folder / "er").mkdir()
    for name in ("meta.json", "names.json", *(f"er/{did}.json" for did in SOME)):
        shutil.copyfile(lcdb / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def batches(some):
    return {batch.partition: batch for batch in read_curves(some)}


@pytest.mark.parametrize(("did", "n_sizes", "largest"), [(61, 24, 118), (11, 40, 470)])
def test_every_value_of_a_dataset(some, batches, did, n_sizes, largest):
    """Against the lists in the file, one by one."""
    meta, curves = (json.loads((some / name).read_text()) for name in ("meta.json", f"er/{did}.json"))
    evaluations = rows(batches[f"dataset {did}"], "evaluations")
    assert len(evaluations) == 28 * n_sizes * 3
    found = iter(evaluations)
    for learner in range(28):
        for anchor in range(n_sizes):
            for number, split in enumerate(("train", "validation", "test")):
                row, error = next(found), curves[learner][0][anchor][number]
                assert (row["split"], row["resource"], row["resource_value"]) == (
                    split,
                    "rows",
                    meta["anchors"][anchor],
                )
                assert row["fidelity"] == meta["anchors"][anchor] / largest
                assert row["value"] == (None if error is None else 1 - error)
                assert row["status"] == ("crashed" if error is None else "ok")
    assert {(row["task_id"], row["metric"], row["source"]) for row in evaluations} == {
        (f"openml-dataset-{did}", "accuracy", "lcdb")
    }


def test_values_at_sizes_that_a_dataset_cannot_have_are_quarantined(some, batches):
    """Two published files hold such values, of one or two learners each."""
    for did, n_rows in ((1088, 383), (41972, 9144)):
        batch = batches[f"dataset {did}"]
        curves = json.loads((some / "er" / f"{did}.json").read_text())
        given = sum(cell is not None for learner in curves for anchor in learner[0] for cell in anchor)
        evaluations, quarantine = rows(batch, "evaluations"), rows(batch, "quarantine")
        assert sum(row["status"] == "ok" for row in evaluations) + len(quarantine) == given
        assert max(row["resource_value"] for row in evaluations) <= 0.81 * n_rows
        assert quarantine
        assert all(json.loads(row["raw"])[3] > 0.81 * n_rows for row in quarantine)


def test_learners_have_canonical_names_where_they_have_one(batches):
    batch = batches["dataset 61"]
    known = {row["id"]: row["algorithm"] for row in rows(batch, "configurations")}
    assert len(known) == 28
    assert {"linear_svc", "decision_tree", "lda", "qda", "ridge", "random_forest", "k_nearest_neighbors", "mlp"} <= set(
        known.values()
    )
    assert {"TabPFNv2", "CatBoost", "ExtraTree"} <= set(known.values())
    assert Configuration("sklearn", "svc", {"kernel": "sigmoid"}).id in known
    assert Configuration("sklearn", "gaussian_nb").id in known  # as OBOE's GNB
    assert rows(batch, "datasets")[0]["name"] == "iris"
    assert rows(batch, "tasks")[0]["procedure"] == "5 x 5 nested holdout"


def test_the_knowledge_base_takes_them_once(some, tmp_path):
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        first = knowledge_base.append_all(read_curves(some))
        assert first.seen == first.stored + first.quarantined
        again = knowledge_base.append_all(read_curves(some))
        assert (again.stored, again.already_there, again.seen) == (0, first.stored, first.seen)
        done = knowledge_base.ingested("lcdb").cursors()
        assert len(done) == len(SOME)
        assert list(read_curves(some, done=done)) == []
        assert knowledge_base.inconsistencies() == []
        past = knowledge_base.meta_dataset()
    assert (past.metric.name, past.performance_matrix().shape) == ("accuracy", (4, 28))
    iris = [task.id for task in past.tasks].index("openml-dataset-61")
    assert np.isfinite(past.performance_matrix()[iris]).sum() >= 25
    assert np.isfinite(past.performance_matrix(16 / 118)[iris]).sum() >= 25
    fitted = create("recommender", "average_rank").meta_fit(past, rng=np.random.default_rng(0))
    assert len(fitted.recommend(past.tasks[0], 3)) == 3


def test_a_small_one_by_hand(tmp_path):
    (batch,) = read_curves(write(tmp_path), space="mine")
    svc, knn, lda = (
        Configuration("mine", *made) for made in (("svc", {"kernel": "poly"}), ("k_nearest_neighbors",), ("lda",))
    )
    shared = {"task_id": "openml-dataset-61", "metric": "accuracy", "resource": "rows", "source": "lcdb"}
    expected = [
        (svc, "train", 16, 1.0),
        (svc, "validation", 16, 0.75),
        (svc, "test", 16, 0.5),
        (svc, "train", 18, 1.0),
        (svc, "validation", 18, None),
        (svc, "test", 18, 0.5),
        (knn, "train", 16, 0.5),
        (knn, "validation", 16, 0.5),
        (knn, "test", 16, 0.5),
        (knn, "train", 18, 0.75),
        (knn, "test", 18, 0.875),
        *((lda, split, size, None) for size in (16, 18) for split in ("train", "validation", "test")),
    ]
    assert rows(batch, "evaluations") == [
        {
            **shared,
            "configuration_id": configuration.id,
            "split": split,
            "resource_value": size,
            "fidelity": size / 18,
            "value": value,
            "status": "crashed" if value is None else "ok",
        }
        for configuration, split, size, value in expected
    ]
    assert [(json.loads(row["raw"]), row["reason"]) for row in rows(batch, "quarantine")] == [
        (
            ["openml-dataset-61", "k_nearest_neighbors()", "validation", 18.0, -0.5],
            "the value of accuracy lies outside [0, 1]",
        ),
        *(
            (
                ["61", "KNN", split, 24, 0.0],
                "fewer than half of the learners have a value at this size, for which the dataset seems too small",
            )
            for split in ("train", "test")
        ),
    ]
    assert (batch.seen, batch.partition) == (20, "dataset 61")
    assert rows(batch, "datasets")[0] == {
        "id": "openml-61",
        "name": None,
        "version": None,
        "n_rows": None,
        "n_columns": None,
        "source": "lcdb",
    }


def test_what_was_read_already_is_skipped_unless_it_changed(tmp_path):
    write(tmp_path)
    write(tmp_path, did=11)
    done = {batch.partition: batch.cursor for batch in read_curves(tmp_path)}
    assert list(read_curves(tmp_path, done=done)) == []
    write(tmp_path, curves=CURVES[::-1], did=11)
    assert [batch.partition for batch in read_curves(tmp_path, done=done)] == ["dataset 11"]
    assert len(list(read_curves(tmp_path, space="mine", done=done))) == 2
    write(tmp_path, anchors=[16, 18, 20, 25])
    assert len(list(read_curves(tmp_path, done=done))) == 2


def test_a_dataset_without_any_value(tmp_path):
    (batch,) = read_curves(write(tmp_path, curves=[[[[N] * 3] * 4] * 2] * 3))
    assert (len(batch.tables["evaluations"]), batch.seen) == (0, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[[0.1, 0.2]", "no array of numbers of the shape"),
        ("[]", r"it is \(0,\)"),
        (json.dumps(CURVES[:1]), r"it is \(1, 2, 4, 3\)"),
        (json.dumps([*CURVES[:2], [CURVES[1][0], []]]), "inhomogeneous"),
        (json.dumps(CURVES).replace("0.125", '"high"'), "could not convert string to float: 'high'"),
        (json.dumps(CURVES).replace("0.125", "{}"), "no array of numbers of the shape"),
    ],
)
def test_a_file_that_cannot_be_read_is_quarantined_and_the_others_are_read(tmp_path, text, said):
    write(tmp_path)
    write(tmp_path, did=11)
    (tmp_path / "er" / "11.json").write_text(text)
    lost, read = read_curves(tmp_path)
    (row,) = rows(lost, "quarantine")
    assert json.loads(row["raw"]) == {"dataset": "11"}
    assert row["reason"].startswith("the curves are no array of numbers of the shape (3, 2, 4, 3): ")
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(row["reason"])
    assert (lost.seen, list(lost.tables)) == (1, ["quarantine"])
    assert read.seen == 20
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        counts = knowledge_base.append_all([lost, read])
        assert (counts.seen, counts.stored, counts.quarantined) == (21, 17, 4)


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"learners": None}, "does not name the axes"),
        ({"learners": "KNN"}, "does not name the axes"),
        ({"learners": ["KNN", None, "LDA"]}, "does not name the axes"),
        ({"learners": ["KNN", ["SVM"], "LDA"]}, "does not name the axes"),
        ({"anchors": [16, 18, 20, 2**63]}, "does not name the axes"),
        ({"stat_labels": ["stderr"]}, "does not name the axes"),
        ({"tvt_labels": ["train", "holdout", "test"]}, "does not name the axes"),
        ({"anchors": ["few"]}, "does not name the axes"),
        ({"anchors": [16, 16, 20, 24]}, "no ascending training sizes"),
        ({"anchors": [0, 16, 20, 24]}, "no ascending training sizes"),
        ({"anchors": []}, "no ascending training sizes"),
    ],
)
def test_axes_that_cannot_be_used(tmp_path, meta, said):
    with pytest.raises(InputError, match=said):
        read_curves(write(tmp_path, **meta))


def test_folders_that_hold_no_curves(tmp_path):
    with pytest.raises(InputError, match=r"meta.json cannot be read"):
        read_curves(tmp_path)
    write(tmp_path)
    (tmp_path / "er" / "61.json").rename(tmp_path / "er" / "iris.json")
    with pytest.raises(InputError, match="holds no learning curves"):
        read_curves(tmp_path)
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(InputError, match="is no JSON"):
        read_curves(tmp_path)
    (tmp_path / "meta.json").write_text("[]")
    with pytest.raises(InputError, match="is no JSON object"):
        read_curves(tmp_path)


@pytest.mark.parametrize("name", [7, None, ["iris"]])
def test_a_dataset_whose_name_is_no_text(tmp_path, name):
    write(tmp_path)
    (tmp_path / "names.json").write_text(json.dumps({"11": "balance-scale", "61": name}))
    with pytest.raises(InputError, match=r"names.json does not name datasets \(.* is no text\); fetch it again"):
        read_curves(tmp_path)
