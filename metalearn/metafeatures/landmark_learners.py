"""Landmarkers that look at all columns: the nearest neighbour, a linear model, and Gaussian naive Bayes.

A learner takes a ``Lesson`` and returns, for each row asked for, what it predicts after learning from the rows of the
other folds. What the folds have in common is computed once: their sums are those of all rows less those of the fold.
The definitions, and the predictions, are those of scikit-learn's ``KNeighborsClassifier(1)``,
``LinearDiscriminantAnalysis``, ``Ridge`` and ``GaussianNB``.
"""

from dataclasses import dataclass

import numpy as np

from metalearn.metafeatures.landmark_lessons import Lesson
from metalearn.metafeatures.measures import require
from metalearn.metafeatures.table import Floats

# scikit-learn's: directions of a smaller within-class spread are left out of a discriminant; this much of the largest
# variance is added to those of naive Bayes; the penalty of a ridge.
_LDA_TOLERANCE = 1e-4
_VARIANCE_SMOOTHING = 1e-9
_RIDGE_PENALTY = 1.0
# Beside a variance of 1, or the squared length of the longest row, less is a rounded zero.
_ROUNDING = 1e-13


@dataclass(frozen=True)
class Moments:
    """What each fold's learner knows of the K classes.

    ``deviations`` (n, d) are those of the training rows from the means of their class over all folds. Of the rows that
    may be learned from: ``counts`` (folds, K), and ``means`` and ``shifts`` (folds, K, d), the means as they are and as
    deviations from those over all folds; 0 for a class without rows.
    """

    deviations: Floats
    counts: Floats
    means: Floats
    shifts: Floats

    @property
    def shares(self) -> Floats:
        """Shares of the classes (folds, K)."""
        return np.asarray(self.counts / self.counts.sum(axis=1, keepdims=True))


def moments(lesson: Lesson) -> Moments:
    """Return the classes' means for each fold; to share."""
    X, votes = lesson.train.X, lesson.train.votes
    sizes = votes.sum(axis=0)
    centres = votes.T @ X / np.maximum(sizes, 1)[:, None]
    deviations = X - votes @ centres
    counts = sizes - np.array([votes[left].sum(axis=0) for _, left, _ in lesson.rounds()])
    shifts = -_left_out(lesson, deviations) / np.maximum(counts, 1)[:, :, None]
    means = np.where(counts[:, :, None] > 0, centres + shifts, 0.0)
    return Moments(deviations, counts, means, shifts)


def nearest_neighbor(lesson: Lesson) -> Floats:
    """Predict what the nearest row has; rows that are equally near vote."""
    test, predicted = lesson.test, np.empty(len(lesson.test.y))
    lengths = np.einsum("ij,ij->i", lesson.train.X, lesson.train.X)
    for learned, _, asked in lesson.rounds():
        X, votes = lesson.train.X[learned], lesson.train.votes[learned]
        # Squared distances, less what is the same for a row that is asked for.
        distances = (-2 * test.X[asked]) @ X.T
        distances += lengths[learned]
        nearest = distances.argmin(axis=1)
        furthest = distances[np.arange(len(nearest)), nearest] + _ROUNDING * (1 + lengths.max())
        near = distances <= furthest[:, None]
        n_near = np.count_nonzero(near, axis=1)
        cast, tied = votes[nearest], n_near > 1
        cast[tied] = near[tied].astype(np.float64) @ votes
        predicted[asked] = test.decide(cast, n_near)
    return predicted


def linear(lesson: Lesson) -> Floats:
    """Predict by a linear discriminant (Fisher 1936), or by a ridge with penalty 1 for a regression."""
    return _discriminant(lesson) if lesson.test.n_classes else _ridge(lesson)


def naive_bayes(lesson: Lesson) -> Floats:
    """Predict the likeliest class when each column is normal within a class and independent of the others.

    Raises:
        UnmeasuredError: for a regression.
    """
    require(lesson.test.n_classes > 0, "not_applicable")
    found, shares = lesson.shared(moments), lesson.shared(moments).shares
    variances = _variances(lesson, found)
    between = found.means - (shares[:, None, :] @ found.means)
    largest = np.einsum("fk,fkd->fd", shares, variances + between**2).max(axis=1)
    variances += np.where(largest > 0, _VARIANCE_SMOOTHING * largest, 1.0)[:, None, None]
    precisions = 1 / variances
    weighted = -2 * found.means * precisions
    constants = np.sum(found.means**2 * precisions - np.log(precisions), axis=2)
    exponents, squares = np.empty(lesson.test.votes.shape), lesson.test.X**2
    for fold, (_, _, asked) in enumerate(lesson.rounds()):
        of_rows = squares[asked] @ precisions[fold].T + lesson.test.X[asked] @ weighted[fold].T
        exponents[asked] = of_rows + constants[fold]
    return _likeliest(lesson, shares, -0.5 * exponents)


