"""Scores of predicted classes and class probabilities. Classes are the integers 0 to K - 1."""

import numpy as np
from numpy.typing import NDArray

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
