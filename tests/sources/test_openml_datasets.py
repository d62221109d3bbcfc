"""Fetching OpenML datasets from a server on localhost: one table from every file, whatever goes wrong on the way."""

import csv
import fcntl
import hashlib
import logging
import os
import shutil
import threading
import traceback

import openml
import pandas as pd
import pytest
from urllib3.util.retry import Retry

import metalearn
from metalearn.errors import AbsentError, InputError, SourceError
from metalearn.sources import openml_datasets
from metalearn.sources.files import load_dataset
from metalearn.sources.openml_datasets import fetch_table
from tests.sources.openml_world import emulator_module, write_odd_world

KEY = "0123456789abcdef0123456789abcdef"
PARQUET, ARFF = "datasets/*", "data/v1/download/*"
_COLOURS = ("green", "'light blue'")
SPARSE = """@relation words
@attribute 'the word' numeric
@attribute colour {red,'light blue',green}
@attribute n {1,2}
@attribute class {yes,no}
@data
""" + "".join(f"{{{'0 0.1,' if i % 3 else ''} 1 {_COLOURS[i % 2]},3 no}}\n{{2 2}}\n" for i in range(15))
_WORDS = ("TRUE", "FALSE", "?")
MIXED = """@relation mixed
@attribute row string
@attribute smokes {TRUE,FALSE}
@attribute born date 'yyyy-MM-dd'
@attribute note string
@attribute 'it\\'s real' real
@attribute level {1,2,3}
@attribute y real
@data
""" + "".join(
    f"r{i},{_WORDS[i % 3]},19{50 + i}-01-0{1 + i % 9},'words number {i} here',{i / 7},{1 + i % 3},{i * 1.5}\n"
    for i in range(30)
)
REAL = [
    ("iris", "iris.arff", 61, "class"),
    ("eucalyptus", "eucalyptus.arff", 188, "Utility"),
    ("anneal", "anneal.arff", 2, "class"),
    ("autoMpg", "autoMpg.arff", 196, "class"),
    ("pc4", "pc4.csv", 1049, "class"),
]


@pytest.fixture(scope="module")
def world(shared, tmp_path_factory):
    """Five real datasets and four odd ones."""
    folder = write_odd_world(tmp_path_factory.mktemp("files") / "world")
    files = folder.parent / "files"
    files.mkdir()
    (files / "sparse.arff").write_text(SPARSE)
    (files / "mixed.arff").write_text(MIXED)
    (files / "toy.csv").write_text("x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    index = [
        *((name, str(shared / "datasets" / file), did, target) for name, file, did, target in REAL),
        ("sparse", "sparse.arff", 70, "class"),
        ("mixed", "mixed.arff", 71, "y"),
        ("toy", "toy.csv", 40, "y"),
        ("miscounted", "toy.csv", 72, "y"),
    ]
    datasets = [(did, name, 1, "deactivated" if name == "toy" else "active") for name, _, did, _ in index]
    tables = {
        files / "index.csv": [("name", "file", "openml_id", "target_column"), *index],
        folder / "datasets.csv": [("did", "name", "version", "status"), *datasets, (73, "lost", 1, "active")],
        folder / "qualities.csv": [("did", "NumberOfInstances"), (72, 21), (73, 10)],
    }
    for path, rows in tables.items():
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(rows)
    return folder, files


