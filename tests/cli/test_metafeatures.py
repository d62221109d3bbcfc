"""``metalearn metafeatures``: one table, and a folder of tables of which some cannot be read."""

import json

import numpy as np
import pandas as pd
import pytest

CHEAP = ("--groups", "simple,statistical", "--summaries", "mean,max")


def table(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(size=n), "b": rng.choice(["x", "y"], n), "label": rng.choice(["u", "v"], n)})


@pytest.fixture
def folder(tmp_path):
    """Three tables, and three files that are none of this target."""
    folder = tmp_path / "tables"
    folder.mkdir()
    table(30).to_csv(folder / "first.csv", index=False)
    table(40, 1).to_parquet(folder / "second.parquet")
    table(1, 2).to_csv(folder / "tiny.csv.gz", index=False)
    (folder / "broken.csv").write_bytes(bytes(range(256)))
    (folder / "other.csv").write_text("a,b\n" + "1,2\n" * 20)
    (folder / "notes.txt").write_text("no table")
    return folder


def values(document):
    return {name: entry["value"] for name, entry in document["meta_features"].items()}


def test_every_readable_table_of_a_folder_is_described(run, folder):
    code, out, err = run("metafeatures", folder, "--target", "label", *CHEAP, "--json")
    found = json.loads(out)["datasets"]
    assert code == 0
    assert list(found) == ["first", "second", "tiny"]
    assert [(document["rows"], document["columns"]) for document in found.values()] == [(30, 2), (40, 2), (1, 2)]
    alone = json.loads(run("metafeatures", folder / "second.parquet", "--target", "label", *CHEAP, "--json")[1])
    assert values(found["second"]) == values(alone)
    assert "broken.csv: " in err
    assert "binary" in err
    assert "other.csv: There is no column 'label'" in err
    assert "notes" not in err


def test_workers_change_nothing_but_the_time(run, folder):
    command = ("metafeatures", folder, "--target", "label", *CHEAP, "--json")
    one, two = (json.loads(run(*command, "--workers", w)[1])["datasets"] for w in (1, 2))
    assert {name: values(d) for name, d in one.items()} == {name: values(d) for name, d in two.items()}


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_a_folder_becomes_one_wide_table(run, folder, tmp_path, name):
    code, out, _ = run("metafeatures", folder, "--target", "label", *CHEAP, "--out", tmp_path / name)
    frame = (pd.read_csv if name.endswith("csv") else pd.read_parquet)(tmp_path / name)
    assert code == 0
    assert frame.columns[0] == "dataset"
    assert frame["dataset"].tolist() == ["first", "second", "tiny"]
    assert frame["n_rows"].tolist() == [30, 40, 1]
    assert frame["mean_mean"][0] == pytest.approx(table(30)["a"].mean())
    assert frame["sd_mean"].isna().tolist() == [False, False, True]
    assert out.startswith("3 tables")
    assert "too_few_rows" in out


def test_when_nothing_can_be_read_it_fails(run, folder, tmp_path):
    code, out, err = run("metafeatures", folder, "--target", "nothing", *CHEAP, "--json")
    assert code == 1
    assert json.loads(out) == {"datasets": {}}
    assert err.count("There is no column 'nothing'") == 4
    (tmp_path / "empty").mkdir()
    assert "holds no table" in run("metafeatures", tmp_path / "empty")[2]


def test_tables_of_one_name_keep_their_endings(run, folder):
    table(20).to_csv(folder / "first.tsv", sep="\t", index=False)
    found = json.loads(run("metafeatures", folder, "--target", "label", *CHEAP, "--json")[1])["datasets"]
    assert list(found) == ["first.csv", "first.tsv", "second", "tiny"]


def test_without_a_target_the_columns_are_described(run, folder):
    document = json.loads(run("metafeatures", folder / "first.csv", *CHEAP, "--json")[1])
    assert (document["rows"], document["columns"]) == (30, 3)
    assert values(document)["n_nominal"] == 2
    assert document["meta_features"]["n_classes"]["status"] == "not_applicable"


def test_summaries_and_groups_are_chosen(run, folder):
    document = json.loads(run("metafeatures", folder / "first.csv", "--groups", "statistical", *CHEAP[2:], "--json")[1])
    assert {"mean_mean", "mean_max"} <= set(values(document))
    assert not {"mean_min", "n_rows"} & set(values(document))
    every = ("--groups", "all", "--summaries", "all", "--json")
    document = json.loads(run("metafeatures", folder / "tiny.csv.gz", *every)[1])
    assert {"n_rows", "mean_histogram_9"} <= set(values(document))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--groups", "simpel"], "did you mean 'simple'"),
        (["--summaries", "medan"], "did you mean 'median'"),
        (["--target", "lable"], "did you mean 'label'"),
    ],
)
def test_a_wrong_name_suggests_the_nearest(run, folder, options, message):
    code, out, err = run("metafeatures", folder / "first.csv", *options)
    assert (code, out) == (1, "")
    assert message in err


@pytest.mark.parametrize(
    "options", [["--out", "values.txt"], ["--workers", "0"], ["--memory", "0"], ["--timeout", "-1"]]
)
def test_a_usage_error_exits_with_2(run, folder, options):
    assert run("metafeatures", folder / "first.csv", *options)[0] == 2


def test_time_and_memory_are_limited(run, folder):
    options = ("--target", "label", "--groups", "simple,statistical", "--json")
    spent = json.loads(run("metafeatures", folder / "first.csv", *options, "--timeout", "0")[1])
    assert {entry["status"] for entry in spent["meta_features"].values()} == {"timeout"}
    table(200_000).to_parquet(folder / "long.parquet")
    limited = json.loads(run("metafeatures", folder / "long.parquet", *options, "--memory", "0.004")[1])
    assert values(limited)["n_rows"] == 200_000
    assert values(limited)["n_rows_used"] == 62_500
