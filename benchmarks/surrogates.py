"""Do the surrogates' intervals hold what they say, and how near are their means? And scikit-learn's process?

    python -m benchmarks.surrogates [--quick] [--out FILE] [--every 5] [--seeds 3]

On OpenML's svm, random_forest and adaboost runs, every fifth task: a surrogate is fitted to 20, 50 and 100 random
evaluations and predicts up to 200 others. The share of losses within intervals of a normal distribution, which should
be what their name says; the root mean square of (loss - mean) / std, which should be 1; the root mean square error as a
share of the standard deviation of the losses; Spearman's rank correlation; seconds of a fit. scikit-learn's process has
a Matern 5/2 kernel with a length scale for each column of the same encoding and learned noise, on standardised losses.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import norm, spearmanr

from benchmarks.common import arguments, keep
from benchmarks.optimizers_problems import Problem, names, problem
from metalearn.core.registry import create
from metalearn.core.registry import names as registered
from metalearn.evaluation.report import table
from metalearn.evaluation.scores import Floats

SIZES, N_TESTED = (20, 50, 100), 200
LEVELS = (0.5, 0.8, 0.95)
PEER = "scikit-learn's Gaussian process"
Predict = Callable[[Floats], tuple[Floats, Floats]]
Fit = Callable[[Problem, Floats, Floats, int], Predict]


def main() -> None:
    """Fit and predict on all problems, and write the table."""
    parser = arguments(__doc__)
    parser.add_argument("--every", type=int, default=5, help="every so many-th task")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    every, n_seeds = (15, 1) if options.quick else (options.every, options.seeds)
    problems = [problem("tables", name, options.shared.resolve()) for name in names("tables", options.shared)[::every]]
    lines = [
        (method, n, *figures([outcome(fit, on, n, seed) for on in problems for seed in range(n_seeds)]))
        for method, fit in methods().items()
        for n in SIZES
    ]
    heads = ["surrogate", "n", *(f"within {level:.0%}" for level in LEVELS), "root mean square of z", "relative error"]
    text = f"{len(problems)} tasks, {n_seeds} seeds.\n\n{table([*heads, 'rank correlation', 'fit, s'], lines)}"
    keep(options, text)
    print(text)


def methods() -> Mapping[str, Fit]:
    """Return ours and the peer."""
    return {name: partial(ours, name) for name in registered("surrogate")} | {PEER: peers}


def ours(name: str, on: Problem, X: Floats, loss: Floats, seed: int) -> Predict:
    """Fit a surrogate of ours."""
    surrogate = create("surrogate", name, encoding=on.space.encoding)
    predict: Predict = surrogate.fit(X, loss, rng=np.random.default_rng(seed)).predict
    return predict


def peers(on: Problem, X: Floats, loss: Floats, seed: int) -> Predict:  # noqa: ARG001
    """Fit scikit-learn's process; what is inactive in a configuration counts as 0."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    kernel: Any = ConstantKernel() * Matern(np.ones(X.shape[1]), (1e-2, 1e3), nu=2.5) + WhiteKernel(1e-2, (1e-6, 1.0))
    process = GaussianProcessRegressor(kernel, normalize_y=True, n_restarts_optimizer=2, random_state=seed)
    process.fit(np.nan_to_num(X), loss)
    return lambda new: process.predict(np.nan_to_num(new), return_std=True)


def outcome(fit: Fit, on: Problem, n: int, seed: int) -> tuple[Floats, float, float, float]:
    """Return standardised errors (m,), relative error, rank correlation and seconds of a fit to n evaluations."""
    assert on.table is not None
    known = np.flatnonzero(np.isfinite(on.table.losses))
    drawn = np.random.default_rng([seed, n]).permutation(known)[: n + N_TESTED]
    X, losses = on.space.encode([on.table.candidates[i] for i in drawn]), on.table.losses[drawn]
    start = time.perf_counter()
    predict = fit(on, X[:n], losses[:n], seed)
    seconds = time.perf_counter() - start
    mean, std = predict(X[n:])
    error = losses[n:] - mean
    relative = float(np.sqrt(np.mean(error**2)) / max(losses.std(), 1e-12))
    correlation = float(spearmanr(mean, losses[n:]).statistic) if np.ptp(mean) > 0 and np.ptp(losses[n:]) > 0 else 0.0
    return error / np.maximum(std, 1e-12), relative, correlation, seconds


def figures(found: list[tuple[Floats, float, float, float]]) -> list[str]:
    """Return the cells of a line: shares over all predictions, and medians over the fits."""
    z = np.concatenate([errors for errors, *_ in found])
    shares = [f"{np.mean(np.abs(z) < norm.ppf(0.5 + level / 2)):.3f}" for level in LEVELS]
    relative, correlation, seconds = np.median([rest for _, *rest in found], axis=0)
    return [*shares, f"{np.sqrt(np.mean(z**2)):.2f}", f"{relative:.2f}", f"{correlation:.2f}", f"{seconds:.2f}"]


if __name__ == "__main__":
    main()