@pytest.fixture
def serve(shared, world, monkeypatch):
    """Start emulators, which end with the test; minio's own retries do not sleep."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("OPENML_SKIP_PARQUET", raising=False)
    monkeypatch.setattr(Retry, "sleep", lambda *_: None)
    running = []

    def start(faults=""):
        running.append(emulator_module(shared).Emulator(world[0], faults, datasets=world[1]).__enter__())
        return running[-1]

    yield start
    for emulator in running:
        emulator.__exit__()


@pytest.fixture
def fetch(tmp_path):
    """Fetch a table from a server, with short pauses."""

    def call(server, did=61, **options):
        options = {"attempts": 3, "pause_seconds": 0.001, "cache": tmp_path / "cache"} | options
        return fetch_table(did, server=server.url, **options)

    return call


def describe(server, **about):
    """Change what the server says of its datasets: None leaves a word out."""
    original = server.api.data

    def changed(did, base):
        tag, pairs = original(did, base)
        kept = [pair for pair in pairs if pair[0] not in about]
        return tag, [*kept, *((k, v) for k, given in about.items() for v in (given or []))]

    server.api.data = changed


def requests(server, kind=""):
    return sum(n for path, n in server.stats.asdict()["endpoints"].items() if path.startswith(kind))


def files(folder, ending):
    return [path for path in folder.rglob(f"*{ending}") if path.is_file()]


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.X, other.X)
    pd.testing.assert_series_equal(one.y, other.y)
    assert (one.kinds, one.fingerprint) == (other.kinds, other.fingerprint)


# ---- what comes ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "file", "did", "target"), REAL)
def test_parquet_arff_and_the_file_itself_are_one_dataset(
    serve, fetch, shared, tmp_path, monkeypatch, name, file, did, target
):
    server = serve()
    parquet = fetch(server, did).dataset()
    assert requests(server, "data/v1") == 0
    monkeypatch.setenv("OPENML_SKIP_PARQUET", "true")
    arff = fetch(server, did, cache=tmp_path / "other").dataset()
    assert requests(server, "data/v1") == 1
    assert_same(parquet, arff)
    read = load_dataset(shared / "datasets" / file, target, task_type=parquet.task_type)
    assert_same(parquet, read)
    assert (parquet.name, parquet.y.name) == (name, target)


def test_the_public_call(serve, iris, tmp_path):
    given = {"server": serve().url, "cache": str(tmp_path / "cache")}
    assert_same(metalearn.fetch_dataset(61, **given), iris)
    assert metalearn.fetch_dataset(61, target="petalwidth", offline=True, **given).task_type == "regression"


def test_a_sparse_table_with_nominal_columns(serve, fetch, tmp_path, monkeypatch):
    (tmp_path / "sparse.arff").write_text(SPARSE)
    read = load_dataset(tmp_path / "sparse.arff", "class")
    server = serve()
    assert_same(fetch(server, 70).dataset(), read)
    monkeypatch.setenv("OPENML_SKIP_PARQUET", "true")
    assert_same(fetch(server, 70, cache=tmp_path / "other").dataset(), read)
    assert read.kinds == ("numeric", "nominal", "nominal")
    assert set(read.X["the word"]) == {0.0, 0.1}  # 0.1 is another number in float32
    assert set(read.X["colour"]) == {"red", "green", "light blue"}  # what a sparse row leaves out is the first value
    assert read.y.value_counts().to_dict() == {"yes": 15, "no": 15}


def test_every_kind_of_column(serve, fetch, tmp_path, monkeypatch):
    server = serve()
    parquet = fetch(server, 71).dataset()
    monkeypatch.setenv("OPENML_SKIP_PARQUET", "true")
    assert_same(parquet, fetch(server, 71, cache=tmp_path / "other").dataset())
    assert dict(zip(parquet.X.columns, parquet.kinds, strict=True)) == {
        "row": "nominal",
        "smokes": "nominal",
        "born": "date",
        "note": "text",
        "it's real": "numeric",
        "level": "nominal",  # numbers, which the server declares nominal
    }
    assert parquet.task_type == "regression"


def test_nominal_values_that_parquet_holds_as_booleans_are_spelled_as_the_server_does(serve, fetch, tmp_path):
    server = serve()
    fetch(server, 71)
    [path] = files(tmp_path / "cache", ".pq")
    table = pd.read_parquet(path)
    table["smokes"] = table["smokes"].map({"TRUE": True, "FALSE": False}).astype("object")
    table.to_parquet(path)
    assert fetch(server, 71).dataset().X["smokes"].cat.categories.tolist() == ["FALSE", "TRUE"]


def test_ignored_columns_and_row_ids_are_left_out(serve, fetch, tmp_path):
    server = serve()
    describe(server, row_id_attribute=["row"], ignore_attribute=["smokes,level", "note"])
    table = fetch(server, 71)
    assert table.dataset().X.columns.tolist() == ["born", "it's real"]
    assert table.dataset("level").X.columns.tolist() == ["born", "it's real", "y"]


def test_the_target(serve, fetch):
    server = serve()
    table = fetch(server)
    assert table.targets == ("class",)
    assert table.dataset("petallength").task_type == "regression"
    assert "class" in table.dataset("petallength").X
    with pytest.raises(InputError, match="no column 'clas' in iris; did you mean 'class'"):
        table.dataset("clas")


@pytest.mark.parametrize(
    ("given", "words"), [(None, "no default target"), (["class,petalwidth"], "several default targets")]
)
def test_without_one_default_target_it_must_be_named(serve, fetch, given, words):
    server = serve()
    describe(server, default_target_attribute=given)
    table = fetch(server)
    with pytest.raises(InputError, match=rf"OpenML dataset 61 \(iris\) has {words}.*name one column with --target"):
        table.dataset()
    assert table.dataset("class").n_classes == 3


# ---- what the server refuses ---------------------------------------------------------------------
def test_what_does_not_exist_is_told_apart(serve, fetch):
    server = serve()
    with pytest.raises(AbsentError, match="does not give dataset 5: its error 111, Unknown dataset"):
        fetch(server, 5)
    with pytest.raises(AbsentError, match="does not give the ARFF file of dataset 73: its error 113, Could not find"):
        fetch(server, 73)


def test_what_is_deactivated_is_taken_only_when_asked_for(serve, fetch):
    server = serve()
    with pytest.raises(SourceError, match=r"OpenML dataset 40 \(toy\) is deactivated.*--deactivated"):
        fetch(server, 40)
    assert requests(server, "datasets") == 0
    assert len(fetch(server, 40, deactivated=True).frame) == 20


def test_a_sparse_table_too_large_to_be_dense_is_not_downloaded(serve, fetch, monkeypatch):
    monkeypatch.setattr(openml_datasets, "_MAX_CELLS", 30 * 4 - 1)
    server = serve()
    with pytest.raises(InputError, match=r"sparse, and its 30 x 4 cells are too many"):
        fetch(server, 70)
    assert requests(server, "datasets") == 0


def test_without_qualities_the_columns_are_still_verified(serve, fetch, shared):
    def absent(did):
        raise emulator_module(shared).ApiError(362)

    server = serve()
    server.api.qualities = absent
    assert len(fetch(server).frame) == 150


# ---- what goes wrong on the way ------------------------------------------------------------------
FAULTS = [
    "429(1)",
    "500",
    "502",
    "503",
    "503(xhtml)",
    "504",
    "401",
    "reset",
    "truncate",
    "length",
    "length(-300)",
    "db",
]


@pytest.fixture(scope="module")
def iris(shared):
    return load_dataset(shared / "datasets" / "iris.arff", "class")


@pytest.mark.parametrize("fault", [*FAULTS, "slow(0.1)"])
@pytest.mark.parametrize("rule", ["~1-2", "1"])  # a file is looked up, and then got
def test_faults_of_the_object_store(serve, fetch, iris, fault, rule):
    server = serve(f"{fault}@{PARQUET}={rule}")
    assert_same(fetch(server).dataset(), iris)
    assert sum(server.stats.faults.values()) > 0
    persistent = rule == "1" and not fault.startswith("slow")
    assert (requests(server, "data/v1") > 0) or not persistent  # then it is the ARFF file


@pytest.mark.parametrize("fault", [*FAULTS, "slow(0.1)"])
def test_a_fault_of_the_arff_file(serve, fetch, iris, monkeypatch, fault):
    monkeypatch.setenv("OPENML_SKIP_PARQUET", "true")
    server = serve(f"{fault}@{ARFF}=~1")
    assert_same(fetch(server).dataset(), iris)
    assert sum(server.stats.faults.values()) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_both_files_failing_for_good(serve, fetch, tmp_path, monkeypatch, caplog, fault):
    monkeypatch.setattr(openml.config, "apikey", KEY)
    caplog.set_level(logging.DEBUG)
    server = serve(f"{fault}@{PARQUET}=1;{fault}@{ARFF}=1")
    with pytest.raises(SourceError, match="did not give the ARFF file of dataset 61") as failure:
        fetch(server)
    assert requests(server, "data/v1") <= 5
    assert not files(tmp_path, ".pq")
    assert not files(tmp_path, ".arff")
    assert KEY not in "".join(traceback.format_exception(failure.value)) + caplog.text
    assert_same(fetch(serve()).dataset(), fetch(serve(), cache=tmp_path / "fresh").dataset())


@pytest.mark.parametrize("part", ["data/61", "data/features/61", "data/qualities/61"])
@pytest.mark.parametrize("fault", ["truncate", "503", "503(xhtml)", "reset", "db"])
def test_faults_of_what_describes_a_dataset(serve, fetch, iris, part, fault):
    assert_same(fetch(serve(f"{fault}@{part}=~1")).dataset(), iris)
    with pytest.raises(SourceError, match="did not give dataset 61"):
        fetch(serve(f"{fault}@{part}=1"))


def test_a_server_that_hangs_is_given_up(serve, fetch, iris):
    assert_same(fetch(serve(f"hang(3)@{PARQUET}=1"), timeout_seconds=0.5).dataset(), iris)
    with pytest.raises(SourceError, match=r"ARFF file of dataset 61 \(no answer in time\)"):
        fetch(serve(f"503@{PARQUET}=1;hang(3)@{ARFF}=1"), timeout_seconds=0.5, attempts=1)


def test_a_file_that_is_not_what_the_server_describes_is_refused(serve, fetch, tmp_path):
    with pytest.raises(SourceError, match="it has 20 rows, and the server says 21"):
        fetch(serve(), 72)
    assert not files(tmp_path, ".pq") + files(tmp_path, ".arff")


def test_a_file_with_the_right_checksum_that_is_no_arff_is_not_asked_for_again(serve, fetch, monkeypatch):
    monkeypatch.setenv("OPENML_SKIP_PARQUET", "true")
    server = serve()
    held = server.world.file(61)
    monkeypatch.setattr(held, "bytes", b"<html>welcome</html>")
    monkeypatch.setattr(held, "md5", hashlib.md5(held.bytes).hexdigest())
    with pytest.raises(InputError, match="The file of OpenML dataset 61 is not an ARFF file"):
        fetch(server)
    assert requests(server, "data/v1") == 1


# ---- the client's cache --------------------------------------------------------------------------
def test_what_is_cached_is_not_asked_for_again(serve, fetch):
    server = serve()
    fetch(server)
    before = requests(server)
    fetch(server)
    assert requests(server) == before


def _drop_a_row(frame):
    return frame.iloc[1:]


def _drop_a_column(frame):
    return frame.iloc[:, 1:]


def _rename(frame):
    return frame.rename(columns={"class": "klass"})


@pytest.mark.parametrize("change", [_drop_a_row, _drop_a_column, _rename])
def test_another_parquet_file_in_the_cache_is_replaced(serve, fetch, iris, tmp_path, change):
    server = serve()
    fetch(server)
    [path] = files(tmp_path, ".pq")
    change(pd.read_parquet(path)).to_parquet(path)
    assert_same(fetch(server).dataset(), iris)
    assert len(pd.read_parquet(path)) == 150


def test_names_that_a_file_quotes_otherwise_are_the_servers(serve, fetch, tmp_path):
    server = serve()
    fetch(server, 71)
    [path] = files(tmp_path, ".pq")
    pd.read_parquet(path).rename(columns={"it's real": "'it\\'s real'"}).to_parquet(path)
    written = path.read_bytes()
    assert "it's real" in fetch(server, 71).dataset().X
    assert path.read_bytes() == written


@pytest.mark.parametrize("skip", ["false", "true"])
def test_a_file_that_was_cut_when_its_download_was_killed_is_replaced(serve, fetch, iris, tmp_path, monkeypatch, skip):
    monkeypatch.setenv("OPENML_SKIP_PARQUET", skip)
    server = serve()
    fetch(server)
    [path] = files(tmp_path, ".arff" if skip == "true" else ".pq")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="not whole in the cache"):
        fetch(server, offline=True)
    assert path.exists()  # offline it is not deleted: somebody may be writing it
    assert_same(fetch(server).dataset(), iris)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("name", ["description.xml", "features.xml", "qualities.xml"])
def test_broken_xml_in_the_cache_is_replaced(serve, fetch, iris, tmp_path, name):
    server = serve()
    fetch(server)
    [path] = files(tmp_path, name)
    for pickled in files(tmp_path, ".pkl"):  # a killed download has left none
        pickled.unlink()
    path.write_text(path.read_text()[:200])
    assert_same(fetch(server).dataset(), iris)


def test_offline_only_the_cache_is_asked(serve, fetch, iris, tmp_path):
    server = serve()
    with pytest.raises(SourceError, match=r"OpenML dataset 61 is not whole in the cache at .*; fetch it while online"):
        fetch(server, offline=True)
    fetch(server)
    before = requests(server)
    assert_same(fetch(server, offline=True).dataset(), iris)
    files(tmp_path, "qualities.xml")[0].unlink()
    assert_same(fetch(server, offline=True).dataset(), iris)
    files(tmp_path, ".pq")[0].unlink()
    with pytest.raises(SourceError, match="not whole in the cache"):
        fetch(server, offline=True)
    files(tmp_path, "features.xml")[0].unlink()
    with pytest.raises(SourceError, match="not whole in the cache"):
        fetch(server, offline=True)
    assert requests(server) == before


def test_a_cache_that_is_no_folder_is_told(serve, fetch, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"The cache at .*file.* cannot be written"):
        fetch(serve(), cache=tmp_path / "file")


def test_a_read_only_cache_serves_offline(serve, fetch, iris, tmp_path):
    server = serve()
    fetch(server)
    shutil.rmtree(next(tmp_path.rglob("locks")))
    for folder in [p for p in (tmp_path / "cache").rglob("*") if p.is_dir()]:
        folder.chmod(0o500)
    try:
        assert_same(fetch(server, offline=True).dataset(), iris)
        assert not list(tmp_path.rglob("locks"))
    finally:
        for folder in [p for p in (tmp_path / "cache").rglob("*") if p.is_dir()]:
            folder.chmod(0o700)


def test_the_configuration_and_the_environment_are_left_as_they_were(serve, fetch, monkeypatch):
    before = openml.config.get_config_as_dict() | {"server": openml.config.server}
    fetch(serve(f"503@{PARQUET}=1"))
    assert "OPENML_SKIP_PARQUET" not in os.environ
    monkeypatch.setenv("OPENML_SKIP_PARQUET", "false")
    fetch(serve(f"503@{PARQUET}=1"))
    assert os.environ["OPENML_SKIP_PARQUET"] == "false"
    assert openml.config.get_config_as_dict() | {"server": openml.config.server} == before


def test_threads_wait_for_each_other(serve, fetch, iris, tmp_path):
    one, other = serve(), serve()
    found = []

    def work(server, did):
        found.append((server, did, fetch(server, did).dataset()))

    threads = [threading.Thread(target=work, args=(s, d)) for s in (one, other) for d in (61, 196) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert {dataset.fingerprint for _, did, dataset in found if did == 61} == {iris.fingerprint}
    # A file is looked up and got: two requests, once for each server and dataset.
    assert [requests(server, "datasets") for server in (one, other)] == [4, 4]


def test_processes_wait_for_each_other_where_they_want_the_same_dataset(serve, fetch, iris, tmp_path):
    server = serve()
    fetch(server)
    fetch(server, 196)
    [lock] = [path for path in tmp_path.rglob("*.lock") if "_61." in path.name]
    found = []
    thread = threading.Thread(target=lambda: found.append(fetch(server).dataset()))
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert not found
    thread.join()
    assert_same(found[0], iris)
