"""Splits come back from their file as they were, and the file is small."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from metalearn.core.records import Dataset
from metalearn.learners.splits import outer_splits, take_rows
from metalearn.learners.stored_splits import StoredSplits, make_splits, read_splits, write_splits


def _dataset(n_rows: int) -> Dataset:
    y = pd.Series(["a", "b", "b"] * (n_rows // 3), dtype="category")
    return Dataset(pd.DataFrame({"row": range(len(y))}), y, "d", ("numeric",), "f" * 64)


def test_a_small_dataset_is_split_whole() -> None:
    whole = _dataset(90)
    made = make_splits(whole, max_rows=90, seed=4)
    assert made.rows.tolist() == list(range(90))
    assert made.dataset(whole) is whole
    for seed, parts in outer_splits(whole, 4).items():
        np.testing.assert_array_equal(made.parts[seed], parts)


def test_a_large_one_is_sampled_first() -> None:
    whole = _dataset(3000)
    made = make_splits(whole, max_rows=600)
    used = made.dataset(whole)
    assert (len(made.rows), sorted(made.parts)) == (600, [0, 1, 2])  # as many splits as the sample needs
    assert used.X["row"].tolist() == made.rows.tolist()
    assert used.y.value_counts().to_dict() == {"b": 400, "a": 200}
    for seed, parts in outer_splits(take_rows(whole, made.rows)).items():
        np.testing.assert_array_equal(made.parts[seed], parts)


def _assert_equal(found: dict[str, StoredSplits], expected: dict[str, StoredSplits]) -> None:
    assert set(found) == set(expected)
    for task, splits in expected.items():
        assert found[task].rows.dtype == np.int64
        np.testing.assert_array_equal(found[task].rows, splits.rows)
        assert list(found[task].parts) == list(splits.parts)
        for seed, parts in splits.parts.items():
            assert found[task].parts[seed].dtype == np.int64
            np.testing.assert_array_equal(found[task].parts[seed], parts)


def test_splits_come_back_as_they_were(tmp_path: Path) -> None:
    made = {
        "openml-dataset-7": make_splits(_dataset(90), max_rows=60, seed=2),
        "openml-dataset-11": make_splits(_dataset(30), max_rows=60),
        "data-0123": make_splits(_dataset(3000), max_rows=2500),
    }
    write_splits(made, tmp_path / "splits.parquet")
    _assert_equal(read_splits(tmp_path / "splits.parquet"), made)
    assert [path.name for path in tmp_path.iterdir()] == ["splits.parquet"]


def test_no_splits_are_a_file_too(tmp_path: Path) -> None:
    write_splits({}, tmp_path / "splits.parquet")
    assert read_splits(tmp_path / "splits.parquet") == {}


def test_the_same_splits_give_the_same_bytes_in_any_order(tmp_path: Path) -> None:
    made = {name: make_splits(_dataset(90), max_rows=60, seed=i) for i, name in enumerate("cab")}
    for file, tasks in (("one", "cab"), ("two", "bca")):
        write_splits({name: made[name] for name in tasks}, tmp_path / file)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_file_is_small(tmp_path: Path) -> None:
    n_rows = 10_000
    made = {f"task-{i}": make_splits(_dataset(30_000), max_rows=n_rows, seed=i) for i in range(5)}
    write_splits(made, tmp_path / "splits.parquet")
    bits = 8 * (tmp_path / "splits.parquet").stat().st_size / (5 * n_rows)
    assert bits < 8  # of entropy there are about 2.9 in which rows are sampled, and 1.9 in their parts


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_splits(tmp_path / "splits.parquet") == {}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "splits.parquet"
    made = {"a": make_splits(_dataset(30), max_rows=60)}
    write_splits(made, path)

    def half(_: object, where: Path, **__: object) -> None:
        where.write_bytes(path.read_bytes()[:50])
        raise OSError("no space left on device")

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(OSError, match="no space"):
        write_splits({"b": made["a"]}, path)
    _assert_equal(read_splits(path), made)
