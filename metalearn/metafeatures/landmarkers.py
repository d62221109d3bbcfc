"""Landmarkers: how well cheap learners do on a sample of the dataset.

Pfahringer, Bensusan and Giraud-Carrier, "Meta-learning by landmarking various learning algorithms" (ICML 2000). The
score is the balanced accuracy (for a regression R2, clipped to [-1, 1]) of the predictions for held-out rows, pooled
over the folds of a stratified cross-validation. Numbers are standardised, with the mean for what is missing; nominal
columns become indicators of their most frequent values. (That looks at held-out rows' features, never at their target.)
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from metalearn.metafeatures.columns import Columns
from metalearn.metafeatures.groups import Group, Measured
from metalearn.metafeatures.table import Floats, Integers, Table, centred, counts

# More rows sharpen the scores less than they cost.
_MAX_ROWS = 1500
_N_FOLDS = 5
_MAX_INDICATORS = 10
# Of wider tables so many random columns stand for all.
_MAX_COLUMNS = 300
_NAMES = ("landmark_decision_stump", "landmark_nearest_neighbor", "landmark_naive_bayes", "landmark_linear")


def measure(table: Table, rng: np.random.Generator) -> Measured:
    """Return the landmarkers of a table; ``rng`` draws the sample and its folds.

    ``landmark_linear`` is a linear discriminant, or for a regression a ridge.

    >>> classes, none = np.repeat([0, 1], 10), np.empty((20, 0), dtype=np.int64)
    >>> table = Table(("numeric",), np.array([0]), 0, 7.0 * classes[:, None], none, classes, classes * 1.0)
    >>> measure(table, np.random.default_rng(0))["landmark_decision_stump"]
    1.0
    """
    rows = _sampled(table, rng)
    if len(rows) == 0:
        return dict.fromkeys(_NAMES, "too_few_rows")
    X, y = _encoded(_taken(table, rows)), _target(table, rows)
    if X.shape[1] == 0:
        return dict.fromkeys(_NAMES, "constant" if set(table.kinds) & {"numeric", "nominal"} else "not_applicable")
    if X.shape[1] > _MAX_COLUMNS:
        X = X[:, rng.choice(X.shape[1], _MAX_COLUMNS, replace=False)]
    learners, score = (_regressors(), _r2) if table.classes is None else (_classifiers(), _balanced_accuracy)
    return {name: _landmark(learners.get(name), X, y, score) for name in _NAMES}


def _sampled(table: Table, rng: np.random.Generator) -> Integers:
    """Return rows ordered by class, at random within, in proportion to the classes; none of a class with one row."""
    strata = np.zeros(table.n_rows, dtype=np.int64) if table.classes is None else table.classes
    rows = np.lexsort((rng.random(len(strata)), strata))
    if len(rows) > _MAX_ROWS:
        rows = rows[np.linspace(0, len(rows) - 1, _MAX_ROWS).astype(np.int64)]
    sizes = np.bincount(strata[rows])
    rows = rows[sizes[strata[rows]] > 1]
    enough = table.classes is None or np.count_nonzero(sizes > 1) > 1
    return rows if enough else rows[:0]


def _taken(table: Table, rows: Integers) -> Table:
    numeric, nominal = table.numeric[rows], table.nominal[rows]
    return replace(table, numeric=numeric[:, ~np.isnan(numeric).all(axis=0)], nominal=nominal)


def _target(table: Table, rows: Integers) -> Floats:
    """Return class codes without gaps, or the centred target."""
    if table.classes is not None:
        return np.unique(table.classes[rows], return_inverse=True)[1].astype(np.float64)
    return centred(table.target[rows])


def _encoded(sample: Table) -> Floats:
    """Return the columns of a table as numbers without gaps (n, d), leaving out what is constant."""
    columns = Columns(sample)
    numbers = columns.standardized(np.flatnonzero(columns.varies))
    return np.asarray(np.hstack([numbers, *(_indicators(codes) for codes in sample.nominal.T)]))


def _indicators(codes: Integers) -> Floats:
    sizes = counts(codes[codes >= 0])
    frequent = np.argsort(-sizes, kind="stable")[:_MAX_INDICATORS]
    informative = frequent[(sizes[frequent] > 0) & (sizes[frequent] < len(codes))]
    return np.asarray(codes[:, None] == informative, dtype=np.float64)


def _classifiers() -> Mapping[str, Any]:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.tree import DecisionTreeClassifier

    stump = DecisionTreeClassifier(max_depth=1, random_state=0)
    learners = (stump, KNeighborsClassifier(1, algorithm="brute"), GaussianNB(), LinearDiscriminantAnalysis())
    return dict(zip(_NAMES, learners, strict=True))


def _regressors() -> Mapping[str, Any]:
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeRegressor

    return {
        "landmark_decision_stump": DecisionTreeRegressor(max_depth=1, random_state=0),
        "landmark_nearest_neighbor": KNeighborsRegressor(1, algorithm="brute"),
        "landmark_linear": Ridge(),
    }


def _landmark(learner: Any, X: Floats, y: Floats, score: Callable[[Floats, Floats], float | str]) -> float | str:
    if learner is None:
        return "not_applicable"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # collinear columns and their like are what a landmarker is to notice
            predicted = _held_out(learner, X, y)
    except Exception as error:  # a learner that breaks on this dataset must not take the others along
        return f"failed: {type(error).__name__}"
    return score(y, predicted)


def _held_out(learner: Any, X: Floats, y: Floats) -> Floats:
    """Return predictions (n,) for each row by a learner that was fitted without its fold."""
    # Rows are ordered by class, so dealing them out stratifies the folds, and a class of two is in two folds.
    folds = np.arange(len(y)) % min(_N_FOLDS, len(y))
    predicted = np.empty_like(y)
    for fold in range(folds.max() + 1):
        held_out = folds == fold
        predicted[held_out] = learner.fit(X[~held_out], y[~held_out]).predict(X[held_out])
    return predicted


def _balanced_accuracy(y: Floats, predicted: Floats) -> float | str:
    classes = y.astype(np.int64)
    return float(np.mean(np.bincount(classes, weights=predicted == y) / np.bincount(classes)))


def _r2(y: Floats, predicted: Floats) -> float | str:
    total = float(np.sum((y - y.mean()) ** 2))
    return float(np.clip(1 - np.sum((y - predicted) ** 2) / total, -1.0, 1.0)) if total > 0 else "constant"


LANDMARKERS = Group("landmarkers", _NAMES, measure)
