"""Which numeric columns become targets, and what is left to predict them from."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from metalearn.core.records import Dataset
from metalearn.errors import InputError
from metalearn.learners.generated import TargetChoice, choose_targets, numeric_targets
from metalearn.sources.files import load_dataset

N = 300
Columns = dict[str, Any]


def normal(seed: int, n: int = N) -> "np.ndarray[Any, np.dtype[np.float64]]":
    return np.random.default_rng(seed).normal(size=n)


def base(n: int = N) -> Columns:
    """``goal`` and ``helper`` speak of each other; ``grade`` is too coarse to be a target, ``noise`` is alone."""
    goal = normal(0, n)
    return {
        "goal": goal,
        "helper": goal + 0.8 * normal(1, n),
        "grade": np.round(goal + 2 * normal(2, n)),
        "noise": normal(3, n),
    }


def table(columns: Columns, **changes: Any) -> Dataset:
    """A classification dataset: objects and categories are nominal, dates are dates, the rest are numbers."""
    X = pd.DataFrame(columns)
    kinds = {"O": "nominal", "M": "date"}
    y = pd.Series(np.arange(len(X)) % 2, dtype="category")
    found = tuple(kinds.get(X[c].dtype.kind, "numeric") for c in X)
    return Dataset(X, y, **{"name": "t", "kinds": found, "fingerprint": "f" * 64, **changes})


def targets(columns: Columns, **changes: Any) -> list[str]:
    return [choice.column for choice in choose_targets(table(columns, **changes))]


def choice(columns: Columns, target: str) -> TargetChoice:
    return next(c for c in choose_targets(table(columns), max_targets=9) if c.column == target)


def test_strongest_association_first_and_ties_by_position() -> None:
    assert targets(base()) == ["goal", "helper"]
    assert targets(dict(reversed(base().items()))) == ["helper", "goal"]
    third = {**base(), "closer": base()["goal"] + 0.5 * normal(4)}
    assert targets(third) == ["goal", "closer"]
    assert [c.column for c in choose_targets(table(third), max_targets=9)] == ["goal", "closer", "helper"]
    assert [c.column for c in choose_targets(table(third), max_targets=1)] == ["goal"]


def test_the_association_is_the_rank_correlation() -> None:
    columns = base()
    expected = pd.Series(columns["goal"]).corr(pd.Series(columns["helper"]), method="spearman")
    assert choose_targets(table(columns))[0].association == pytest.approx(expected)


@pytest.mark.parametrize(
    "image",
    [
        lambda x: x,
        lambda x: -2 * x + 1,
        lambda x: np.exp(3 * x),
        lambda x: pd.Timestamp("2020-01-01") + pd.to_timedelta(np.round(x * 1e6), unit="s"),
        lambda x: np.round(x, 2).astype(str).astype(object),
        lambda x: np.where(np.arange(N) % 3, x, np.nan),
    ],
    ids=["copy", "linear", "exponential", "date", "text of a number", "copy with gaps"],
)
def test_what_mirrors_the_target_leaves(image: Any) -> None:
    columns = {**base(), "goal": np.round(base()["goal"], 2)}
    tasks = numeric_targets(table({**columns, "mirror": image(columns["goal"])}), max_targets=9)
    (task,) = (task for task in tasks if task.y.name in ("goal", "mirror"))  # either, and never both
    assert list(task.X) == ["helper", "grade", "noise"]


@pytest.mark.parametrize("kind", ["numeric", "nominal"])
@pytest.mark.parametrize("edges", [[0.0], [2.0], [-1.0, 0.2], np.linspace(-2, 2, 9)], ids=["half", "tail", "3", "10"])
def test_bins_of_the_target_leave(edges: Any, kind: str) -> None:
    bins = np.searchsorted(edges, base()["goal"])
    labels = [f"label {(3 * i) % 10}" for i in bins]  # the names are in no order
    columns = {**base(), "bins": labels if kind == "nominal" else bins.astype(float)}
    frame = pd.DataFrame(columns).astype({"bins": object if kind == "nominal" else float})
    frame.loc[::11, "bins"] = None if kind == "nominal" else np.nan
    assert "bins" in choice(dict(frame.items()), "goal").derived


def test_bins_that_overlap_stay() -> None:
    goal = base()["goal"]
    noisy = np.where(goal + 0.3 * normal(5) > 0, "high", "low").astype(object)
    assert choice({**base(), "noisy": noisy}, "goal").derived == ()


def test_values_that_determine_the_target_leave() -> None:
    group = np.arange(N) % 20
    goal = normal(6, 20)[group] + 0.01 * normal(7)
    columns = {**base(), "goal": goal, "helper": goal + 0.8 * normal(1), "code": group.astype(float)}
    assert "code" in choice(columns, "goal").derived


def test_names_of_rows_tell_nothing() -> None:
    names = np.array([f"row {i // 2}" for i in range(N)], dtype=object)
    unrelated = {"goal": normal(0), "noise": normal(1), "names": names, "more": normal(2)}
    assert targets(unrelated) == []
    assert choice({**base(), "names": names}, "goal").derived == ()


def test_a_nominal_column_may_be_what_speaks_of_the_target() -> None:
    group = np.arange(N) % 5
    columns = {"goal": 0.5 * group + normal(0), "noise": normal(1), "group": np.array(list("caebd"), object)[group]}
    (only,) = choose_targets(table(columns))
    assert only.column == "goal"
    assert only.association == pytest.approx(0.56, abs=0.1)  # sqrt(0.5 / (0.5 + 1))


def test_a_second_target_is_not_derived_from_the_first() -> None:
    columns = {**base(), "copy": base()["goal"] ** 3}
    assert targets(columns) == ["goal", "helper"]
    del columns["noise"], columns["grade"]
    assert targets(columns) == ["helper"]  # goal and its copy keep one feature each


@pytest.mark.parametrize("combine", [lambda a, b: a + 2 * b, lambda a, b: np.round(a * b, 2), lambda a, b: a / b])
def test_sums_products_and_ratios_are_given_away(combine: Any) -> None:
    a, b = np.exp(normal(1)) + 1, np.exp(normal(2)) + 1
    total = combine(a, b)
    columns = {"a": a, "b": b, "total": total}
    assert targets(columns) == []
    noisy = total * np.exp(0.4 * normal(3))
    assert "total" in targets({**columns, "total": noisy})


def test_wrong_entries_do_not_hide_a_formula() -> None:
    a, b = normal(1), normal(2)
    total = a + b
    total[::30] += 20
    assert "total" not in targets({"a": a, "b": b, "total": total})


def test_too_few_values_rows_or_features() -> None:
    columns = base()
    coarse = {**columns, "goal": pd.qcut(columns["goal"], 49, labels=False).astype(float)}
    assert targets(coarse) == ["helper"]
    finer = {**columns, "goal": pd.qcut(columns["goal"], 50, labels=False).astype(float)}
    assert targets(finer) == ["goal", "helper"]
    assert targets(base(99)) == []
    assert targets(base(100)) == ["goal", "helper"]
    three = {name: columns[name] for name in ("goal", "helper", "noise")}
    rare = {n: {**three, "goal": np.where(np.arange(N) < n, columns["goal"], np.nan)} for n in (99, 100)}
    assert targets(rare[99]) == []  # and helper has nothing left that speaks of it in 100 rows
    assert targets(rare[100]) == ["goal", "helper"]
    assert targets({name: columns[name] for name in ("goal", "helper")}) == []
    constant = {
        "goal": columns["goal"],
        "helper": columns["helper"],
        "constant": np.ones(N),
        "empty": np.full(N, np.nan),
    }
    assert targets(constant) == []


def test_a_value_that_most_rows_share() -> None:
    columns = base()
    mostly = {**columns, "goal": np.where(columns["goal"] < 0.05, 0.0, columns["goal"])}
    assert (mostly["goal"] == 0).mean() > 0.5
    assert targets(mostly) == ["helper"]


def test_without_numbers_or_relations_there_is_none() -> None:
    assert targets({"a": np.array(["x", "y"] * 100, object), "b": np.array(["u", "v"] * 100, object)}) == []
    assert targets({name: normal(i) for i, name in enumerate("abcdef")}) == []


def test_text_is_neither_target_nor_evidence() -> None:
    words = pd.Series([f"a remark on {round(v, 1)}" for v in base()["goal"]], dtype="str")
    dataset = table(base())
    texts = table({**base(), "words": words}, kinds=(*dataset.kinds, "text"))
    assert choose_targets(texts) == choose_targets(dataset)


def test_generated_dataset() -> None:
    columns = {**base(), "copy": base()["goal"] * 3, "label": np.array(list("ab") * (N // 2), object)}
    columns["goal"] = np.where(np.arange(N) % 10 == 3, np.nan, columns["goal"])
    columns["copy"] = np.where(np.arange(N) % 10 == 3, np.nan, columns["copy"])
    dataset = table(columns, order="copy")
    before = dataset.X.copy()
    by_name = {task.name: task for task in numeric_targets(dataset, max_targets=3)}
    task = by_name["t-goal"]
    assert list(task.X) == ["helper", "grade", "noise", "label"]
    assert task.kinds == ("numeric", "numeric", "numeric", "nominal")
    assert (task.task_type, task.order) == ("regression", None)
    assert task.fingerprint == sha256(f"{'f' * 64}:goal".encode()).hexdigest()
    assert task.id == f"data-{task.fingerprint[:16]}"
    known = np.arange(N) % 10 != 3
    np.testing.assert_array_equal(task.y, columns["goal"][known])
    np.testing.assert_array_equal(task.X["helper"], columns["helper"][known])
    assert list(task.X.index) == list(task.y.index) == list(range(270))
    assert (by_name["t-helper"].order, len(by_name["t-helper"].X)) == ("copy", N)
    pd.testing.assert_frame_equal(dataset.X, before)


def test_invariant_to_monotone_maps_and_to_the_order_of_rows() -> None:
    columns = base()
    expected = choose_targets(table(columns))
    mapped = {name: np.asarray(values) * 3 - 1 for name, values in columns.items()}
    shuffled = table(dict(pd.DataFrame(columns).sample(frac=1, random_state=0).reset_index(drop=True).items()))
    assert choose_targets(table(mapped)) == choose_targets(shuffled) == expected


def test_refuses_less_than_one_target() -> None:
    with pytest.raises(InputError, match="max_targets=0"):
        numeric_targets(table(base()), max_targets=0)


@pytest.mark.parametrize(
    ("name", "target", "expected"),
    [
        ("page-blocks", "class", []),  # every column is a product or a ratio of others
        ("ringnorm", "class", []),  # the columns are independent
        ("sick", "Class", ["T3", "TSH"]),  # not TT4, T4U and FTI = TT4 / T4U
        ("cylinder-bands", "band_type", ["job_number", "press_speed"]),  # not shares that add up to 100
        ("autoMpg", "class", ["displacement", "weight"]),
        ("adult", "class", ["age", "hours-per-week"]),
    ],
)
def test_real_tables(shared: Path, name: str, target: str, expected: list[str]) -> None:
    (path,) = (shared / "datasets").glob(f"{name}.*")
    dataset = load_dataset(path, target, name=name)
    tasks = numeric_targets(dataset)
    assert [task.y.name for task in tasks] == expected
    for task in tasks:
        assert task.y.notna().all()
        assert target not in task.X
        assert len(task.X) == len(task.y) == dataset.X[task.y.name].notna().sum()
        assert len(task.kinds) == task.X.shape[1]
