"""One table in each format, a chunk at a time."""

import datetime as dt
import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from metalearn.errors import InputError
from metalearn.sources.chunks import read_chunks, require_columns

CSV = "C,kernel,y\n0.5,rbf,0.9\n,None,0.8\n3,?,0.7\n"
ARFF = """@relation t
@attribute C numeric
@attribute kernel {rbf,None}
@attribute y numeric
@data
0.5,rbf,0.9
?,None,0.8
3,?,0.7
"""


def write(folder, name):
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(CSV.encode()))
    elif name.endswith(".csv"):
        path.write_text("\ufeff" + CSV, encoding="utf-8")
    elif name.endswith(".arff"):
        path.write_text(ARFF)
    else:
        pq.write_table(pa.table({"C": [0.5, None, 3], "kernel": ["rbf", "None", None], "y": [0.9, 0.8, 0.7]}), path)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.CSV.GZ", "t.arff", "t.ARFF", "t.parquet", "t.pq"])
def test_every_format_gives_the_same_chunks(tmp_path, name):
    path = write(tmp_path, name.lower()).rename(tmp_path / name)
    chunks = list(read_chunks(path, 2))
    assert [len(chunk) for chunk in chunks] == [2, 1]
    table = pd.concat(chunks)
    assert list(table.columns) == ["C", "kernel", "y"]
    np.testing.assert_array_equal(table["C"].astype(float), [0.5, np.nan, 3])
    assert [cell if isinstance(cell, str) else None for cell in table["kernel"]] == ["rbf", "None", None]


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_cells_may_be_separated_by_something_else(tmp_path, separator):
    path = tmp_path / "t.csv"
    path.write_text(f'"C,or not"{separator}kernel{separator}y\n1\n')
    assert [*next(read_chunks(path, 2)).columns] == ["C,or not", "kernel", "y"]


def test_decimal_commas_are_read_beside_semicolons_alone(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("C;loss;layers;kernel\n-6,3;1,5e-3; (50,50) ;a,5\n,5;7;;2\n")
    (chunk,) = read_chunks(path, 10)
    assert chunk["C"].to_list() == ["-6.3", ".5"]
    assert chunk["loss"].to_list() == ["1.5e-3", "7"]
    assert chunk["layers"].to_list()[0] == " (50,50) "
    assert chunk["kernel"].to_list() == ["a,5", "2"]
    path.write_text('C,kernel\n"6,3",rbf\n')
    assert next(read_chunks(path, 10))["C"].to_list() == ["6,3"]


def test_nested_cells_become_json(tmp_path):
    path = tmp_path / "t.parquet"
    columns = {"layers": [[50, 50], None], "hyperparameters": [{"C": 1.5, "gamma": None}, {"C": None, "gamma": 2.0}]}
    pq.write_table(pa.table(columns), path)
    (chunk,) = read_chunks(path, 10)
    assert chunk["layers"].to_list()[0] == "[50, 50]"
    assert pd.isna(chunk["layers"].to_list()[1])
    assert chunk["hyperparameters"].to_list() == ['{"C": 1.5}', '{"gamma": 2.0}']


def test_nested_cells_may_hold_what_json_has_no_word_for(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"days": [[dt.date(2020, 1, 2)]]}), path)
    (chunk,) = read_chunks(path, 10)
    assert chunk["days"].to_list() == ['["2020-01-02"]']


def test_columns_of_the_same_name_are_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["C", "C"]), path)
    with pytest.raises(InputError, match=r"t\.parquet has columns of the same name: C, C; keep one of each"):
        list(read_chunks(path, 2))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv.gz", gzip.compress((CSV * 1000).encode(), mtime=0)[:-20], "cannot be read"),
        ("t.csv.gz", b"\x1f\x8b hello", "cannot be read"),
        ("t.xlsx", b"", "none of the endings .csv, .parquet"),
        ("t", b"", "none of the endings"),
        ("t.csv", b"", "is empty"),
        ("t.csv", b"a,b\n1,2\n3,4,5\n", "cannot be read"),
        ("t.csv", b"a,b\n1,2,3\n3,4,5\n", "more cells than its first line has names"),
        ("t.csv", b"a\n\xff\xfe\n", "cannot be read"),
        ("t.parquet", b"no parquet", "cannot be read"),
        ("t.arff", b"no arff", "cannot be read"),
        ("t.arff", b"@relation t\n@attribute a numeric\n@data\n1\nx\n", "cannot be read"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(read_chunks(path, 2))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    for name in ("t.csv", "t.arff", "t.parquet"):
        with pytest.raises(InputError, match="cannot be read"):
            list(read_chunks(tmp_path / name, 2))


def test_a_missing_column_names_the_nearest(tmp_path):
    (frame,) = read_chunks(write(tmp_path, "t.csv"), 10)
    require_columns(frame, tmp_path, "C", "y")
    with pytest.raises(InputError, match=r"has no column 'kernal'; did you mean 'kernel'\? it has C, kernel, y"):
        require_columns(frame, tmp_path, "kernal")
