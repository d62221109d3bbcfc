"""Raw files: every format and flaw that real files have, and every one of the shared datasets."""

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metalearn.errors import InputError
from metalearn.sources.files import load_dataset
from metalearn.sources.frames import make_dataset

HEADER = "height,kind,y\n"
ROWS = [f"{i}.5,{'ab'[i % 2]},{i // 2 % 2}\n" for i in range(12)]
TEXT = HEADER + "".join(ROWS)


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("text", ["\n\na, a,,y\n", '"a";"a";"";y\n'])
def test_names_that_stand_twice_in_a_file_are_noted(tmp_path, text):
    separator = ";" if ";" in text else ","
    rows = "".join(separator.join((str(i), "1", "2", "ab"[i % 2])) + "\n" for i in range(12))
    dataset = load_dataset(written(tmp_path, "twice.csv", text + rows), "y")
    assert list(dataset.X.columns) == ["a", "a.1", "Unnamed: 2"]
    assert dataset.notes == ("columns whose name was taken already are called 'a.1'",)


def test_names_that_stand_twice_in_an_arff_file_are_noted(tmp_path):
    header = "@relation r\n@attribute a real\n@attribute a {0,1}\n@attribute y {u,v}\n@data\n"
    rows = "".join(f"{i},{i % 2},{'uv'[i % 2]}\n" for i in range(12))
    dataset = load_dataset(written(tmp_path, "twice.arff", header + rows), "y")
    assert list(zip(dataset.X.columns, dataset.kinds, strict=True)) == [("a", "numeric"), ("a.1", "nominal")]
    assert dataset.notes == ("columns whose name was taken already are called 'a.1'",)


def test_every_shared_dataset_agrees_with_its_index(shared):
    with (shared / "datasets" / "index.csv").open(newline="") as file:
        index = list(csv.DictReader(file))
    assert len(index) == 91
    fingerprints = set()
    for entry in index:
        dataset = load_dataset(shared / "datasets" / entry["file"], entry["target_column"])
        found = {
            "task_type": dataset.task_type,
            "n_rows": str(len(dataset.X)),
            "n_features": str(dataset.X.shape[1]),
            "n_classes": str(dataset.n_classes or ""),
            "n_missing": str(dataset.X.isna().to_numpy().sum()),
            "n_categorical": str(sum(kind != "numeric" for kind in dataset.kinds)),
        }
        assert found == {key: entry[key] for key in found}, entry["name"]
        assert dataset.name == entry["file"].removesuffix(".gz").rpartition(".")[0].split(".")[0]
        fingerprints.add(dataset.fingerprint)
    assert len(fingerprints) == 91


def test_the_same_table_has_one_fingerprint_in_every_format(tmp_path):
    frame = pd.read_csv(written(tmp_path, "a.csv", TEXT))
    frame.to_parquet(tmp_path / "b.parquet")
    frame[::-1].to_csv(tmp_path / "c.tsv", sep="\t", index=False)
    attributes = "@relation r\n@attribute u real\n@attribute v {a,b}\n@attribute y {0,1}\n@data\n"
    written(tmp_path, "d.arff", attributes + "".join(ROWS))
    written(tmp_path, "e.csv.gz", gzip.compress(TEXT.encode()))
    files = ("a.csv", "b.parquet", "c.tsv", "d.arff", "e.csv.gz")
    datasets = [load_dataset(tmp_path / name, "y") for name in files]
    assert len({d.fingerprint for d in datasets}) == 1
    assert {d.kinds for d in datasets} == {("numeric", "nominal")}
    assert {d.n_classes for d in datasets} == {2}
    assert [d.name for d in datasets] == ["a", "b", "c", "d", "e"]


def test_another_value_gives_another_fingerprint(tmp_path):
    original = load_dataset(written(tmp_path, "a.csv", TEXT), "y")
    changed = load_dataset(written(tmp_path, "b.csv", TEXT.replace("3.5", "3.25")), "y")
    assert original.fingerprint != changed.fingerprint


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(tmp_path, separator):
    dataset = load_dataset(written(tmp_path, "a.csv", TEXT.replace(",", separator)), "y")
    assert list(dataset.X.columns) == ["height", "kind"]
    assert dataset.X["height"].tolist() == [i + 0.5 for i in range(12)]