def _left_out(lesson: Lesson, values: Floats) -> Floats:
    """Return the sums by class of the values (n, d) of the rows in each fold (folds, K, d)."""
    votes = lesson.train.votes
    return np.array([votes[left].T @ values[left] for _, left, _ in lesson.rounds()])


def _variances(lesson: Lesson, found: Moments) -> Floats:
    """Return the variances within each class (folds, K, d)."""
    squares = found.deviations**2
    sums = lesson.train.votes.T @ squares - _left_out(lesson, squares)
    return np.maximum(sums / np.maximum(found.counts, 1)[:, :, None] - found.shifts**2, 0.0)


def _likeliest(lesson: Lesson, shares: Floats, evidence: Floats) -> Floats:
    """Return the classes (n,) of the largest posterior, from the shares (folds, K) and the log-likelihoods (n, K)."""
    with np.errstate(divide="ignore"):
        priors = np.log(shares)
    return np.asarray((priors[lesson.test.folds] + evidence).argmax(axis=1), dtype=np.float64)


def _discriminant(lesson: Lesson) -> Floats:
    found, evidence = lesson.shared(moments), np.empty(lesson.test.votes.shape)
    products, shares = found.deviations.T @ found.deviations, found.shares
    for fold, (learned, left, asked) in enumerate(lesson.rounds()):
        share, shifts = shares[fold], found.shifts[fold]
        out, n = found.deviations[left], np.count_nonzero(learned)
        whitening = None
        if n > products.shape[0]:
            scatter = products - out.T @ out - (found.counts[fold][:, None] * shifts).T @ shifts
            whitening = _whitening(scatter / n)
        if whitening is None:
            deviations = found.deviations[learned] - lesson.train.votes[learned] @ shifts
            whitening = _whitening_of_some(deviations / np.sqrt(n))
        centre = share @ found.means[fold]
        means = (found.means[fold] - centre) @ whitening
        X = (lesson.test.X[asked] - centre) @ whitening
        evidence[asked] = X @ means.T - 0.5 * np.sum(means**2, axis=1)
    return _likeliest(lesson, shares, evidence)


def _whitening(covariance: Floats) -> Floats | None:
    """Return a matrix (d, d) that makes the covariance round, or None where it has directions to be left out.

    The trace of an inverse is at least 1 / the smallest eigenvalue.
    """
    variances = covariance.diagonal()
    if variances.min() <= _ROUNDING:
        return None
    precisions = 1 / np.sqrt(variances)
    try:
        inverse = np.linalg.inv(np.linalg.cholesky(covariance * precisions * precisions[:, None]))
    except np.linalg.LinAlgError:
        return None
    return precisions[:, None] * inverse.T if np.sum(inverse**2) < 1 / _LDA_TOLERANCE**2 else None


def _whitening_of_some(deviations: Floats) -> Floats:
    """Return a matrix (d, r) that makes rows of the covariance ``deviations.T @ deviations`` round in r directions."""
    variances = np.einsum("nd,nd->d", deviations, deviations)
    precisions = np.where(variances > _ROUNDING, 1 / np.sqrt(np.maximum(variances, _ROUNDING)), 0.0)
    return precisions[:, None] * whitening_of(deviations * precisions)


def whitening_of(rows: Floats) -> Floats:
    """Return the matrix W (d, r) that makes rows (n, d) round, ``W.T @ rows.T @ rows @ W`` being the identity.

    Its columns are the right singular vectors over their singular values, without those of 1e-4 and less.

    >>> whitening_of(np.array([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0]]))
    array([[0.2],
           [0. ]])
    """
    n, d = rows.shape
    squares, axes = np.linalg.eigh(rows.T @ rows if d < n else rows @ rows.T)
    kept = squares > _LDA_TOLERANCE**2
    squares, axes = squares[kept], axes[:, kept]
    return np.asarray(axes / np.sqrt(squares) if d < n else rows.T @ axes / squares)


def _ridge(lesson: Lesson) -> Floats:
    X, y = lesson.train.X, lesson.train.y
    products, both = X.T @ X, X.T @ y
    predicted = np.empty(len(lesson.test.y))
    for learned, left, asked in lesson.rounds():
        out, n = X[left], np.count_nonzero(learned)
        centre, level = X[learned].mean(axis=0), y[learned].mean()
        scatter = products - out.T @ out - n * np.outer(centre, centre)
        slopes = both - out.T @ y[left] - n * level * centre
        scatter[np.diag_indices_from(scatter)] += _RIDGE_PENALTY
        predicted[asked] = level + (lesson.test.X[asked] - centre) @ np.linalg.solve(scatter, slopes)
    return predicted
