"""Hyperboost: boosted trees for quantiles, less sure of themselves the farther they are from what was seen.

van Hoof & Vanschoren, "Hyperboost: hyperparameter optimization by gradient boosting surrogate models", 2021: LightGBM
predicts a low quantile of the loss, and the distance to the nearest observation leads to where trees, constant between
observations, know nothing. Here quantile and distance become a mean and a standard deviation, so that any acquisition
function can go by them. The mean is the median; the variance is

    scale^2 (spread^2 + (reach distance)^2),

where the spread is half of what lies between the 16 % and the 84 % quantile: for a Gaussian, its standard deviation.
Trees fit the losses that they have seen too closely for that. So scale and reach are those of largest likelihood for
losses that were held out, in cross-validation.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import ndtr

from metalearn.core.encoded_space import Encoding, Floats
from metalearn.errors import InputError
from metalearn.surrogates.kernels import Embedding
from metalearn.surrogates.observations import check_observations, mean_and_deviation

Integers = NDArray[np.int64]

# The median of a Gaussian, and one standard deviation to either side.
_LEVELS = (float(ndtr(-1.0)), 0.5, float(ndtr(1.0)))
# Reaches to choose from, in standard deviations of the losses per unit of distance.
_REACHES = np.append(0.0, np.logspace(-2, 1, 31))
# The least spread, in standard deviations of the losses: quantiles may meet by chance.
_LEAST_SPREAD = 0.01
# Below this many losses a part of them tells nothing; then the losses vary by their standard deviation within a unit of
# distance.
_LEAST_TO_HOLD_OUT = 10
_FIXED: dict[str, Any] = {
    "objective": "quantile",
    "min_data_in_bin": 1,
    # Started at a quantile that many equal losses have, trees take these for too low, as all others, and never split.
    "boost_from_average": False,
    "verbosity": -1,
    "num_threads": 1,  # with so few rows, threads only wait for each other
    "deterministic": True,
    "force_col_wise": True,
}


@dataclass(frozen=True)
class QuantileBoosting:
    """LightGBM's trees for three quantiles, calibrated by cross-validation in ``n_folds`` parts.

    ``n_trees``, ``n_leaves`` and ``learning_rate`` are the paper's. A leaf has at least ``min_leaf`` losses: from the
    paper's single ones no quantile can be told.

    Raises:
        InputError: when a parameter is out of its range.

    >>> from metalearn.core.encoded_space import EncodedColumn
    >>> model = QuantileBoosting(Encoding((EncodedColumn("x", "numeric"),)))
    >>> X = np.linspace(0, 0.5, 40)[:, None]
    >>> predictor = model.fit(X, np.where(X[:, 0] < 0.2, 1.0, 3.0), rng=np.random.default_rng(0))
    >>> mean, std = predictor.predict(np.array([[0.1], [0.4], [1.0]]))
    >>> mean.round(1)
    array([1., 3., 3.])
    """

    encoding: Encoding
    n_trees: int = 100
    n_leaves: int = 8
    learning_rate: float = 0.1
    min_leaf: int = 3
    n_folds: int = 5

    def __post_init__(self) -> None:
        if min(self.n_trees, self.min_leaf) < 1 or min(self.n_leaves, self.n_folds) < 2 or not self.learning_rate > 0:
            raise InputError(
                "Boosting needs n_trees and min_leaf of at least 1, n_leaves and n_folds of at least 2 and a "
                f"learning_rate above 0; got {self}."
            )

    def fit(self, X: Floats, loss: Floats, *, rng: np.random.Generator) -> "FittedQuantileBoosting":
        """Fit losses (n,) at encoded configurations X (n, d).

        Raises:
            InputError: for observations that ``check_observations`` refuses.
        """
        check_observations(self.encoding, X, loss)
        center, unit = mean_and_deviation(loss)
        y, points = (loss - center) / unit, Embedding(self.encoding).points(X)
        seed = int(rng.integers(2**31))
        reach, scale = 1.0, 1.0
        if len(loss) >= _LEAST_TO_HOLD_OUT:
            reach, scale = self._calibration(points, y, rng.permutation(len(y)) % self.n_folds, seed)
        return FittedQuantileBoosting(
            self.encoding, self._boosters(points, y, seed), points, center, unit, reach=reach, scale=scale
        )

    def _boosters(self, points: Floats, y: Floats, seed: int) -> tuple[Any, ...]:
        """Return one booster a quantile, fitted to targets y (n,) at points (n, q)."""
        import lightgbm

        options = _FIXED | {
            "num_leaves": self.n_leaves,
            "learning_rate": self.learning_rate,
            "min_child_samples": self.min_leaf,
            "seed": seed,
        }
        return tuple(
            lightgbm.train(options | {"alpha": level}, lightgbm.Dataset(points, y), self.n_trees) for level in _LEVELS
        )

    def _calibration(self, points: Floats, y: Floats, fold: Integers, seed: int) -> tuple[float, float]:
        """Return reach and scale of largest likelihood for targets y (n,), each predicted without its fold (n,)."""
        mean, spread, distance = (np.empty(len(y)) for _ in range(3))
        for k in range(self.n_folds):
            out = fold == k
            mean[out], spread[out] = _quantiles(self._boosters(points[~out], y[~out], seed), points[out])
            distance[out] = cKDTree(points[~out]).query(points[out])[0]
        variances = spread**2 + np.square(_REACHES[:, None] * distance)
        scales = np.mean((y - mean) ** 2 / variances, axis=1)
        costs = len(y) * np.log(np.maximum(scales, _LEAST_SPREAD**2)) + np.log(variances).sum(axis=1)
        best = int(np.argmin(costs))
        return float(_REACHES[best]), float(max(scales[best], _LEAST_SPREAD**2) ** 0.5)


@dataclass(frozen=True, eq=False)
class FittedQuantileBoosting:
    """A ``Predictor``: three boosters and the points (n, q) that they have seen.

    What the quantiles leave open may be noise or not; all of it counts as uncertainty, so that ``noise_std`` is 0.
    """

    encoding: Encoding
    boosters: tuple[Any, ...]
    points: Floats
    center: float
    unit: float
    reach: float
    scale: float
    noise_std: float = 0.0

    def predict(self, X: Floats) -> tuple[Floats, Floats]:
        """Return mean (m,) and standard deviation (m,) of the loss at X (m, d)."""
        points = Embedding(self.encoding).points(X)
        mean, spread = _quantiles(self.boosters, points)
        distance = cKDTree(self.points).query(points)[0]
        return self.center + self.unit * mean, self.unit * self.scale * np.hypot(spread, self.reach * distance)

    def sample(self, X: Floats, n: int, rng: np.random.Generator) -> Floats:
        """Return n joint draws (n, m) at X (m, d).

        Each leaf of the median's trees is off by one draw, so that errors are the more alike, the more leaves two
        configurations share.
        """
        mean, std = self.predict(X)
        leaves = self.boosters[1].predict(Embedding(self.encoding).points(X), pred_leaf=True).reshape(len(X), -1)
        n_leaves = int(leaves.max()) + 1
        errors = np.zeros((n, len(X)))
        for leaf in leaves.T:
            errors += rng.standard_normal((n, n_leaves))[:, leaf]
        return np.asarray(mean + std * errors / np.sqrt(leaves.shape[1]))


def _quantiles(boosters: tuple[Any, ...], points: Floats) -> tuple[Floats, Floats]:
    """Return the median (m,) and half the distance of the outer quantiles (m,) at points (m, q)."""
    low, median, high = np.sort([booster.predict(points) for booster in boosters], axis=0)
    return median, np.maximum((high - low) / 2, _LEAST_SPREAD)
