"""Forests that weigh classes, whatever the labels: scikit-learn's own refuse texts that read as whole numbers.

``compute_class_weight`` of scikit-learn 1.9 looks the label "1" up among the weights as the number 1, and does not find
it. Here classes are numbered from 0 before they are weighed; the trees, and what is predicted, are the same.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d


class EncodedRandomForestClassifier(RandomForestClassifier):  # type: ignore[misc]
    """``RandomForestClassifier`` that numbers the classes of its target.

    >>> X, y = [[0.0], [1.0], [2.0]], ["-1", "1", "1"]
    >>> EncodedRandomForestClassifier(class_weight="balanced", random_state=0).fit(X, y).predict([[2.0]]).tolist()
    ['1']
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the trees to classes ``y`` (n,) of any dtype that has an order."""
        labels, codes = _encoded(y)
        super().fit(X, codes, sample_weight)
        self.classes_ = labels
        return self


class EncodedExtraTreesClassifier(ExtraTreesClassifier):  # type: ignore[misc]
    """``ExtraTreesClassifier`` that numbers the classes of its target."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the trees to classes ``y`` (n,) of any dtype that has an order."""
        labels, codes = _encoded(y)
        super().fit(X, codes, sample_weight)
        self.classes_ = labels
        return self


def _encoded(y: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the classes, sorted, and the place (n,) of each row's class among them."""
    column = column_or_1d(y, warn=True)
    assert_all_finite(column, input_name="y")
    check_classification_targets(column)
    labels, codes = np.unique(column, return_inverse=True)
    return labels, codes
