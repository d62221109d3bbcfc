"""TPE: the split, the ratio, and what it does with failed, pending, conditional and listed configurations."""

from dataclasses import replace

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
)

from metalearn.core.records import Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.sobol import sobol_point
from metalearn.optimizers.state import Row, State, Table
from metalearn.optimizers.tpe import TPE


def line():
    return SearchSpace("line-1", ConfigurationSpace(space=[Float("x", (0, 1))]))


def tree():
    kind, x, n = Categorical("kind", ["a", "b"]), Float("x", (0, 1)), Integer("n", (1, 9))
    space = ConfigurationSpace(space=[kind, x, n])
    space.add(EqualsCondition(x, kind, "a"), EqualsCondition(n, kind, "b"))
    return SearchSpace("tree-1", space)


def state(space, rows, pending=(), candidates=None, n_design=99):
    d = len(space.encoding.columns)
    told, waiting = Table.of(rows, d), Table.of(pending, d)
    return State(space.cube, told, waiting, candidates, np.empty((0, d)), len(rows), n_design, seed=5)


def row(*x, loss=np.nan):
    return Row(np.array(x, dtype=float), loss=loss, status="ok" if loss == loss else "crashed")


def grid(n=101):
    return np.linspace(0, 1, n)[:, None]


def ratio(proposer, seen):
    good, bad = proposer.densities(seen)
    return good.log_density(grid()) - bad.log_density(grid())


def test_splits_as_in_the_literature():
    assert [TPE(gamma=0.15).n_good(n) for n in (1, 10, 20, 1000)] == [1, 2, 3, 25]
    assert [TPE(split="sqrt", gamma=0.25).n_good(n) for n in (1, 16, 17, 100)] == [1, 1, 2, 3]


def test_starts_with_the_sobol_sequence():
    space = tree()
    for index in range(3):
        start = replace(state(space, [], n_design=index), n_proposed=index)
        x = TPE().begin(space.cube).propose(start, np.random.default_rng(0)).x
        np.testing.assert_array_equal(x, sobol_point(space.cube, 5, index))
    at_once = TPE(n_initial=0, n_candidates=1).begin(line().cube)
    assert 0 <= at_once.propose(state(line(), [], n_design=0), np.random.default_rng(0)).x[0] <= 1


def test_the_ratio_is_largest_where_good_trials_are_and_bad_ones_are_not():
    rows = [row(x, loss=abs(x - 0.3)) for x in np.linspace(0, 1, 40)]
    scores = ratio(TPE().begin(line().cube), state(line(), rows))
    assert abs(grid()[scores.argmax(), 0] - 0.3) < 0.05
    assert scores[95] < scores[50] < scores[30]


def test_scores_by_the_two_densities():
    rows = [row(x, loss=x) for x in (0.9, 0.1, 0.5, 0.7)]
    proposer = TPE(gamma=0.5, weights="uniform").begin(line().cube)
    good, bad = (proposer.parzen.fit(np.array(x)[:, None]) for x in ([0.1, 0.5], [0.9, 0.7]))
    expected = good.log_density(grid()) - bad.log_density(grid())
    np.testing.assert_allclose(ratio(proposer, state(line(), rows)), expected)


def test_improvement_weighs_the_best_most():
    rows = [row(0.1, loss=0.0), row(0.5, loss=0.9), row(0.7, loss=1.0), row(0.9, loss=7.0)]
    good, _ = TPE(gamma=0.5).begin(line().cube).densities(state(line(), rows))
    np.testing.assert_allclose(good.weights, np.array([2 * 1.0 / 1.1, 2 * 0.1 / 1.1, 1.0]) / 3)
    # Where all that succeeded are good, the last of them stands for the best bad one.
    failed = [row(0.1, loss=0.0), row(0.5, loss=0.9), row(0.7), row(0.9)]
    good, _ = TPE(gamma=0.5).begin(line().cube).densities(state(line(), failed))
    np.testing.assert_allclose(good.weights, [2 / 3, 0, 1 / 3])


def test_recent_trials_weigh_more():
    rows = [row(x, loss=x) for x in np.linspace(0, 1, 40)]
    _, bad = TPE(weights="recent", gamma=0.1).begin(line().cube).densities(state(line(), rows))
    weights = bad.weights[:-1]
    assert len(weights) == 36
    np.testing.assert_allclose(weights[11:], weights[-1])
    np.testing.assert_allclose(weights[:11] / weights[-1], np.linspace(1 / 36, 1, 11))
    _, equal = TPE(weights="uniform", gamma=0.1).begin(line().cube).densities(state(line(), rows))
    np.testing.assert_allclose(equal.weights, 1 / 37)


