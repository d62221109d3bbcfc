"""The report of an optimization: its figures hold the trials that were run, in one page that needs nothing else."""

import re
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Constant, EqualsCondition, Float, Integer

from metalearn.core.journal import FinishedTrial
from metalearn.core.records import Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError, MissingDependencyError
from metalearn.evaluation.optimization_figures import anytime_figure, fidelities_figure, history_figure, parallel_figure
from metalearn.evaluation.optimization_report import check_report, importances, write_report
from metalearn.optimizers.result import Result

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def space():
    """Two algorithms, one hyperparameter each, of which only the C of svc matters; and an idle one."""
    algorithm = Categorical("algorithm", ["svc", "lda"])
    c, shrinkage = Float("svc:C", (0.01, 100), log=True), Float("lda:shrinkage", (0, 1))
    config_space = ConfigurationSpace()
    config_space.add([algorithm, c, shrinkage, Integer("idle", (1, 9))])
    config_space.add([EqualsCondition(c, algorithm, "svc"), EqualsCondition(shrinkage, algorithm, "lda")])
    return SearchSpace("two-1", config_space)


def loss_of(configuration):
    return 0.1 + abs(np.log10(configuration.hyperparameters.get("C", 100))) / 10


def result_of(trials, message=""):
    return Result(tuple(FinishedTrial(i, trial, NOW, NOW, 2.0 * i + 1, message) for i, trial in enumerate(trials)))


@pytest.fixture(scope="module")
def result(space):
    """Sixty trials, every tenth of which failed."""
    drawn = space.sample(60, np.random.default_rng(0))
    return result_of(
        [
            Trial(c, status="timeout") if i % 10 == 4 else Trial(c, loss=loss_of(c), status="ok")
            for i, c in enumerate(drawn)
        ],
        "stopped after 6 s",
    )


@pytest.fixture(scope="module")
def rungs(space):
    """A bracket: nine configurations at a ninth, the best three at a third, the best of all at 1."""
    drawn = sorted(space.sample(9, np.random.default_rng(1)), key=loss_of)
    plan = [(1 / 9, drawn), (1 / 3, drawn[:3]), (1.0, drawn[:1])]
    return result_of([Trial(c, f, loss=loss_of(c) + 0.1 / f / 9, status="ok") for f, cs in plan for c in cs])


def images(text):
    return re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)