def test_separators_inside_quotes_and_decimal_commas_do_not_mislead(tmp_path):
    text = "note;kind\n" + '"one, two, three";a\n4,5;b\n' * 6
    dataset = load_dataset(written(tmp_path, "a.csv", text), "kind")
    assert dataset.X.shape == (12, 1)
    assert set(dataset.X["note"]) == {"one, two, three", "4,5"}


def test_what_pandas_writes_with_decimal_commas_is_read_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=20), "tiny": rng.normal(size=20) * 1e-9, "y": rng.normal(size=20)})
    frame.loc[3, "x"] = None
    frame.to_csv(tmp_path / "dec.csv", sep=";", decimal=",", index=False)
    frame.to_csv(tmp_path / "plain.csv", index=False)
    commas, points = (load_dataset(tmp_path / name, "y") for name in ("dec.csv", "plain.csv"))
    assert commas.kinds == ("numeric", "numeric")
    pd.testing.assert_frame_equal(commas.X, points.X)
    assert commas.fingerprint == points.fingerprint


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "2", " ? ", "-,5", "1,5e-3"], [1.5, 2, np.nan, -0.5, 0.0015]),
        (["1,5", "two"], None),
        (["1,5", "2.5"], None),
        (["1,5", "1,2,3"], None),
        (["1.234,5", "2,5"], None),
        (["1,234", "12,345"], None),
        (["1,234", "0,345"], [1.234, 0.345]),
    ],
    ids=lambda cells: " ".join(map(str, cells or [])),
)
def test_commas_are_decimal_where_all_of_a_column_are_such_numbers(tmp_path, cells, values):
    text = "a;y\n" + "".join(f"{cells[i % len(cells)]};{'uv'[i % 2]}\n" for i in range(10 * len(cells)))
    column = load_dataset(written(tmp_path, "a.csv", text), "y").X["a"]
    assert column.dtype == ("category" if values is None else "float64")
    if values is not None:
        np.testing.assert_array_equal(column[: len(values)], values)


def test_three_digits_behind_a_comma_are_decimals_where_another_column_tells(tmp_path):
    text = "a;b;y\n" + "1,234;0,5;u\n2,345;1,25;v\n" * 6
    assert load_dataset(written(tmp_path, "a.csv", text), "y").X["a"].tolist() == [1.234, 2.345] * 6


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8"),
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("latin-1"),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode() + b"\x1a",
        lambda text: text.replace("\n", "\r").encode(),
    ],
    ids=["utf-8", "bom", "latin-1", "utf-16", "dos", "old mac"],
)
def test_encodings_and_line_ends(tmp_path, encode):
    text = TEXT.replace("height", "größe").replace("a", "é")
    dataset = load_dataset(written(tmp_path, "a.csv", encode(text)), "y")
    assert list(dataset.X.columns) == ["größe", "kind"]
    assert list(dataset.X["kind"].cat.categories) == ["b", "é"]
    assert len(dataset.X) == 12


def test_every_missing_marker_is_missing(tmp_path):
    cells = ["?", "", "NA", "nan", "NaN", " ? ", "null", "N/A"]
    text = "a,b,y\n" + "".join(f"{cell},x,{i % 2}\n" for i, cell in enumerate(cells)) + "1,z,0\n" * 4
    dataset = load_dataset(written(tmp_path, "a.csv", text), "y")
    assert dataset.kinds == ("numeric", "nominal")
    assert dataset.X["a"].isna().sum() == len(cells)


def test_none_is_a_value_as_in_many_surveys(tmp_path):
    text = "garage,y\n" + "None,1\nBrick,0\n" * 6
    assert set(load_dataset(written(tmp_path, "a.csv", text), "y").X["garage"]) == {"None", "Brick"}


def test_rows_without_a_target_are_dropped(tmp_path):
    dataset = load_dataset(written(tmp_path, "a.csv", TEXT + "1,a,?\n1,b,\n"), "y")
    assert len(dataset.X) == len(dataset.y) == 12
    assert not dataset.y.isna().any()


