"""The command line's contract: help everywhere, exit statuses, one sentence for an error, JSON on request."""

import json
import os
import subprocess
import sys
from types import ModuleType

import pytest

from metalearn.cli.ingest import published, tables
from metalearn.store import KnowledgeBase

COMMANDS = [
    "recommend",
    "metafeatures",
    "ingest openml",
    "ingest matrix",
    "ingest runs",
    "ingest metafeatures",
    "ingest aslib",
    "ingest curves",
    "ingest taskset",
    "ingest optuna",
    "ingest smac",
    "ingest ray",
    "ingest syne",
    "ingest journal",
    "kb info",
    "kb verify",
    "kb publish",
    "kb families",
    "kb merge",
    "kb remove",
    "kb fetch-dataset",
    "optimize",
    "evaluate recommenders",
    "evaluate optimizers",
]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "recommenders"))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(run, command):
    code, out, _ = run(*command.split(), "--help")
    assert code == 0
    assert f"Example: metalearn {command}" in " ".join(out.split())


@pytest.mark.parametrize("command", ["", "kb", "optimize", "ingest openml"])
def test_help_has_a_short_name(run, command):
    assert run(*command.split(), "-h") == run(*command.split(), "--help")


@pytest.mark.parametrize(
    ("command", "values"),
    [
        ("recommend", "multi_output_forest; balanced_accuracy; gradient_boosting; mine.MedianBest"),
        ("optimize", "particle_swarm; portfolio; balanced_accuracy; mine.MyMethod"),
        ("evaluate recommenders", "latent_gaussian"),
        ("evaluate optimizers", "aging_evolution"),
    ],
)
def test_help_lists_what_can_be_named(run, command, values):
    shown = "".join(run(*command.split(), "--help")[1].split())
    assert [value for value in values.split("; ") if value not in shown] == []


@pytest.mark.parametrize(
    "command",
    [c for c in COMMANDS if c.startswith("ingest ")] + ["kb families", "kb merge", "kb remove", "kb fetch-dataset"],
)
def test_every_command_that_writes_can_wait(run, command):
    assert "--wait " in run(*command.split(), "--help")[1]


