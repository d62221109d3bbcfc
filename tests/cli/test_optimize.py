"""``metalearn optimize``: what it prints, what it writes, and one sentence for what cannot be."""

import json
import logging
import re

import numpy as np
import pytest

from metalearn.cli.optimize import _quiet
from metalearn.core.execution import Outcome
from metalearn.core.journal import read_journal
from metalearn.learners import evaluate as module
from metalearn.learners.folds import Fit
from metalearn.learners.space import restricted, search_space
from metalearn.optimizers import minimize as loop


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METALEARN_CACHE", str(tmp_path / "recommenders"))


@pytest.fixture
def table(tmp_path):
    """A CSV of two classes that one column tells."""
    path = tmp_path / "data.csv"
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 60))
    lines = [f"{a:.3f},{b:.3f},{'yes' if a > 0 else 'no'}" for a, b in zip(x, z, strict=True)]
    path.write_text("\n".join(["size,noise,ripe", *lines]))
    return path


@pytest.fixture
def fits(monkeypatch):
    """What would be fitted; a score is told by the configuration's id, and svc always crashes."""
    noted = []

    def instead(function, configuration, *task, **limits):
        noted.append(configuration)
        if configuration.algorithm == "svc":
            return Outcome(status="crashed", message="ValueError: no\nmargin")
        return Outcome(Fit({"balanced_accuracy": int(configuration.id[:4], 16) / 2**16, "log_loss": 0.7}, 0.1, 0.1))

    monkeypatch.setattr(module, "run_limited", instead)
    return noted


def options(table, *more):
    return ["optimize", table, "--target", "ripe", "--optimizer", "random", *more]


def test_it_prints_the_best_pipeline_and_its_code(run, table):
    few = ["--algorithms", "decision_tree,gaussian_nb", "--warm-start", "2", "--trials", "3"]
    code, out, err = run(*options(table, *few))
    assert (code, err) == (0, "")
    assert out.startswith("random: 3 trials (3 ok) in ")
    assert "Warm starts, by " in out
    best = out.partition("Best: ")[2].splitlines()[0]
    assert best.startswith(("decision_tree, balanced accuracy 0.9", "gaussian_nb, balanced accuracy 0.9"))
    script = out.partition('"""')[2]
    assert f'PATH = "{table}"' in script
    assert 'TARGET = "ripe"' in script
    assert "pipeline = " in script
    compile(f'"""{script}', "script", "exec")


def test_what_is_mended_in_the_table_is_said_on_stderr_and_in_the_notes(run, table, fits):
    table.write_text(table.read_text() + "\n0.5,0.5,\n")
    code, out, err = run(*options(table, "--trials", "1", "--warm-start", "0", "--json"))
    assert (code, err) == (0, "data: rows without a target are left out: 1\n")
    assert "rows without a target are left out: 1" in json.loads(out)["notes"]


def test_json_is_one_document(run, table, fits):
    code, out, err = run(*options(table, "--trials", "7", "--metric", "log_loss", "--json"))
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert (document["metric"], document["optimizer"], document["stopped"]) == ("log_loss", "random", "trials")
    assert sum(document["statuses"].values()) == 7
    assert document["best"]["log_loss"] == document["best"]["loss"] == pytest.approx(0.7)
    assert len(document["warm_starts"]) == 5
    assert all(item["evidence"] for item in document["warm_starts"])
    assert "pipeline = " in document["python"]
    assert 'scoring="neg_log_loss"' in document["python"]
    assert [point["loss"] for point in document["incumbents"]] == [pytest.approx(0.7)]


def test_failures_are_counted_with_what_they_said(run, table, fits):
    code, out, err = run(*options(table, "--algorithms", "svc,lda", "--warm-start", "0", "--trials", "12"))
    assert (code, err) == (0, "")
    n_svc = len({c.id for c in fits if c.algorithm == "svc"})
    assert 0 < n_svc < 12
    assert f"{n_svc} crashed" in out.splitlines()[0]
    assert "- the first crashed was svc: ValueError: no" in out.splitlines()
    assert "Warm starts" not in out


def test_crashes_are_kept_out_of_the_log_and_nothing_else(run, table, fits, caplog):
    assert run(*options(table, "--algorithms", "svc,lda", "--warm-start", "0", "--trials", "12"))[0] == 0
    assert caplog.text == ""
    with _quiet():
        logging.getLogger(loop.__name__).warning("Interrupted: no trial begins any more")
    assert "Interrupted" in caplog.text