def test_failed_trials_are_bad_even_when_nothing_else_is_known():
    proposer = TPE().begin(line().cube)
    failed = state(line(), [row(x) for x in (0.7, 0.75, 0.8)])
    scores = ratio(proposer, failed)
    assert grid()[scores.argmin(), 0] == pytest.approx(0.75, abs=0.1)
    good, _ = proposer.densities(state(line(), [row(0.1, loss=1.0), row(0.2), row(0.3), row(0.4)]))
    np.testing.assert_array_equal(good.centers[:-1], [[0.1]])


def test_pending_trials_push_away():
    rows = [row(x, loss=abs(x - 0.3)) for x in np.linspace(0, 1, 20)]
    proposer = TPE().begin(line().cube)
    waiting = [Row(np.array([0.3])), Row(np.array([0.31]))]
    before, after = (ratio(proposer, state(line(), rows, pending)) for pending in ((), waiting))
    assert after[30] < before[30] - 0.1
    assert after[30] - after[80] < before[30] - before[80]


def test_takes_the_candidate_of_the_best_ratio():
    rows = [row(x, loss=abs(x - 0.3)) for x in np.linspace(0, 1, 40)]
    listed = np.array([[0.9], [0.33], [0.6]])
    proposer = TPE().begin(line().cube)
    proposal = proposer.propose(state(line(), rows, candidates=listed), np.random.default_rng(0))
    assert proposal.x == [0.33]
    assert proposer.propose(state(line(), rows, candidates=np.empty((0, 1))), np.random.default_rng(0)) is None


def test_proposes_valid_configurations_that_were_not_tried():
    kind, n = Categorical("kind", ["a", "b"]), Integer("n", (1, 4))
    space = ConfigurationSpace(space=[kind, n])
    space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(kind, "a"), ForbiddenEqualsClause(n, 3)))
    small = SearchSpace("small-1", space)
    known = [[0.0, 0.0], [0.0, 1 / 3], [1.0, 0.0], [1.0, 1 / 3]]
    told = state(small, [row(*x, loss=float(i)) for i, x in enumerate(known)])
    rng = np.random.default_rng(0)
    proposed = {tuple(TPE().begin(small.cube).propose(told, rng).x.round(3)) for _ in range(40)}
    assert proposed <= {(0.0, 1.0), (1.0, 0.667), (1.0, 1.0)}
    assert len(proposed) > 1


def run(space, loss, seed, n=40, method=None, batch=1):
    optimizer = AskTell(space, method or TPE(), rng=np.random.default_rng(seed))
    while len(optimizer.trials) < n:
        asked = optimizer.ask(batch)
        optimizer.tell([replace(t, loss=loss(t.configuration), status="ok") for t in asked])
    return optimizer


def test_finds_the_planted_branch_and_number():
    def loss(configuration):
        values = configuration.hyperparameters
        return abs(values["x"] - 0.62) if values["kind"] == "a" else 0.3 + 0.1 * abs(values["n"] - 4)

    bests = [run(tree(), loss, seed, batch=1 + seed % 3).best for seed in range(5)]
    assert {best.configuration.hyperparameters["kind"] for best in bests} == {"a"}
    assert np.median([best.loss for best in bests]) < 0.02


def test_is_better_than_random_search():
    from metalearn.optimizers.random_search import RandomSearch

    space = SearchSpace("cube-1", ConfigurationSpace(space=[Float(name, (0, 1)) for name in "abcd"]))

    def loss(configuration):
        return sum((value - 0.7) ** 2 for value in configuration.hyperparameters.values())

    ours, theirs = (
        np.mean([np.log(run(space, loss, seed, 40, method).best.loss) for seed in range(3)])
        for method in (TPE(), RandomSearch())
    )
    assert ours < theirs - 0.5


@pytest.mark.parametrize("scaled_by", [lambda loss: 1e6 + 1e3 * loss, lambda loss: 1e-310 * loss])
def test_is_invariant_to_the_scale_of_the_losses(scaled_by):
    rows = [row(x, loss=(x - 0.4) ** 2) for x in np.linspace(0, 1, 20)]
    scaled = [r._replace(loss=scaled_by(r.loss)) for r in rows]
    one, other = (ratio(TPE().begin(line().cube), state(line(), told)) for told in (rows, scaled))
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_unasked_and_equal_losses_do_not_stop_it():
    space = tree()
    optimizer = AskTell(space, TPE(), rng=np.random.default_rng(0))
    told = [Trial(c, loss=1.0, status="ok") for c in space.sample(15, np.random.default_rng(1))]
    optimizer.tell(told)
    assert optimizer.ask()[0].configuration not in {trial.configuration for trial in told}


@pytest.mark.parametrize(
    "options", [{"n_initial": -1}, {"n_candidates": 0}, {"gamma": 0.0}, {"split": "half"}, {"weights": "best"}]
)
def test_refuses_what_it_cannot_work_with(options):
    with pytest.raises(InputError):
        TPE(**options)