def test_arff_keeps_what_it_declares_nominal(tmp_path):
    header = "@relation r\n@attribute 'it\\'s' {0,1}\n@attribute n numeric\n@attribute y {0,1}\n@data\n"
    dataset = load_dataset(written(tmp_path, "a.arff", header + "0,0,1\n1,1,0\n" * 6), "y")
    assert dataset.kinds == ("nominal", "numeric")
    assert list(dataset.X.columns) == ["it's", "n"]


@pytest.mark.parametrize("name", ["A.ARFF", "A.Parquet", "A.CSV.GZ"])
def test_capitals_in_an_ending_make_no_difference(tmp_path, name):
    if name == "A.Parquet":
        pd.read_csv(written(tmp_path, "a.csv", TEXT)).to_parquet(tmp_path / name)
    else:
        head = "@relation r\n@attribute height real\n@attribute kind {a,b}\n@attribute y {0,1}\n@data\n"
        text = head + "".join(ROWS) if name == "A.ARFF" else TEXT
        written(tmp_path, name, gzip.compress(text.encode()) if name.endswith("GZ") else text)
    assert load_dataset(tmp_path / name, "y").kinds == ("numeric", "nominal")


def test_options_reach_the_dataset(tmp_path):
    path = written(tmp_path, "a.csv", TEXT)
    dataset = load_dataset(path, "y", name="mine", task_type="regression", nominal=["height"])
    assert (dataset.name, dataset.task_type, dataset.kinds) == ("mine", "regression", ("nominal", "nominal"))
    assert dataset.fingerprint == make_dataset(pd.read_csv(path), "y").fingerprint


BINARY = np.random.default_rng(0).bytes(1000)
FLAWED = {
    "binary.csv": (BINARY, "binary.csv holds binary data, not text"),
    "nul.csv": (b"a,y\n\x00,1\n", "holds binary data"),
    "empty.csv": (b"", "empty.csv is empty"),
    "blank.csv": (b" \n\n", "blank.csv is empty"),
    "header.csv": ("a,y\n", "header has 0 rows with a target, and at least 10 are needed"),
    "few.csv": (HEADER + ROWS[0] * 9, "few has 9 rows with a target, and at least 10 are needed"),
    "ragged.csv": (TEXT + "1,2,3,4\n", "Expected 3 fields in line 14, saw 4"),
    "row_names.csv": (HEADER + "".join("7," + row for row in ROWS), "Length of header"),
    "open_quote.csv": (TEXT + '"1,2,3\n', "EOF inside string"),
    "torn.csv.gz": (gzip.compress(TEXT.encode(), mtime=0)[:-20], "cannot be read"),
    "bad.gz": (b"\x1f\x8b hello", "cannot be read"),
    "bad.parquet": (b"hello", "is not a readable Parquet file"),
    "text.arff": ("hello", "no line says @data"),
    "table.json": ('[{"a": 1}]', "table.json is JSON, which is no table"),
    "value.arff": ("@relation r\n@attribute a real\n@attribute y {0}\n@data\n1,0\nx,0\n", "at line 6"),
}


@pytest.mark.parametrize("name", FLAWED)
def test_a_flawed_file_is_one_sentence(tmp_path, name):
    content, message = FLAWED[name]
    with pytest.raises(InputError) as caught:
        load_dataset(written(tmp_path, name, content), "y")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="is a directory; give one file"):
        load_dataset(tmp_path, "y")
    with pytest.raises(InputError, match="There is no file"):
        load_dataset(tmp_path / "nowhere.csv", "y")
    path = written(tmp_path, "a.csv", TEXT)
    with pytest.raises(InputError, match=r"Name the target column of .*; its columns are 'height', 'kind', 'y'"):
        load_dataset(path)
    with pytest.raises(InputError, match="no column 'kin' in a; did you mean 'kind'"):
        load_dataset(path, "kin")
    with pytest.raises(InputError, match="no column 13 in a; its columns are 'height', 'kind', 'y'"):
        load_dataset(path, 13)
