"""Forests with class weights take any labels, and are scikit-learn's otherwise."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

from metalearn.learners.encoded_forests import EncodedExtraTreesClassifier, EncodedRandomForestClassifier

PAIRS = [
    (EncodedRandomForestClassifier, RandomForestClassifier),
    (EncodedExtraTreesClassifier, ExtraTreesClassifier),
]


@pytest.fixture(scope="module")
def X() -> Any:  # noqa: N802
    return np.random.default_rng(0).normal(size=(60, 3))


@pytest.mark.parametrize(("encoded", "plain"), PAIRS)
@pytest.mark.parametrize("class_weight", ["balanced", "balanced_subsample"])
@pytest.mark.parametrize("labels", [(-1, 1), ("-1", "1"), ("01", "1"), ("1", "b"), ("a", "b")])
def test_the_trees_are_scikit_learns_whatever_the_labels(
    X: Any, encoded: Any, plain: Any, class_weight: str, labels: tuple[Any, Any]
) -> None:
    codes = (X[:, 0] + X[:, 1] > 0.8).astype(int)
    y = np.array(labels, dtype=object if isinstance(labels[0], str) else int)[codes]
    options = {"class_weight": class_weight, "n_estimators": 10, "random_state": 0}
    found = clone(encoded(**options)).fit(X, y)
    expected = plain(**options).fit(X, codes)
    assert found.classes_.tolist() == list(labels)
    assert found.predict(X).tolist() == [labels[code] for code in expected.predict(X)]
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize(("encoded", "plain"), PAIRS)
def test_targets_that_are_no_classes_are_refused_as_scikit_learn_does(X: Any, encoded: Any, plain: Any) -> None:
    for y in (X[:, 0], np.where(X[:, 0] > 0, np.nan, 1.0)):
        with pytest.raises(ValueError) as expected:
            plain().fit(X, y)
        with pytest.raises(ValueError) as found:
            encoded().fit(X, y)
        assert str(found.value).splitlines()[0] == str(expected.value).splitlines()[0]