@pytest.mark.parametrize(
    "command",
    [
        "matrix m.csv",
        "runs r.csv",
        "metafeatures m.csv --extractor e",
        "aslib folder",
        "curves folder",
        "taskset folder",
    ],
)
@pytest.mark.parametrize("waits", [True, False])
def test_an_ingest_waits_when_told_to(run, monkeypatch, command, waits):
    told = []
    for module in (published, tables):
        monkeypatch.setattr(module, "ingest_batches", lambda *_, wait: told.append(wait))
    assert run("ingest", *command.split(), "--kb", "kb.duckdb", *(["--wait"] if waits else []))[0] == 0
    assert told == [waits]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["recommend"],
        ["recommend", "a.csv", "--openml-task", "3"],
        ["recommend", "a.csv", "-k", "0"],
        ["recommend", "a.csv", "--seed", "-1"],
        ["metafeatures", "a.csv", "--seed", "-1"],
        ["optimize", "a.csv", "--seed", "-1"],
        ["evaluate", "recommenders", "--seed", "-1"],
        ["evaluate", "optimizers", "--seed", "-1"],
        ["recommend", "a.csv", "--to", "python", "--json"],
        ["recommend", "a.csv", "--to", "python", "--explain"],
        ["recommend", "--openml-task", "3", "--target", "y"],
        ["recommend", "--meta-features", "m.json", "--target", "y"],
        ["evaluate", "recommenders", "--k", "1,x"],
        ["evaluate", "recommenders", "--workers", "many"],
        ["evaluate", "recommenders", "--workers", "0"],
        ["evaluate", "recommenders", "--recommenders", ","],
        ["evaluate", "recommenders", "--k", ""],
        ["evaluate", "optimizers", "--optimizers", ""],
        ["recommend", "a.csv", "--algorithms", ""],
        ["recommend", "a.csv", "--exclude", " , "],
        ["optimize", "a.csv", "--trials", "1", "--algorithms", ""],
        ["metafeatures", "a.csv", "--groups", ""],
        ["metafeatures", "a.csv", "--summaries", ""],
        ["ingest", "openml", "--kb", "kb.duckdb", "--tasks", ""],
        ["ingest", "openml", "--kb", "kb.duckdb", "--suite", "99", "--flows", ""],
        ["ingest", "openml", "--kb", "kb.duckdb", "--suite", "99", "--measure", ""],
        ["ingest", "smac", "h", "--kb", "k", "--task", "3", "--metric", "auc", "--algorithm", "svc", "--ignore", ""],
    ],
    ids=" ".join,
)
def test_a_usage_error_exits_with_2(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert "Error" in err


def test_ctrl_c_exits_with_130(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("metalearn.store.KnowledgeBase.open", interrupted, raising=False)
    assert run("kb", "info")[0] == 130


def test_ctrl_c_while_the_commands_load_is_one_line(run, monkeypatch):
    class Interrupted(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "metalearn.cli.app", Interrupted("app"))
    assert run("kb", "info") == (130, "", "metalearn: interrupted.\n")


def test_version(run):
    code, out, _ = run("--version")
    assert code == 0
    assert out.strip().count(".") == 2


@pytest.mark.parametrize("arguments", [["kb", "info"], ["metafeatures"]], ids=["table", "progress"])
def test_a_pipe_gets_neither_progress_nor_colours_though_these_be_forced(tmp_path, arguments):
    (tmp_path / "table.csv").write_text("a,b\n" + "1,2\n3,4\n" * 10)
    folder = [tmp_path] if arguments == ["metafeatures"] else []
    forced = dict(os.environ) | {"FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "metalearn", *arguments, *folder]
    found = subprocess.run(command, capture_output=True, text=True, env=forced, check=True)
    assert found.stderr == ""
    assert "\x1b" not in found.stdout
    assert found.stdout


def test_debug_shows_the_traceback(tmp_path):
    command = [sys.executable, "-m", "metalearn", "kb", "info", "--kb", str(tmp_path / "none.duckdb")]
    plain = subprocess.run(command, capture_output=True, text=True, check=False)
    assert plain.returncode == 1
    assert plain.stderr.count("\n") == 1
    debug = subprocess.run([*command, "--debug"], capture_output=True, text=True, check=False)
    assert debug.returncode == 1
    assert "Traceback" in debug.stderr


@pytest.fixture
def table(tmp_path):
    """A CSV of two classes, one line changed by a test where it has to be bad."""
    path = tmp_path / "data.csv"
    lines = [f"{i},{'ab'[i % 2]},{'yes' if i % 3 else 'no'}" for i in range(30)]
    path.write_text("\n".join(["size,colour,ripe", *lines]))
    return path


def binary(path):
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)


def one_class(path):
    path.write_text("x,y\n" + "1,a\n" * 20)


def three_rows(path):
    path.write_text("x,y\n1,a\n2,b\n3,a\n")


def dated(path):
    path.write_text("x,y\n" + "".join(f"{i},2020-01-{i:02}\n" for i in range(1, 31)))


def all_missing(path):
    path.write_text("x,z,y\n" + ",?,a\n,?,b\n" * 20)


@pytest.mark.parametrize(
    ("spoil", "target", "message"),
    [
        (lambda path: path.unlink(), "ripe", "no file"),
        (lambda path: None, "rippe", "did you mean 'ripe'"),
        (lambda path: None, None, "its columns are 'size', 'colour', 'ripe'"),
        (one_class, "y", "one"),
        (three_rows, "y", "3"),
        (all_missing, "y", "missing"),
        (binary, "y", "binary"),
        (dated, "y", "dates, which cannot be a target"),
    ],
    ids=["missing file", "no such target", "no target", "one class", "three rows", "all missing", "binary", "dates"],
)
def test_a_table_that_cannot_be_used_is_one_sentence(run, table, spoil, target, message):
    spoil(table)
    code, out, err = run("recommend", table, *(["--target", target] if target else []))
    assert (code, out) == (1, "")
    assert err.startswith("metalearn: ")
    assert message in err
    assert err.strip().count("\n") == 0


def test_recommend_prints_json(run, table):
    code, out, _ = run("recommend", table, "--target", "ripe", "-k", "3", "--json")
    answer = json.loads(out)
    assert code == 0
    assert set(answer) == {"task", "task_type", "metric", "recommender", "reason", "recommendations"}
    assert [r["rank"] for r in answer["recommendations"]] == [1, 2, 3]
    assert set(answer["recommendations"][0]) >= {
        "algorithm",
        "hyperparameters",
        "predicted_loss",
        "std",
        "predicted_seconds",
        "evidence",
    }
    assert answer["recommendations"][0]["evidence"][0]["task_id"]


def test_recommend_prints_a_table_with_the_evidence(run, table):
    code, out, _ = run("recommend", table, "--target", "ripe", "-k", "2", "--explain")
    assert code == 0
    assert "auto (task_mixture)" in out
    assert out.count("rank") >= 6


def test_an_empty_knowledge_base_gives_the_defaults_and_says_so(run, table, tmp_path):
    empty = tmp_path / "empty.duckdb"
    KnowledgeBase.open(empty, read_only=False).close()
    for method in ("auto", "knn"):
        code, out, _ = run("recommend", table, "--target", "ripe", "--kb", empty, "--recommender", method, "--json")
        answer = json.loads(out)
        assert code == 0
        assert answer["recommender"] == "auto (defaults)"
        assert "holds no classification evaluations" in answer["reason"]
        assert answer["recommendations"][0]["algorithm"] == "random_forest"


def test_constraints_and_history_are_kept_to(run, table, tmp_path):
    def recommended(*options):
        return json.loads(run("recommend", table, "--target", "ripe", "--json", *options)[1])["recommendations"]

    first = recommended("-k", "1")[0]
    tried = tmp_path / "tried.json"
    tried.write_text(
        json.dumps([{key: first[key] for key in ("space", "algorithm", "hyperparameters")} | {"loss": 0.2}])
    )
    assert first["id"] not in {r["id"] for r in recommended("--history", tried, "-k", "20")}
    assert {r["algorithm"] for r in recommended("--algorithms", "svc,lightgbm")} == {"svc", "lightgbm"}
    assert first["algorithm"] not in {r["algorithm"] for r in recommended("--exclude", first["algorithm"])}
    assert all(r["predicted_seconds"] <= 0.05 for r in recommended("--seconds-each", "0.05"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--algorithms", "random_forst"], "did you mean 'random_forest'"),
        (["--recommender", "kn"], "did you mean 'knn'"),
        (["--metric", "acuracy"], "did you mean 'accuracy'"),
        (["--history", "nowhere.json"], "There is no file nowhere.json"),
    ],
)
def test_a_wrong_name_suggests_the_nearest(run, table, options, message):
    code, _, err = run("recommend", table, "--target", "ripe", *options)
    assert code == 1
    assert message in err


def test_meta_features_alone_are_enough(run, tmp_path, table):
    described = json.loads(run("metafeatures", table, "--target", "ripe", "--json")[1])
    assert (described["rows"], described["columns"]) == (30, 2)
    values = {name: entry["value"] for name, entry in described["meta_features"].items()}
    path = tmp_path / "features.json"
    path.write_text(json.dumps(values))
    from_values = json.loads(run("recommend", "--meta-features", path, "--json")[1])
    from_table = json.loads(run("recommend", table, "--target", "ripe", "--json")[1])
    ids = [[r["id"] for r in answer["recommendations"]] for answer in (from_values, from_table)]
    assert ids[0] == ids[1]
    path.write_text('{"n_rows": "many"}')
    assert "JSON object of names and numbers" in run("recommend", "--meta-features", path)[2]


def test_a_truncated_snapshot_is_named(run, tmp_path):
    import shutil

    from metalearn.core.resources import metadata_path

    copy = tmp_path / "copy"
    shutil.copytree(metadata_path("knowledge_base"), copy)
    assert run("kb", "verify", "--kb", copy)[:2] == (0, "sound\n")
    damaged = next(path for path in copy.rglob("*.parquet") if "evaluations" in str(path.relative_to(copy)))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    code, _, err = run("kb", "verify", "--kb", copy)
    assert code == 1
    assert str(damaged.relative_to(copy)) in err


def test_kb_publish_and_info(run, tmp_path):
    kb = tmp_path / "kb.duckdb"
    assert "no knowledge base" in run("kb", "families", "--kb", kb)[2]
    KnowledgeBase.open(kb, read_only=False).close()
    assert json.loads(run("kb", "families", "--kb", kb, "--json")[1]) == {}
    published = json.loads(run("kb", "publish", "--kb", kb, tmp_path / "frozen", "--json")[1])
    shown = json.loads(run("kb", "info", "--kb", tmp_path / "frozen", "--json")[1])
    assert shown["snapshot_id"] == published["snapshot_id"]
    assert shown["rows"]["evaluations"] == 0


def test_a_published_matrix_goes_all_the_way(run, tmp_path, shared):
    kb, data = tmp_path / "oboe.duckdb", shared / "data"
    matrix = ["ingest", "matrix", "--kb", kb, data / "oboe" / "error_matrix.csv"]
    matrix += ["--runtimes", data / "oboe" / "runtime_matrix.csv", "--json"]
    first, second = (json.loads(run(*matrix)[1]) for _ in range(2))
    assert (first["seen"], first["stored"]) == (68547, 68547)
    assert (second["stored"], second["already_there"]) == (0, 68547)
    features = ["ingest", "metafeatures", "--kb", kb, data / "pmf" / "metafeatures.csv", "--extractor", "pmf", "--json"]
    assert json.loads(run(*features)[1])["stored"] == 238 * 46
    options = ["--recommenders", "knn,average_rank", "--k", "1,5", "--leave-out", "dataset", "--json"]
    report = json.loads(run("evaluate", "recommenders", "--kb", kb, *options)[1])
    assert report["protocol"]["n_tasks"] == 313
    described = {
        f"openml-{int(line.split(',')[0])}" for line in (data / "pmf" / "metafeatures.csv").read_text().splitlines()[1:]
    }
    means = {
        (row["recommender"], row["k"]): [v for dataset, v in row["per_task"].items() if dataset in described]
        for row in report["results"]
    }
    for k in (1, 5):
        knn, average_rank = means["knn", k], means["average_rank", k]
        assert len(knn) == 238
        assert sum(knn) < sum(average_rank)


def test_python_is_printed_for_the_first_recommendation(run, table):
    code, out, _ = run("recommend", table, "--target", "ripe", "--to", "python")
    assert code == 0
    compile(out, "printed", "exec")
    assert str(table) in out
