"""PED-ANOVA: a variance counted by hand, planted answers, conditional hyperparameters, and Optuna's own."""

import numpy as np
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.encoded_space import EncodedColumn, Encoding
from metalearn.errors import InputError
from metalearn.importance.ped_anova import ped_anova
from metalearn.learners.space import search_space


def numeric(name, parent=None):
    return EncodedColumn(name, "numeric", parent=parent)


def choice(name, choices=("a", "b"), parent=None):
    return EncodedColumn(name, "categorical", choices, parent=parent)


def test_choices_are_counted_as_by_hand():
    # 8 trials, the best 2 of them: first column a, a; second column a, b; each has 4 of each choice in all.
    encoding = Encoding((choice("first"), choice("second")))
    X = np.array([[0, 0], [0, 1], [0, 0], [0, 1], [1, 0], [1, 1], [1, 0], [1, 1]], dtype=float)
    shares = ped_anova(encoding, X, np.arange(8.0), quantile=0.25)
    # With one imaginary observation, the best have a in (2 + 1/2) / 3, or in (1 + 1/2) / 3 = 1/2 as all have.
    np.testing.assert_allclose(shares, [1, 0], atol=1e-15)
    X[1, 1], X[2, 1] = 0, 1  # now the second column has a, a too, still 4 of each
    np.testing.assert_allclose(ped_anova(encoding, X, np.arange(8.0), quantile=0.25), [0.5, 0.5])


def test_each_of_three_choices_is_counted():
    # 12 trials, the best 3 of them, which have the middle one of three choices, and the first one of two.
    kinds, sides = np.repeat([0.5, 0.0, 1.0], 4), np.repeat([0.0, 1.0, 0.0], [3, 5, 4])
    encoding = Encoding((choice("kind", ("a", "b", "c")), choice("side")))
    shares = ped_anova(encoding, np.stack([kinds, sides]).T, np.arange(12.0), quantile=0.25)
    # Of the kinds 4 each; of the best, 0, 3 and 0, and the imaginary one of no preference.
    of_kind = 2 * (1 / 12 - 1 / 3) ** 2 * 3 + (10 / 12 - 1 / 3) ** 2 * 3
    first = 7.5 / 13  # of the sides 7 and 5
    best = (3 + first) / 4
    of_side = (best - first) ** 2 / first + (best - first) ** 2 / (1 - first)
    np.testing.assert_allclose(shares, np.array([of_kind, of_side]) / (of_kind + of_side))


def test_what_is_active_in_a_part_counts_with_that_part():
    # 16 trials, the best 4. The parent is b in 8 of them, in all 4 best: its density there is (4 + 1/2) / 5 = 0.9.
    parent = np.repeat([0.0, 1.0], 8)
    # The child, active where the parent is b, has a in 4 of 8, and in all 4 best: 0.9 too.
    child = np.concatenate([np.full(8, np.nan), np.repeat([0.0, 1.0], 4)])
    loss = np.concatenate([10 + np.arange(8.0), np.arange(8.0)])
    shares = ped_anova(
        Encoding((choice("parent"), choice("child", parent="parent"))), np.stack([parent, child]).T, loss, quantile=0.25
    )
    divergence = 0.5 * (0.9 / 0.5 - 1) ** 2 + 0.5 * (0.1 / 0.5 - 1) ** 2
    of_parent = (4 / 16) ** 2 * divergence
    of_child = (8 / 16) * (4 / 8) ** 2 * divergence
    np.testing.assert_allclose(shares, np.array([of_parent, of_child]) / (of_parent + of_child))


@pytest.mark.parametrize("seed", range(3))
def test_the_variances_are_those_of_the_function(seed):
    # To be among the best tenth, x below 0.1 decides; or, in the mixture, x and the choice together.
    rng = np.random.default_rng(seed)
    X = np.stack([rng.random(4000), rng.integers(0, 2, 4000) * 1.0, rng.random(4000)], axis=1)
    encoding = Encoding((numeric("x"), choice("kind"), numeric("idle")))
    assert ped_anova(encoding, X, X[:, 0])[0] > 0.99
    loss = X[:, 0] + 10 * X[:, 1]  # the best tenth: x < 0.2 and the first choice
    shares = ped_anova(encoding, X, loss)
    # P(best | x) is 1/2 below 0.2, P(best | kind) 0.2 for the first choice; their variances are 0.04 and 0.01.
    assert shares == pytest.approx([0.8, 0.2, 0.0], abs=0.04)


