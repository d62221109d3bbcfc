"""The 46 meta-features of auto-sklearn under their own names, by its own definitions: to compare with published ones.

Feurer et al., "Efficient and Robust Automated Machine Learning" (NeurIPS 2015), by the code of auto-sklearn 0.1,
``autosklearn/metalearning/metafeatures/metafeatures.py``. What tells them apart from our own groups: skewness,
kurtosis, components and landmarkers are of the encoded table (``autosklearn_table``), and what is not there is 0:
symbols without nominal columns, the shape of numeric columns when there are none. As there, the measures of classes
and the landmarkers are for classifications only.
"""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from metalearn.metafeatures.autosklearn_table import (
    LANDMARK_CELLS,
    LANDMARK_ROWS,
    N_FOLDS,
    PCA_CELLS,
    SEED,
    VARIANCE,
    components,
    folded,
    shapes,
)
from metalearn.metafeatures.landmark_learners import whitening_of
from metalearn.metafeatures.measures import Group, Measure
from metalearn.metafeatures.simple import SIMPLE, n_symbols
from metalearn.metafeatures.symbols import entropy
from metalearn.metafeatures.table import Floats, Integers, Table

# In a standardised column less is not a spread.
_ROUNDING = 1e-12

Classifier = Callable[[Floats, Integers, Floats], Integers]


def _first_moment(table: Table, order: int) -> float:
    scores = table.shared(components)[1]
    deviations = scores - scores.mean()
    return float(np.mean(deviations**order) / np.mean(deviations**2) ** (order / 2))


def discriminant(X: Floats, y: Integers, others: Floats) -> Integers:
    """Return the classes (k,) of other rows (k, d) by a linear discriminant of rows (m, d) of classes (m,).

    As scikit-learn's ``LinearDiscriminantAnalysis`` (solver ``svd``), by the eigenvectors of the smaller Gram matrix.

    >>> X = np.array([[0.0], [1.0], [4.0], [5.0]])
    >>> discriminant(X, np.array([3, 3, 7, 7]), np.array([[2.0], [3.0]]))
    array([3, 7])
    """
    labels, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    members = (codes == np.arange(len(labels))[:, None]).astype(np.float64)
    mean, means = X.mean(axis=0), members @ X / counts[:, None]
    within = X - means[codes]
    spread = within.std(axis=0)
    spread[spread < _ROUNDING] = 1.0
    within /= spread * np.sqrt(len(X) - len(labels))
    whitened = whitening_of(within) / spread[:, None]
    centers = (means - mean) @ whitened
    scores = (others - mean) @ whitened @ centers.T - np.sum(centers**2, axis=1) / 2 + np.log(counts / len(X))
    return np.asarray(labels[np.argmax(scores, axis=1)])


def nearest(X: Floats, y: Integers, others: Floats) -> Integers:
    """Return the classes (k,) of the nearest of the rows (m, d) of classes (m,) to other rows (k, d).

    >>> nearest(np.array([[0.0], [4.0]]), np.array([3, 7]), np.array([[1.0], [5.0]]))
    array([3, 7])
    """
    distances = (-2 * others) @ X.T
    distances += np.einsum("ij,ij->i", X, X)
    return np.asarray(y[np.argmin(distances, axis=1)])


def _naive_bayes(X: Floats, y: Integers, others: Floats) -> Integers:
    from sklearn.naive_bayes import GaussianNB

    return np.asarray(GaussianNB().fit(X, y).predict(others))


def _tree(**options: Any) -> Classifier:
    def classify(X: Floats, y: Integers, others: Floats) -> Integers:
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(random_state=np.random.RandomState(SEED), **options)
        return np.asarray(tree.fit(X, y).predict(others))

    return classify


def _accuracy(classify: Classifier) -> Callable[[Table], float]:
    """Return what measures the mean over the folds of the accuracy of a learner."""

    def measure(table: Table) -> float:
        from sklearn import config_context

        X, y, folds = table.shared(folded)
        accuracies = []
        with warnings.catch_warnings(), config_context(assume_finite=True, skip_parameter_validation=True):
            warnings.simplefilter("ignore")  # collinear columns and their like are what a landmarker is to notice
            for fold in range(N_FOLDS):
                table.deadline.check()
                held_out = folds == fold
                accuracies.append(np.mean(classify(X[~held_out], y[~held_out], X[held_out]) == y[held_out]))
        return float(np.mean(accuracies))

    return measure


_FEURER = "Feurer et al. 2015"
_OURS = {measure.name: measure for measure in SIMPLE.measures}
# The same quantities under our names.
_RENAMED = {
    "NumberOfInstances": "n_rows",
    "LogNumberOfInstances": "log_n_rows",
    "NumberOfFeatures": "n_columns",
    "LogNumberOfFeatures": "log_n_columns",
    "NumberOfNumericFeatures": "n_numeric",
    "NumberOfCategoricalFeatures": "n_nominal",
    "DatasetRatio": "dimensionality",
    "LogDatasetRatio": "log_dimensionality",
    "NumberOfMissingValues": "n_missing",
    "PercentageOfMissingValues": "share_missing",
    "NumberOfFeaturesWithMissingValues": "n_columns_with_missing",
    "PercentageOfFeaturesWithMissingValues": "share_columns_with_missing",
    "NumberOfInstancesWithMissingValues": "n_rows_with_missing",
    "PercentageOfInstancesWithMissingValues": "share_rows_with_missing",
    "NumberOfClasses": "n_classes",
    "SymbolsSum": "symbols_sum",
}
_SUMMARIES: dict[str, tuple[str, Callable[[Floats], Any]]] = {
    "Min": ("smallest", np.min),
    "Max": ("largest", np.max),
    "Mean": ("mean", np.mean),
    "STD": ("standard deviation (over the number of values) of", np.std),
}