def table(text, title):
    part = text.partition(f"# {title}\n")[2].partition("\n#")[0]
    return [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")][2:]


def groups(svg, name):
    """The parts of a figure of this name, but those of its legend."""
    root = ET.fromstring(svg)
    legend = {part for g in root.iter(f"{SVG}g") if g.get("id") == "legend_1" for part in g.iter()}
    return [g for g in root.iter(f"{SVG}g") if g.get("id", "").startswith(name) and g not in legend]


def points(svg):
    """How many markers each collection of points of a figure has."""
    return [len(list(g.iter(f"{SVG}use"))) for g in groups(svg, "PathCollection")]


def test_markdown_holds_what_was_found(result, space, tmp_path):
    write_report(result, space, tmp_path / "out.md", about={"dataset": "iris"}, loss_name="1 - accuracy")
    text = (tmp_path / "out.md").read_text()
    assert images(text) == [f"out-{name}.svg" for name in ("history", "anytime", "importances", "parallel")]
    assert {path.name for path in tmp_path.iterdir()} == {"out.md", *images(text)}
    facts = dict(table(text, "Optimization"))
    assert (facts["dataset"], facts["trials"]) == ("iris", "60 (54 ok, 6 timeout)")
    assert str(result.best.configuration) in facts["best"]
    best = table(text, "The best trials")
    assert [row[1] for row in best] == [f"{loss:.6g}" for loss in sorted(t.loss for t in result.trials if t.loss)[:10]]
    assert int(best[0][0]) == result.trials.index(result.best) + 1
    failed = table(text, "What failed")
    assert {row[0] for row in failed} == {"timeout"}
    assert sum(int(row[2]) for row in failed) == 6
    assert {row[3] for row in failed} == {"stopped after 6 s"}


def test_one_page_needs_nothing_else(rungs, space, tmp_path):
    write_report(rungs, space, tmp_path / "out.html", title="Ten <trials> & more")
    assert [path.name for path in tmp_path.iterdir()] == ["out.html"]
    text = (tmp_path / "out.html").read_text()
    assert "Ten &lt;trials&gt; &amp; more" in text
    sources = re.findall(r'src="([^"]*)"', text)
    assert len(sources) == 3  # history, best so far, fidelities
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert not re.search(r'(src|href)="(http|/|\.)', text)
    assert "<script" not in text


def test_the_history_has_every_trial(result):
    warm = {trial.configuration.id for trial in result.trials[:3]}
    assert sorted(points(history_figure(result, warm))) == [3, 6, 51]  # warm starts, failures, others
    assert points(history_figure(result)) == [54, 6]


def test_the_anytime_curve_falls_over_time(result):
    text = anytime_figure(result, name="1 - accuracy").decode()
    assert "best so far" in text
    assert "1 - accuracy" in text
    assert anytime_figure(result) == anytime_figure(result)  # no date, no random ids


def test_lines_are_of_those_that_ended_well_with_gaps_where_inactive(result, space):
    X = space.encode([trial.configuration for trial in result.trials])
    loss = np.array([np.nan if t.loss is None else t.loss for t in result.trials])
    names = [column.hyperparameter for column in space.encoding.columns]
    axes = [names.index(name) for name in ("algorithm", "svc:C")]
    lines = groups(parallel_figure(space, X, loss, axes), "LineCollection")
    n_svc = sum(t.configuration.algorithm == "svc" for t in result.trials if t.loss is not None)
    assert sum(len(list(g.iter(f"{SVG}path"))) for g in lines) == n_svc
    assert "100" in parallel_figure(space, X, loss, axes).decode()  # the end of the range of C


def test_a_constant_has_its_value_on_its_axis():
    space = SearchSpace("one-1", ConfigurationSpace(space=[Float("x", (0, 1)), Constant("solver", "adam")]))
    X = space.encode(space.sample(3, np.random.default_rng(0)))
    assert "adam" in parallel_figure(space, X, np.arange(3.0), [0, 1]).decode()


def test_the_importance_of_a_pruned_trial_is_that_of_a_failure(space):
    trials = [Trial(c, loss=loss_of(c), status="ok") for c in space.sample(40, np.random.default_rng(0))]
    other = Trial(space.sample(1, np.random.default_rng(1))[0], loss=-5.0, status="pruned")
    pruned, crashed = [*trials, other], [*trials, Trial(other.configuration, status="crashed")]
    assert importances(result_of(pruned), space) == importances(result_of(crashed), space)


def test_the_flow_joins_the_fidelities_of_a_configuration(rungs):
    text = fidelities_figure(rungs).decode()
    for rung in ("0.111", "0.333"):
        assert rung in text
    for count in ("9 trials", "3 trials", "1 trials"):
        assert count in text
    lines = [path.get("d", "") for g in groups(text, "line2d") for path in g.iter(f"{SVG}path")]
    # In curves of three points M..L..L and of two M..L: the one that ran everywhere, and two that stopped at a third.
    joined = [line.count("L") for line in lines if "clip" not in line and "z" not in line]
    assert joined.count(2) == 1


def test_importances_are_those_of_the_largest_fidelity(result, rungs, space):
    shares = importances(result, space)
    assert next(iter(shares)) == "svc:C"
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert importances(rungs, space) == {}  # one trial at fidelity 1 tells nothing


def test_what_has_nothing_to_show_is_a_report_all_the_same(space, tmp_path):
    failed = Trial(Configuration("two-1", "lda", {"shrinkage": 0.5, "idle": 1}), status="crashed")
    for name, trials in (
        ("none", []),
        ("failed", [failed]),
        ("one", [Trial(failed.configuration, loss=1, status="ok")]),
    ):
        write_report(result_of(trials, "no | good\nat all"), space, tmp_path / f"{name}.md")
        text = (tmp_path / f"{name}.md").read_text()
        assert ("none ended well" in text) == (name != "one")
        assert len(images(text)) == (2 if name == "one" else 0)
    assert "no \\| good" in (tmp_path / "failed.md").read_text()


def test_a_place_or_a_library_that_is_not_there_is_said_at_once(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"ends in \.html or \.md"):
        check_report(tmp_path / "out.pdf")
    with pytest.raises(InputError, match="no folder"):
        check_report(tmp_path / "none" / "out.html")
    monkeypatch.setitem(__import__("sys").modules, "scikit_posthocs", None)
    check_report(tmp_path / "out.html")  # not needed here
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingDependencyError, match="figures"):
        check_report(tmp_path / "out.html")
