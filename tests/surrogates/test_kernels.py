"""The kernel: distances as defined, Matern as elsewhere, positive definite whatever is inactive."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.gaussian_process.kernels import Matern

from metalearn.core.encoded_space import EncodedColumn, Encoding, Floats
from metalearn.surrogates.kernels import Embedding, matern52, squared_distances

COLUMNS = (
    EncodedColumn("kind", "categorical", ("a", "b", "c")),
    EncodedColumn("flag", "categorical", (False, True)),
    EncodedColumn("x", "numeric"),
    EncodedColumn("size", "ordinal", (1, 2, 4)),
    EncodedColumn("child", "numeric", parent="kind"),
    EncodedColumn("choice", "categorical", ("p", "q"), parent="kind"),
    EncodedColumn("rank", "ordinal", (1, 2, 3, 4), parent="flag"),
)
EMBEDDING = Embedding(Encoding(COLUMNS))


def rows(n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, len(COLUMNS)))
    for j, column in enumerate(COLUMNS):
        if column.choices:
            X[:, j] = rng.integers(len(column.choices), size=n) / (len(column.choices) - 1)
    X[X[:, 0] != 0.5, 4:6] = np.nan
    X[X[:, 1] == 0, 6] = np.nan
    return X


def defined(a: float, b: float, column: EncodedColumn) -> float:
    """The squared distance of two values of a column, as the module's head states it."""
    if np.isnan(a) or np.isnan(b):
        return float(np.isnan(a) != np.isnan(b))
    if column.kind == "categorical":
        return float(a != b)
    return float((2 * np.sin((a - b) * np.pi / 6)) ** 2 if column.parent else (a - b) ** 2)


def test_distances_are_those_defined() -> None:
    A, B = rows(15, 0), rows(12, 1)
    differences = np.square(EMBEDDING.points(A)[:, None] - EMBEDDING.points(B))
    for j, column in enumerate(COLUMNS):
        expected = [[defined(a, b, column) for b in B[:, j]] for a in A[:, j]]
        assert differences[..., EMBEDDING.owners == j].sum(axis=2) == pytest.approx(np.array(expected))


def test_ends_of_a_conditional_range_are_as_far_apart_as_absence() -> None:
    embedding = Embedding(Encoding((EncodedColumn("x", "numeric", parent="p"),)))
    points = embedding.points(np.array([[0.0], [1.0], [np.nan]]))
    assert cdist(points, points) == pytest.approx(1 - np.eye(3))


def test_arcs_are_nearly_straight() -> None:
    embedding = Embedding(Encoding((EncodedColumn("x", "numeric", parent="p"),)))
    x = np.linspace(0, 1, 21)[:, None]
    points = embedding.points(x)
    straight = cdist(x, x)
    assert np.all(np.abs(cdist(points, points) - straight) <= 0.05 * straight + 1e-12)


def test_a_single_choice_is_no_distance() -> None:
    embedding = Embedding(Encoding((EncodedColumn("only", "categorical", ("a",)), EncodedColumn("x", "numeric"))))
    points = embedding.points(np.array([[0.0, 0.0], [0.0, 1.0]]))
    assert np.square(points[0] - points[1]).sum() == pytest.approx(1.0)


def test_squared_distances_as_scipys() -> None:
    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(20, 4)), rng.normal(size=(7, 4))
    out = np.empty((20, 7))
    assert squared_distances(A, B, out) is out
    assert out == pytest.approx(cdist(A, B, "sqeuclidean"))
    assert (squared_distances(1e3 * A, 1e3 * A) >= 0).all()


def test_matern_as_scikit_learns() -> None:
    A = np.random.default_rng(0).normal(size=(20, 3))
    assert matern52(squared_distances(A, A)) == pytest.approx(Matern(nu=2.5)(A), abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_covariances_are_positive_definite(seed: int) -> None:
    lengths = np.exp(np.random.default_rng(seed).normal(size=len(COLUMNS)))
    points = EMBEDDING.points(rows(150, seed)) / lengths[EMBEDDING.owners]
    eigenvalues = np.linalg.eigvalsh(matern52(squared_distances(points, points)))
    assert eigenvalues.min() > -1e-9
    assert eigenvalues.max() > 1