def _ratio(first: str, second: str) -> Callable[[Table], float]:
    def ratio(table: Table) -> float:
        divisor = float(_OURS[second].compute(table))
        return float(_OURS[first].compute(table)) / divisor if divisor else 0.0

    return ratio


def _symbols(table: Table) -> Floats:
    return n_symbols(table) if table.nominal.shape[1] else np.zeros(1)


def _shape(row: int) -> Callable[[Table], Floats]:
    return lambda table: table.shared(shapes)[row] if table.numeric.shape[1] else np.zeros(1)


def _summaries(
    name: str, values: Callable[[Table], Floats], what: str, range_: str, unit: str = "", *, needs_target: bool = False
) -> tuple[Measure, ...]:
    return tuple(
        Measure(
            name + suffix,
            lambda table, summary=summary: float(summary(values(table))),  # type: ignore[misc]
            f"{words} {what}",
            "from 0" if suffix == "STD" else range_,
            unit,
            _FEURER,
            needs_target=needs_target,
        )
        for suffix, (words, summary) in _SUMMARIES.items()
    )


def _measured(name: str, compute: Callable[[Table], float], formula: str, range_: str, unit: str = "") -> Measure:
    return Measure(name, compute, formula, range_, unit, _FEURER)


def _landmarker(name: str, classify: Classifier, learner: str) -> Measure:
    formula = (
        f"accuracy of {learner} on the encoded table, mean over {N_FOLDS} stratified folds of the shuffled rows "
        f"(at most {LANDMARK_ROWS:,} rows and {LANDMARK_CELLS:,} encoded cells, a stratified sample)"
    )
    return Measure(name, _accuracy(classify), formula, "[0, 1]", "", _FEURER, needs_target=True, cost="sample")


def _pca(name: str, compute: Callable[[Table], float], what: str, range_: str) -> Measure:
    rows = f"(rows with at most {PCA_CELLS:,} encoded cells, a stratified sample)"
    return Measure(name, compute, f"{what} of the encoded table {rows}", range_, "", _FEURER, cost="n p^2")


AUTOSKLEARN = Group(
    "autosklearn",
    (
        *(replace(_OURS[ours], name=name, source=_FEURER) for name, ours in _RENAMED.items()),
        _measured("InverseDatasetRatio", lambda t: t.n_rows / len(t.kinds), "n / p", "above 0", "rows per column"),
        _measured(
            "LogInverseDatasetRatio", lambda t: float(np.log(t.n_rows / len(t.kinds))), "ln(n / p)", "any number"
        ),
        _measured(
            "RatioNumericalToNominal",
            _ratio("n_numeric", "n_nominal"),
            "n_numeric / n_nominal, 0 without nominal columns",
            "from 0",
        ),
        _measured(
            "RatioNominalToNumerical",
            _ratio("n_nominal", "n_numeric"),
            "n_nominal / n_numeric, 0 without numeric columns",
            "from 0",
        ),
        *_summaries(
            "ClassProbability", lambda t: t.class_shares, "share of the rows in a class", "(0, 1]", needs_target=True
        ),
        Measure(
            "ClassEntropy",
            lambda t: entropy(t.class_counts),
            "-sum of P log2(P) over the shares P of the classes",
            "from 0",
            "bits",
            _FEURER,
            needs_target=True,
        ),
        *_summaries(
            "Symbols", _symbols, "number of symbols of a nominal column, 0 without one", "from 0", "distinct values"
        ),
        *_summaries("Skewness", _shape(0), "m3 / m2^1.5 of an encoded numeric column, 0 without one", "any number"),
        *_summaries("Kurtosis", _shape(1), "m4 / m2^2 - 3 of an encoded numeric column, 0 without one", "from -3"),
        _pca(
            "PCAFractionOfComponentsFor95PercentVariance",
            lambda t: t.shared(components)[0],
            f"principal components that together keep {VARIANCE:.0%} of the variance / columns",
            "(0, 1]",
        ),
        _pca(
            "PCASkewnessFirstPC",
            lambda t: _first_moment(t, 3),
            "m3 / m2^1.5 (of arbitrary sign) of the first principal component",
            "any number",
        ),
        _pca(
            "PCAKurtosisFirstPC",
            lambda t: _first_moment(t, 4) - 3,
            "m4 / m2^2 - 3 of the first principal component",
            "from -2",
        ),
        _landmarker("LandmarkLDA", discriminant, "a linear discriminant"),
        _landmarker("LandmarkNaiveBayes", _naive_bayes, "Gaussian naive Bayes"),
        _landmarker("LandmarkDecisionTree", _tree(), "a decision tree (Gini)"),
        _landmarker(
            "LandmarkDecisionNodeLearner",
            _tree(criterion="entropy", max_depth=1),
            "a decision tree of one split (entropy)",
        ),
        _landmarker(
            "LandmarkRandomNodeLearner",
            _tree(criterion="entropy", max_depth=1, max_features=1),
            "a decision tree of one split on a column drawn at random",
        ),
        _landmarker("Landmark1NN", nearest, "the nearest neighbor"),
    ),
)
