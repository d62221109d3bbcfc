"""Principal components and canonical correlations as shared nodes."""

import numpy as np
import pandas as pd
import pytest

from metalearn.metafeatures.components import (
    canonical_correlations,
    chosen,
    class_sums,
    classes_of,
    components,
    first_component,
    spread_of,
)
from metalearn.metafeatures.table import Table, UnmeasuredError
from metalearn.sources.frames import make_dataset


def table_of(numbers, target, **options):
    return Table.of(make_dataset(pd.DataFrame(numbers).assign(target=target), "target", **options))


@pytest.mark.parametrize("shape", [(60, 5), (12, 30)], ids=["long", "wide"])
def test_axes_are_orthonormal_and_scores_have_the_eigenvalues_as_variances(shape):
    table = table_of(np.random.default_rng(0).normal(size=shape), ["u", "v"] * (shape[0] // 2))
    columns, found = table.shared(chosen), table.shared(components)
    scores = columns.values @ found.axes
    assert len(found.eigenvalues) == min(shape[0] - 1, shape[1])
    np.testing.assert_allclose(found.axes.T @ found.axes, np.eye(len(found.eigenvalues)), atol=1e-9)
    np.testing.assert_allclose(scores.T @ scores / shape[0], np.diag(found.eigenvalues), atol=1e-9)
    np.testing.assert_allclose(table.shared(first_component), scores[:, 0], atol=1e-12)
    assert (np.diff(found.eigenvalues) < 0).all()


def test_spreads_and_sums_are_those_of_the_columns_that_vary():
    numbers = np.array([[1.0, 5.0, 2.0], [3.0, 5.0, 2.0], [5.0, 5.0, np.nan], [7.0, 5.0, 8.0]])
    table = table_of(numbers, ["u", "v", "u", "v"], lenient=True)
    np.testing.assert_allclose(spread_of(table), [np.sqrt(5), np.sqrt(6)])
    np.testing.assert_allclose(table.shared(class_sums) * spread_of(table), [[-2, -2], [2, 2]])
    assert classes_of(table)[1].tolist() == [2, 2]


def test_a_canonical_correlation_is_lost_with_a_collinear_column():
    rng = np.random.default_rng(0)
    numbers, target = rng.normal(size=(40, 2)), rng.choice(["u", "v", "w", "x"], 40)
    assert len(table_of(numbers, target).shared(canonical_correlations)) == 2
    numbers[:, 1] = 3 - 2 * numbers[:, 0]
    assert len(table_of(numbers, target).shared(canonical_correlations)) == 1


def test_without_a_target_there_are_none():
    table = Table.of(make_dataset(pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3))), None, lenient=True))
    with pytest.raises(UnmeasuredError, match="not_applicable"):
        table.shared(canonical_correlations)
    assert len(table.shared(components).eigenvalues) == 3