def test_it_finds_what_is_important_within_one_algorithm():
    space = search_space("classification")
    configurations = space.sample(3000, np.random.default_rng(0))
    loss = [
        -abs(np.log(c.hyperparameters["C"])) if c.algorithm == "svc" else 100 + i for i, c in enumerate(configurations)
    ]
    shares = ped_anova(space.encoding, space.encode(configurations), np.array(loss), quantile=0.03)
    named = {column.hyperparameter: share for column, share in zip(space.encoding.columns, shares, strict=True)}
    assert set(sorted(named, key=lambda name: -named[name])[:2]) == {"algorithm", "svc:C"}
    assert named["random_forest:max_features"] == 0  # none of its trials is among the best
    assert sum(named.values()) == pytest.approx(1)


def test_it_is_near_the_variances_and_ranks_as_optuna_does():
    encoding = Encoding((numeric("x"), choice("kind"), numeric("y", parent="kind"), numeric("idle")))
    rng = np.random.default_rng(1)
    study = optuna.create_study()
    floats = optuna.distributions.FloatDistribution(0, 1)
    kinds = optuna.distributions.CategoricalDistribution(["a", "b"])
    X, losses = [], []
    for _ in range(2000):
        x, kind, y, idle = rng.random(), int(rng.integers(2)), rng.random(), rng.random()
        loss = (x - 0.3) ** 2 + (0.3 * (y - 0.8) ** 2 if kind else 0.1)
        params = {"x": x, "kind": "ab"[kind], "idle": idle} | ({"y": y} if kind else {})
        distributions = {name: kinds if name == "kind" else floats for name in params}
        study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=loss))
        X.append([x, kind, y if kind else np.nan, idle])
        losses.append(loss)
    shares = ped_anova(encoding, np.array(X), np.array(losses))
    theirs = optuna.importance.get_param_importances(study, evaluator=optuna.importance.PedAnovaImportanceEvaluator())
    names = [column.hyperparameter for column in encoding.columns]
    # Optuna before 5 leaves out what is not in each trial.
    ranked = [names[i] for i in np.argsort(-shares) if names[i] in theirs]
    assert ranked == sorted(theirs, key=lambda name: -theirs[name])
    # The best tenth is the half ellipse's share of the second kind: radii 0.187 in x, and 0.341 in y, cut off at 1. The
    # divergence is 0.54 / 0.187 - 1 in x, 1 in the kind, and 0.95 in y, which is active in half of the trials.
    variances = np.array([0.54 / 0.187 - 1, 1, 0.95 / 0.5, 0])
    assert shares == pytest.approx(variances / variances.sum(), abs=0.06)


@settings(max_examples=50)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 60))
def test_shares_are_shares_whatever_comes(seed, n):
    space = search_space("regression")
    rng = np.random.default_rng(seed)
    X = space.cube.sample(n, rng)
    loss = rng.normal(size=n)
    loss[rng.random(n) < 0.3] = np.nan
    shares = ped_anova(space.encoding, X, loss)
    assert (shares >= 0).all()
    assert shares.sum() == pytest.approx(1) or not shares.any()
    order = rng.permutation(n)
    np.testing.assert_allclose(ped_anova(space.encoding, X[order], loss[order]), shares, atol=1e-12)
    np.testing.assert_array_equal(ped_anova(space.encoding, X, np.exp(3 * loss)), shares)  # of ranks only


@pytest.mark.parametrize("loss", [[], [np.nan] * 4, [1.0], [0.5] * 4], ids=["none", "failed", "one", "equal"])
def test_where_nothing_tells_all_are_zero(loss):
    shares = ped_anova(Encoding((numeric("x"), choice("kind"))), np.zeros((len(loss), 2)), np.array(loss))
    assert shares.tolist() == [0, 0]


def test_a_failed_trial_is_one_that_is_not_good():
    # Whatever has x above one half fails: no other value is worse than x just below it.
    x = np.linspace(0, 1, 100)
    X = np.stack([x, np.random.default_rng(1).permutation(x)], axis=1)
    loss = np.where(x > 0.5, np.nan, np.random.default_rng(0).random(100))
    assert ped_anova(Encoding((numeric("x"), numeric("idle"))), X, loss, quantile=0.4)[0] > 0.8


def test_what_does_not_fit_is_refused():
    encoding = Encoding((numeric("x"),))
    with pytest.raises(InputError, match="between 0 and 1; got 1"):
        ped_anova(encoding, np.zeros((3, 1)), np.zeros(3), quantile=1)
    with pytest.raises(InputError, match=r"3 losses over 1 columns need X of shape \(3, 1\); got \(3, 2\)"):
        ped_anova(encoding, np.zeros((3, 2)), np.zeros(3))
