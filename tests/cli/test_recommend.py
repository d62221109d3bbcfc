"""Every option of ``metalearn recommend``, and one sentence for what cannot be."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from metalearn.core.records import Constraints
from metalearn.learners import catalog
from metalearn.learners.space import search_space
from metalearn.store import KnowledgeBase


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "recommenders"))


@pytest.fixture
def features(tmp_path):
    """A file of ready meta-features: nothing is to be computed of a table."""
    path = tmp_path / "features.json"
    path.write_text('{"n_rows": 150, "n_columns": 4, "n_classes": 3, "class_entropy": 1.0986}')
    return path


@pytest.fixture
def answer(run, features):
    """Run the command on the ready meta-features; return the JSON that it printed."""

    def call(*options):
        code, out, err = run("recommend", "--meta-features", features, "--json", *options)
        assert (code, err) == (0, "")
        return json.loads(out)

    return call


def ids(document):
    return [r["id"] for r in document["recommendations"]]


def test_the_default_is_there_unless_told_otherwise(answer):
    documents = answer("-k", "2"), answer("-k", "2", "--no-default")
    defaults = {search_space("classification").default(a).id for a in search_space("classification").algorithms}
    assert defaults & set(ids(documents[0]))
    kinds = [[r["evidence"][0]["kind"] for r in document["recommendations"]] for document in documents]
    assert "default" not in kinds[1]


def test_a_budget_in_all_diversity_and_memory(answer):
    document = answer("--seconds-total", "0.5", "-k", "30")
    assert sum(r["predicted_seconds"] for r in document["recommendations"]) <= 0.5
    assert "of 0.5 seconds" in document["reason"]
    assert ids(answer("--diverse", "-k", "30")) != ids(answer("-k", "30"))
    few, many = (answer("--memory", memory, "-k", "500") for memory in ("0.001", "64"))
    assert len(ids(few)) < len(ids(many))
    assert "predicted to need more than 0.001 GB" in few["reason"]


def test_a_search_space_from_a_file_or_by_name(answer, tmp_path, run, features):
    path = tmp_path / "narrow.json"
    space = json.loads(search_space("classification").to_json())
    for hyperparameter in space["space"]["hyperparameters"]:
        if hyperparameter["name"] == "encoding":
            hyperparameter |= {"choices": ["one_hot"], "default_value": "one_hot", "weights": None}
    path.write_text(json.dumps(space))
    narrow = answer("--space", path, "-k", "500")
    assert {r["hyperparameters"]["encoding"] for r in narrow["recommendations"]} == {"one_hot"}
    assert len(ids(narrow)) < len(ids(answer("--space", space["name"], "-k", "500")))
    options = ["recommend", "--meta-features", features, "--space"]
    assert "did you mean" in run(*options, "metalearn-classification")[2]
    path.write_text("{}")
    assert "cannot be read as a search space" in run(*options, path)[2]
    nowhere = tmp_path / "none.json"
    assert f"There is no file {nowhere}; check the path." in run(*options, nowhere)[2]


def test_a_history_in_a_table(answer, tmp_path):
    first = answer("-k", "1")["recommendations"][0]
    path = tmp_path / "tried.csv"
    cells = {"algorithm": first["algorithm"], **first["hyperparameters"], "balanced_accuracy": 0.8}
    path.write_text(",".join(cells) + "\n" + ",".join(str(v) for v in cells.values()) + "\n")
    document = answer("--history", path, "-k", "500")
    assert first["id"] not in ids(document)
    assert "unknown" not in document["reason"]


def test_explain_says_what_drove_it_and_how_long_each_stage_took(run, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("\n".join(["x,z,y", *(f"{i},{i % 7},{'ab'[i * i % 3 == 1]}" for i in range(60))]))
    table = ["recommend", path, "--target", "y", "-k", "2"]
    code, out, _ = run(*table, "--explain")
    assert code == 0
    last = out.splitlines()[-2:]
    assert last[0].startswith("What told most which past tasks are alike")
    assert "%" in last[0]
    assert [word for word in last[1].split() if word.isalpha()] == ["read", "describe", "load", "fit", "recommend"]
    document = json.loads(run(*table, "--explain", "--json")[1])
    assert set(document["seconds"]) == {"read", "describe", "load", "fit", "recommend"}
    assert all(second >= 0 for second in document["seconds"].values())
    assert {"name", "value", "share"} == set(document["drivers"][0])
    plain = [run(*table, "--json")[1] for _ in range(2)]
    assert plain[0] == plain[1]
    assert "seconds" not in json.loads(plain[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--seconds-each", "0"],
            "Nothing can be recommended: --seconds-each leaves nothing: the quickest is predicted to take 0.0",
        ),
        (["--algorithms", "lightgbm", "--exclude", "lightgbm"], "--exclude lightgbm leaves none"),
        (["--algorithms", "svr"], "--algorithms svr: none is known here"),
    ],
)
def test_where_nothing_is_left_the_option_is_named(run, features, options, message):
    code, out, err = run("recommend", "--meta-features", features, *options)
    assert (code, out) == (1, "")
    assert message in err
    assert err.strip().count("\n") == 0


def test_what_was_asked_of_which_task_is_said(run, answer, features):
    document = answer("-k", "1")
    assert (document["task_type"], document["metric"]) == ("classification", "balanced_accuracy")
    with KnowledgeBase.open() as kb:
        names = kb.dataset_names()
    evidence = document["recommendations"][0]["evidence"]
    assert [e["task_name"] for e in evidence] == [names[e["task_id"]] for e in evidence]
    out = run("recommend", "--meta-features", features, "-k", "1", "--metric", "log_loss")[1]
    assert out.splitlines()[1] == "classification by log_loss; loss = log_loss"


def test_what_metafeatures_prints_is_taken_and_unknown_names_are_said(run, answer, features, tmp_path):
    values = json.loads(features.read_text())
    wrapped = tmp_path / "printed.json"
    entries = {name: {"value": value, "seconds": 0.1, "status": "ok"} for name, value in values.items()}
    wrapped.write_text(json.dumps({"rows": 150, "meta_features": entries}))
    code, out, _ = run("recommend", "--meta-features", wrapped, "--json")
    assert (code, json.loads(out)) == (0, answer())
    wrapped.write_text('{"n_rows": 150, "n_colums": 4}')
    out = run("recommend", "--meta-features", wrapped)[1]
    assert "; the knowledge base does not know the meta-features 'n_colums'" in out
    wrapped.write_text('{"n_row": 150}')
    code, out, err = run("recommend", "--meta-features", wrapped)
    assert (code, out) == (1, "")
    assert "none that the knowledge base knows, but 'n_row'; did you mean 'n_rows'?" in err
    code, _, err = run("recommend", "--meta-features", tmp_path / "none.json")
    assert (code, "There is no file" in err) == (1, True)


def test_what_is_mended_in_a_table_is_said(run, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("x,x,y\n" + "1,2,a\n2,1,b\n" * 20 + "3,3,\n")
    reason = json.loads(run("recommend", path, "--target", "y", "-k", "1", "--json")[1])["reason"]
    mended = "columns whose name was taken already are called 'x.1'; rows without a target are left out: 1"
    assert reason.endswith(f"; {mended}")
    err = run("metafeatures", path, "--target", "y", "--groups", "simple")[2]
    assert err.splitlines() == [f"data: {note}" for note in mended.split("; ")]


def test_a_script_that_needs_what_is_not_installed_says_so(run, tmp_path, monkeypatch):
    found = catalog.find_spec
    monkeypatch.setattr(catalog, "find_spec", lambda name: None if name == "torch" else found(name))
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "1,a\n2,b\n" * 20)
    options = ["recommend", path, "--target", "y", "--algorithms", "torch_mlp"]
    code, _, err = run(*options, "--to", "python")
    assert (code, err.startswith("torch_mlp: it needs ")) == (0, True)
    assert "torch_mlp was asked for, but it needs " in run(*options)[1]


def test_a_script_scores_by_the_metric_asked_for(run, tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{i},{i * i / 7}\n" for i in range(40)))
    options = ["recommend", path, "--target", "y", "--algorithms", "ridge", "--to", "python"]
    assert 'scoring="r2"' in run(*options)[1]
    assert 'scoring="neg_root_mean_squared_error"' in run(*options, "--metric", "rmse")[1]


def test_what_was_printed_is_a_history_with_a_loss_added(answer, tmp_path):
    document = answer("-k", "3")
    for recommended in document["recommendations"]:
        recommended["loss"] = 0.3
    path = tmp_path / "tried.json"
    path.write_text(json.dumps(document))
    after = answer("--history", path, "-k", "500")
    assert not set(ids(document)) & set(ids(after))
    assert "unknown" not in after["reason"]


def test_more_than_there_are_is_said(answer):
    document = answer("-k", "5000")
    assert f"{len(ids(document))} of 5000" in document["reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--metric", "rmse"], "rmse does not measure classification"),
        (["--metric", "balanced_acuracy"], "did you mean 'balanced_accuracy'"),
        (["--exclude", "random_forst"], "did you mean 'random_forest'"),
        (["--kb", "nowhere.duckdb"], "no knowledge base at nowhere.duckdb"),
        (["--history", "nowhere.duckdb"], "no knowledge base at nowhere.duckdb"),
        (["--history", "nowhere.csv"], "There is no file nowhere.csv; check the path"),
        (["--task-type", "regression", "--metric", "accuracy"], "accuracy does not measure regression"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_one_sentence(run, features, options, message):
    code, out, err = run("recommend", "--meta-features", features, *options)
    assert (code, out) == (1, "")
    assert message in err
    assert err.strip().count("\n") == 0


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ('[{"algorithm": "svc"}]', "Entry 1 of {path} has no loss and no balanced_accuracy"),
        ('[{"algorithm": "svc", "loss": 93}]', "A loss under balanced_accuracy is 1 - balanced_accuracy, in [0, 1]"),
        ('[{"algorithm": "lightgmb", "loss": 0.3}]', "did you mean 'lightgbm'"),
        ('{"algorithm": "svc"}', "needs a JSON list"),
    ],
)
def test_a_history_that_cannot_be_one_is_one_sentence(run, features, tmp_path, entries, message):
    path = tmp_path / "tried.json"
    path.write_text(entries)
    code, out, err = run("recommend", "--meta-features", features, "--history", path)
    assert (code, out) == (1, "")
    assert message.format(path=path) in err
    assert err.strip().count("\n") == 0


@pytest.mark.parametrize("options", [["--memory", "0"], ["--seconds-total", "-1"], ["-k", "0"], ["--to", "python"]])
def test_a_number_or_a_mix_that_makes_no_sense_is_a_usage_error(run, features, options):
    code, out, err = run("recommend", "--meta-features", features, *options)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_an_empty_file_and_a_folder_are_one_sentence(run, tmp_path):
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    for path, message in ((empty, "is empty"), (tmp_path, "is a directory")):
        code, out, err = run("recommend", path, "--target", "y")
        assert (code, out) == (1, "")
        assert message in err
        assert err.strip().count("\n") == 0


def test_an_openml_task_is_taken_from_the_knowledge_base_or_from_the_server(run, shared, tmp_path, monkeypatch):
    import pandas as pd
    from openml import config

    from tests.sources.openml_world import emulator_module, write_odd_world

    monkeypatch.setenv("no_proxy", "*")
    before = config.get_cache_directory()
    kb = tmp_path / "kb.duckdb"
    frame = pd.DataFrame([{"task_id": 7, "algorithm": a, "metric": "accuracy", "value": 0.5} for a in ("svc", "lda")])
    with KnowledgeBase.open(kb, read_only=False) as opened:
        opened.add_evaluations(frame, source="test")
    stored = json.loads(run("recommend", "--openml-task", "7", "--kb", kb, "--json")[1])
    assert stored["task"]["id"] == "openml-task-7"
    world = write_odd_world(tmp_path / "world")
    with emulator_module(shared).Emulator(world, datasets=shared / "datasets") as server:
        monkeypatch.setattr("openml.config._root_cache_directory", tmp_path / "cache")
        code, out, err = run("recommend", "--openml-task", "59", "--server", server.url, "--json", "-k", "2")
        assert (code, err) == (0, "")
        assert json.loads(out)["task"]["type"] == "classification"
        assert "knows no task 12345" in run("recommend", "--openml-task", "12345", "--server", server.url)[2]
    monkeypatch.undo()
    assert config.get_cache_directory() == before


def test_constraints_are_what_the_options_say(run, features, monkeypatch):
    seen = {}

    def recommend(data, **options):
        seen.update(options)
        raise KeyboardInterrupt

    monkeypatch.setattr("metalearn.api.recommend", recommend)
    options = ["--algorithms", "svc, lda", "--exclude", "lda", "--seconds-each", "1", "--seconds-total", "9"]
    more = ["--memory", "2", "--space", "sklearn", "--diverse", "--no-default", "--seed", "3", "--history", "x.json"]
    assert run("recommend", "--meta-features", features, *options, *more)[0] == 130
    assert seen["constraints"] == Constraints(("svc", "lda"), ("lda",), 1.0, 9.0, "sklearn")
    chosen = {name: seen[name] for name in ("memory", "diverse", "include_default", "seed", "history", "k")}
    assert chosen == {
        "memory": 2.0,
        "diverse": True,
        "include_default": False,
        "seed": 3,
        "history": "x.json",
        "k": 10,
    }


def test_a_terminal_is_shown_that_it_works(run, features, monkeypatch):
    shown = []

    @contextmanager
    def progress():
        yield SimpleNamespace(add_task=lambda name, total: shown.append(name))

    monkeypatch.setattr("metalearn.cli.recommend.progress", progress)
    assert run("recommend", "--meta-features", features, "-k", "1")[0] == 0
    assert shown == ["recommend"]


def test_options_follow_the_name_of_a_recommender(answer, run, features):
    few, many = (ids(answer("--recommender", f"knn:n_neighbors={n}", "-k", "20")) for n in (1, 60))
    assert few != many
    code, _, err = run("recommend", "--meta-features", features, "--recommender", "knn:n_neighbours=3")
    assert code == 1
    assert "There is no option of knn 'n_neighbours'" in err
    assert "mine_too" in run("recommend", "--meta-features", features, "--recommender", "mine_too.Best")[2]
