"""The Gaussian process: scikit-learn's predictions at equal hyperparameters, updates as fits, planted answers."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from metalearn.core.encoded_space import EncodedColumn, Encoding, Floats
from metalearn.errors import InputError
from metalearn.surrogates.gaussian_process import FittedGaussianProcess, GaussianProcess
from metalearn.surrogates.marginal_likelihood import LEVEL

NUMBERS = Encoding(tuple(EncodedColumn(f"x{j}", "numeric") for j in range(2)))
MIXED = Encoding(
    (
        EncodedColumn("kind", "categorical", ("a", "b", "c")),
        EncodedColumn("x", "numeric"),
        EncodedColumn("child", "numeric", parent="kind"),
    )
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def wave(X: Floats) -> Floats:
    return np.asarray(np.sin(6 * X[:, 0]) + (X[:, 1] - 0.4) ** 2)


def numbers(n: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(size=(n, 2))


def mixed(n: int, seed: int = 0) -> tuple[Floats, Floats]:
    """Rows whose child is active for kind b only, and their losses."""
    draw = np.random.default_rng(seed)
    X = np.column_stack([draw.integers(3, size=n) / 2, draw.uniform(size=(n, 2))])
    X[X[:, 0] != 0.5, 2] = np.nan
    loss = np.where(X[:, 0] == 0.5, 4 * (X[:, 2] - 0.3) ** 2, X[:, 0]) + 0.5 * X[:, 1]
    return X, np.asarray(np.where(np.isnan(loss), X[:, 0] + 0.5 * X[:, 1], loss))


def fitted(n: int = 30, *, warp: bool = True) -> FittedGaussianProcess:
    X = numbers(n)
    return GaussianProcess(NUMBERS, warp=warp).fit(X, wave(X), rng=rng())


def test_predictions_are_scikit_learns_at_equal_hyperparameters() -> None:
    ours, X, new = fitted(40, warp=False), numbers(40), numbers(300, 1)
    theta, loss = ours.theta, wave(numbers(40))
    kernel = ConstantKernel(theta.signal) * Matern(theta.lengths, nu=2.5) + ConstantKernel(LEVEL)
    theirs = GaussianProcessRegressor(kernel, alpha=theta.noise, optimizer=None)
    mean, std = theirs.fit(X, (loss - loss.mean()) / loss.std()).predict(new, return_std=True)
    assert ours.predict(new)[0] == pytest.approx(loss.mean() + loss.std() * mean, abs=1e-5)
    assert ours.predict(new)[1] == pytest.approx(loss.std() * std, abs=2e-4)


def test_a_smooth_function_is_learned() -> None:
    mean, std = fitted(40).predict(numbers(200, 1))
    errors = np.abs(mean - wave(numbers(200, 1)))
    assert np.median(errors) < 0.02
    assert np.mean(errors < 2 * std + 1e-3) > 0.85
    assert fitted(40).noise_std < 0.02


def test_losses_of_a_conditional_space_are_learned() -> None:
    X, loss = mixed(60)
    new, expected = mixed(200, 1)
    mean, _ = GaussianProcess(MIXED).fit(X, loss, rng=rng()).predict(new)
    assert np.corrcoef(mean, expected)[0, 1] > 0.98


def test_names_of_choices_do_not_matter() -> None:
    X, loss = mixed(40)
    new, _ = mixed(50, 1)
    swapped, new_swapped = X.copy(), new.copy()
    for rows in (swapped, new_swapped):
        rows[:, 0] = np.choose(np.rint(2 * rows[:, 0]).astype(int), [0.5, 1.0, 0.0])
    process = GaussianProcess(MIXED)
    mean, std = process.fit(X, loss, rng=rng()).predict(new)
    other_mean, other_std = process.fit(swapped, loss, rng=rng()).predict(new_swapped)
    assert other_mean == pytest.approx(mean, abs=1e-4)
    assert other_std == pytest.approx(std, abs=1e-3)


@pytest.mark.parametrize("warp", [True, False])
def test_units_of_the_loss_do_not_matter(warp: bool) -> None:
    X, new = numbers(30), numbers(20, 1)
    process = GaussianProcess(NUMBERS, warp=warp)
    mean, std = process.fit(X, wave(X), rng=rng()).predict(new)
    scaled_mean, scaled_std = process.fit(X, 7 + 100 * wave(X), rng=rng()).predict(new)
    assert scaled_mean == pytest.approx(7 + 100 * mean, rel=1e-3)
    assert scaled_std == pytest.approx(100 * std, rel=1e-2, abs=1e-3)


@pytest.mark.parametrize(("kept", "n"), [(0, 25), (12, 25), (30, 31), (30, 44), (18, 18)])
def test_conditioning_is_the_same_from_anywhere(kept: int, n: int) -> None:
    before = fitted(30)
    X = np.concatenate([numbers(30)[:kept], numbers(60, 1)])[:n]
    after = before.conditioned(X, wave(X))
    fresh = replace(before, X=X[:0], loss=X[:0, 0], whitener=np.empty((0, 0))).conditioned(X, wave(X))
    new = numbers(50, 2)
    for ours, expected in zip(after.predict(new), fresh.predict(new), strict=True):
        assert ours == pytest.approx(expected, abs=1e-6)
    assert after.theta is before.theta


def test_conditioning_knows_inactive_rows_again() -> None:
    X, loss = mixed(40)
    before = GaussianProcess(MIXED).fit(X[:30], loss[:30], rng=rng())
    after = before.conditioned(X, loss)
    assert np.array_equal(after.whitener[:30, :30], before.whitener)
    assert np.tril(after.whitener) == pytest.approx(after.whitener)


def test_the_whitener_whitens() -> None:
    process = fitted(25)
    points = process.theta.scaled(process.embedding.points(process.X), process.embedding.owners)
    lengths_done = Matern(1.0, nu=2.5)(points)
    K = process.theta.signal * lengths_done + LEVEL + process.theta.noise * np.eye(25)
    assert process.whitener @ K @ process.whitener.T == pytest.approx(np.eye(25), abs=1e-5)


def test_what_is_told_later_pulls_the_prediction() -> None:
    process, x = fitted(30), np.array([[0.5, 0.5]])
    told = process.conditioned(np.vstack([process.X, x, x]), np.append(process.loss, [9.0, 9.0]))
    assert told.predict(x)[0][0] > process.predict(x)[0][0] + 1
    assert told.predict_warped(x)[1][0] <= process.predict_warped(x)[1][0]


def test_draws_have_the_predicted_moments_and_are_joint() -> None:
    process = fitted(8)
    new = np.vstack([numbers(6, 1), numbers(6, 1)[:1]])
    draws = process.sample(new, 20_000, rng())
    mean, std = process.predict(new)
    assert draws.shape == (20_000, 7)
    assert draws.mean(axis=0) == pytest.approx(mean, abs=0.03)
    assert draws.std(axis=0) == pytest.approx(std, rel=0.05, abs=0.01)
    assert np.abs(draws[:, 0] - draws[:, 6]).max() < 0.01 * std.max()


def test_warped_predictions_are_the_same_belief() -> None:
    X = numbers(60)
    process = GaussianProcess(NUMBERS).fit(X, np.exp(3 * wave(X)), rng=rng())
    new = numbers(30, 1)
    mean, std = process.predict_warped(new)
    assert process.warping.power < 1
    order = np.argsort(process.loss)
    assert (np.diff(process.warping.forward(process.loss)[order]) >= 0).all()
    draws = process.warping.forward(process.sample(new, 20_000, rng()))
    assert np.median(draws, axis=0) == pytest.approx(mean, abs=0.05)
    assert draws.std(axis=0) == pytest.approx(std, rel=0.1, abs=0.01)


def test_intervals_cover_what_they_promise() -> None:
    covered = []
    for seed in range(8):
        draw = np.random.default_rng(seed)
        X, new = numbers(40, seed), numbers(150, seed + 100)
        loss = wave(X) + 0.3 * draw.normal(size=40)
        process = GaussianProcess(NUMBERS).fit(X, loss, rng=draw)
        mean, std = process.predict(new)
        total = np.hypot(std, process.noise_std)
        covered.append(np.abs(wave(new) + 0.3 * draw.normal(size=150) - mean) < 1.2816 * total)
    assert np.mean(covered) == pytest.approx(0.8, abs=0.06)


def test_noise_is_told_in_units_of_the_loss() -> None:
    X = numbers(150)
    loss = 100 * (wave(X) + 0.3 * rng().normal(size=150))
    assert GaussianProcess(NUMBERS).fit(X, loss, rng=rng()).noise_std == pytest.approx(30, rel=0.25)


def test_of_many_rows_some_tell_the_hyperparameters_and_all_count() -> None:
    X = numbers(150)
    process = GaussianProcess(NUMBERS, max_rows=40)
    rows = process._telling(wave(X), rng())
    assert len(rows) == len(set(rows)) == 40
    assert {*np.argsort(wave(X))[:13], *range(137, 150)} <= set(rows)
    some = process.fit(X, wave(X), rng=rng())
    assert len(some.X) == 150
    assert np.abs(some.predict(X)[0] - wave(X)).max() < 0.02
    again = process.fit(X, wave(X), rng=rng())
    assert np.array_equal(again.predict(numbers(9, 1)), some.predict(numbers(9, 1)))


def test_failed_trials_with_the_worst_loss_do_not_hide_the_best() -> None:
    X = numbers(60)
    loss = np.where(X[:, 0] > 0.8, wave(X).max(), wave(X))
    mean, std = GaussianProcess(NUMBERS).fit(X, loss, rng=rng()).predict(X)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert loss[mean.argmin()] <= np.sort(loss)[2]


def test_repeated_rows_are_averaged() -> None:
    x = np.array([[0.2, 0.2]] * 20 + [[0.8, 0.8]] * 20)
    loss = np.array([0.0, 1.0] * 10 + [2.0, 3.0] * 10)
    process = GaussianProcess(NUMBERS, warp=False).fit(x, loss, rng=rng())
    assert process.predict(x[[0, -1]])[0] == pytest.approx([0.5, 2.5], abs=0.15)
    assert process.noise_std == pytest.approx(0.5, rel=0.2)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="max_rows"):
        GaussianProcess(NUMBERS, max_rows=2)