def test_a_journal_and_a_report_are_written(run, table, fits, tmp_path):
    journal, report = tmp_path / "journal.jsonl", tmp_path / "out.html"
    both = ["--journal", journal, "--report", report]
    assert run(*options(table, "--trials", "4", *both))[0] == 0
    assert len(read_journal(journal).finished) == 4
    page = report.read_text()
    assert "Optimization of data" in page
    assert "1 - balanced accuracy" in page
    n_before = len(fits)
    code, out, _ = run(*options(table, "--trials", "6", *both))
    assert code == 0
    assert out.startswith("random: 6 trials (6 ok, 2 new, 4 from the journal) in ")
    out = run(*options(table, "--trials", "6", "--warm-start", "0", "--journal", journal))[1]
    assert "- the journal began with 5 warm starts, and the search goes on from there" in out
    assert "Warm starts, by the journal: what it began with" in out
    assert len({c.id for c in fits[n_before:]}) == 2
    assert report.read_text() != page


def test_none_is_printed_as_such(run, table, fits):
    out = run(*options(table, "--algorithms", "random_forest", "--warm-start", "1", "--trials", "1"))[1]
    nones = [name for name, value in fits[0].hyperparameters.items() if value is None]
    assert nones
    assert all(re.search(rf"^ +{name} +None$", out.partition("Best: ")[2], re.MULTILINE) for name in nones)


def test_another_seed_in_the_journal_is_refused(run, table, fits, tmp_path, monkeypatch):
    journal = ["--journal", tmp_path / "journal.jsonl", "--warm-start", "0"]
    assert run(*options(table, "--trials", "2", *journal))[0] == 0
    monkeypatch.setattr("metalearn.optimizing.recommended", None)  # it is refused before anything is recommended
    code, _, err = run(*options(table, "--trials", "2", "--seed", "1", *journal[:2]))
    assert code == 1
    assert err.count("\n") <= 1
    assert "seed" in err


def test_ctrl_c_prints_what_was_found_and_exits_with_130(run, table, fits, monkeypatch, tmp_path):
    known = module.run_limited

    def interrupted(*task, **limits):
        if len(fits) == 2 * 9:
            raise KeyboardInterrupt
        return known(*task, **limits)

    monkeypatch.setattr(module, "run_limited", interrupted)
    cold = ["--algorithms", "lda,qda", "--warm-start", "0", "--trials", "9"]
    code, out, err = run(*options(table, *cold, "--journal", tmp_path / "j.jsonl"))
    assert code == 130
    assert f"the same command with --journal {tmp_path / 'j.jsonl'} goes on" in err
    assert out.startswith("random: 2 trials (2 ok)")
    assert "pipeline = " in out


def test_where_nothing_is_found_one_sentence_says_so(run, table, monkeypatch):
    monkeypatch.setattr(module, "run_limited", lambda *_, **__: Outcome(status="timeout", message="stopped after 1 s"))
    code, out, err = run(*options(table, "--warm-start", "0", "--trials", "3"))
    assert code == 1
    assert "3 timeout" in out
    assert err == "metalearn: Nothing was found: no trial ended well: give trials more seconds or memory, or allow " + (
        "other algorithms."
    )


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (["--trials", "0"], 2, "--trials"),
        (["--warm-start", "-1"], 2, "--warm-start"),
        (["--workers", "many"], 2, "Workers are a number from 1 on"),
        (["--optimizer", "randon"], 1, "did you mean 'random'"),
        (["--algorithms", "svm"], 1, "There is no algorithm 'svm'"),
        (["--algorithms", "mlp"], 1, "There is no algorithm 'mlp' in the space metalearn-classification-2"),
        (["--metric", "rmse"], 1, "rmse does not measure classification here"),
        (["--report", "out.pdf"], 1, "ends in .html or .md"),
        (["--task-type", "regression"], 1, "is not numeric"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(run, table, fits, more, code, message):
    found, out, err = run(*options(table, *more))
    assert (found, out) == (code, "")
    assert message in " ".join(err.split())
    assert fits == []


def test_a_target_has_to_be_named(run, table):
    code, out, err = run("optimize", table)
    assert (code, out) == (1, "")
    assert "Name the target column of data" in err


def test_help_has_an_example(run):
    code, out, _ = run("optimize", "--help")
    assert code == 0
    assert "Example: metalearn optimize" in " ".join(out.split())


def test_who_recommends_where_and_for_how_long_can_be_said(run, table, fits, tmp_path):
    path = tmp_path / "narrow.json"
    path.write_text(restricted(search_space("classification"), {"decision_tree", "gaussian_nb"}).to_json())
    more = ["--recommender", "portfolio", "--space", path, "--patience", "2", "--trials", "40", "--json"]
    code, out, _ = run(*options(table, *more))
    found = json.loads(out)
    assert code == 0
    assert found["recommender"] == "portfolio"
    assert found["stopped"] == "patience"
    assert {configuration.algorithm for configuration in fits} <= {"decision_tree", "gaussian_nb"}
    assert "no recommender" in run(*options(table, "--recommender", "nobody"))[2].lower()
