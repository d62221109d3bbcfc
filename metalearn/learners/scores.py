"""Scores of predictions on the rows of a test set. Classes are the integers 0 to K - 1."""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# Bounds what one sure and wrong prediction adds to a log loss, at 34.5.
_SMALLEST_PROBABILITY = 1e-15


def accuracy(y: Integers, predicted: Integers) -> float:
    """Return the share of rows (n,) whose class is predicted.

    >>> accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    0.75
    """
    return float(np.mean(y == predicted))


def balanced_accuracy(y: Integers, predicted: Integers) -> float:
    """Return the mean recall over the classes that occur in y (n,) (Brodersen et al., ICPR 2010).

    >>> balanced_accuracy(np.array([0, 0, 0, 0, 1]), np.array([0, 0, 0, 1, 1]))
    0.875
    """
    count = np.bincount(y)
    recalls = np.bincount(y, weights=y == predicted)[count > 0] / count[count > 0]
    return float(recalls.mean())


def log_loss(y: Integers, probabilities: Floats) -> float:
    """Return the mean of -log p over rows, in nats; p (n, K) is normalised by row and its entries at least 1e-15.

    >>> log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.75, 0.25]]))
    1.0397207708399179
    """
    share = probabilities[np.arange(len(y)), y] / probabilities.sum(axis=1)
    return float(0.0 - np.log(np.maximum(share, _SMALLEST_PROBABILITY)).mean())


def roc_auc(y: Integers, probabilities: Floats) -> float:
    """Return the area under the ROC curve: the mean over classes of each one against the rest; p has shape (n, K).

    It is the chance that a row of the class gets a higher probability of it than a row of the rest, ties counted half
    (Hanley and McNeil, Radiology 1982). Classes without rows in y (n,) are left out; NaN where y has one class only.

    >>> roc_auc(np.array([0, 0, 1, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.2, 0.8]]))
    0.75
    """
    inside = y[:, None] == np.unique(y)
    n_inside = inside.sum(axis=0)
    if len(n_inside) < 2:
        return float("nan")
    ranks = rankdata(probabilities[:, np.unique(y)], axis=0)
    above = (ranks * inside).sum(axis=0) - n_inside * (n_inside + 1) / 2
    return float(np.mean(above / (n_inside * (len(y) - n_inside))))


def r2(y: Floats, predicted: Floats) -> float:
    """Return the share of the variance of y (n,) that is explained, at most 1; NaN where y has one value only.

    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
    0.5
    """
    total = np.sum((y - y.mean()) ** 2)
    return float(1 - np.sum((y - predicted) ** 2) / total) if total > 0 else float("nan")


def rmse(y: Floats, predicted: Floats) -> float:
    """Return the root of the mean squared error, in the unit of y (n,).

    >>> rmse(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.4142135623730951
    """
    return float(np.sqrt(np.mean((y - predicted) ** 2)))


def mae(y: Floats, predicted: Floats) -> float:
    """Return the mean absolute error, in the unit of y (n,).

    >>> mae(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    1.0
    """
    return float(np.mean(np.abs(y - predicted)))
