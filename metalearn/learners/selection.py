"""Columns that would break what comes behind: scikit-learn's own classes with one rule more."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.feature_selection import SelectPercentile
from sklearn.utils.validation import check_is_fitted, validate_data


class EmptyColumnsFilled(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Numbers (n, p) as float64 with their gaps, but columns without any value in ``fit`` are 0 throughout.

    Histogram gradient boosting takes gaps, and fails on a column that has nothing else (scikit-learn 1.9).

    >>> EmptyColumnsFilled().fit_transform([[1.0, np.nan], [np.nan, np.nan]])
    array([[ 1.,  0.],
           [nan,  0.]])
    """

    def fit(self, X: ArrayLike, y: object = None) -> Self:  # noqa: ARG002  (scikit-learn's)
        """Note which columns are empty."""
        self.empty_ = np.isnan(self._numbers(X, reset=True)).all(axis=0)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the table with zeros in those columns."""
        check_is_fitted(self)
        return np.where(self.empty_, 0.0, self._numbers(X, reset=False))

    def _numbers(self, X: ArrayLike, *, reset: bool) -> NDArray[np.float64]:
        options = {"dtype": np.float64, "ensure_all_finite": "allow-nan", "reset": reset}
        table: NDArray[np.float64] = validate_data(self, X, **options)
        return table

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class BestColumns(SelectPercentile):  # type: ignore[misc]  # scikit-learn has no type information
    """The ``percentile`` percent of columns with the best scores, and at least one.

    scikit-learn's own class keeps none where the percentage of a few columns is less than one column, and the model
    behind it then fails.

    >>> from sklearn.feature_selection import f_classif
    >>> X = np.array([[0.0, 5.0], [1.0, 5.0], [0.2, 4.0], [1.1, 4.0]])
    >>> BestColumns(f_classif, percentile=10).fit(X, [0, 1, 0, 1]).get_support().tolist()
    [True, False]
    """

    def _get_support_mask(self) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = super()._get_support_mask()
        if not mask.any():
            scores: NDArray[Any] = np.nan_to_num(self.scores_, nan=-np.inf)
            mask[np.argmax(scores)] = True
        return mask
