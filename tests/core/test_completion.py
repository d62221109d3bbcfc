"""Matrix completion against the SVD, direct minimisation and planted matrices."""

import numpy as np
import pytest
from scipy.optimize import minimize

from metalearn.core.completion import choose_rank, complete, factorize
from metalearn.errors import InputError


def planted(n_rows, n_columns, rank, *, noise=0.0, seed=0):
    """Return a matrix of offsets, ``rank`` factors and noise."""
    rng = np.random.default_rng(seed)
    offsets = rng.normal(size=(n_rows, 1)) + rng.normal(size=n_columns)
    factors = rng.normal(size=(n_rows, rank)) @ rng.normal(size=(rank, n_columns)) / np.sqrt(rank)
    return offsets + factors + noise * rng.normal(size=(n_rows, n_columns))


def with_gaps(values, missing, seed=1):
    return np.where(np.random.default_rng(seed).random(values.shape) < missing, np.nan, values)


@pytest.mark.parametrize("shape", [(12, 7), (7, 12)])
@pytest.mark.parametrize("rank", [0, 2, 20])
def test_without_gaps_it_is_the_truncated_svd_of_what_the_means_leave(shape, rank):
    values = np.random.default_rng(0).normal(size=shape)
    means = values.mean(axis=1, keepdims=True) + values.mean(axis=0) - values.mean()
    left, lengths, right = np.linalg.svd(values - means)
    expected = means + (left[:, :rank] * lengths[:rank]) @ right[: len(lengths[:rank])] if rank < 7 else values
    found = factorize(values, rank)
    np.testing.assert_allclose(found.values, expected, atol=1e-8)
    squares = (found.row_factors**2).sum(axis=0), (found.column_factors**2).sum(axis=0)
    kept = min(found.rank, 6)  # doubly centred, the smaller side has one factor less
    np.testing.assert_allclose(squares[0][:kept], lengths[:kept], rtol=1e-6)
    np.testing.assert_allclose(squares[1][:kept], lengths[:kept], rtol=1e-6)


def test_with_gaps_the_penalised_square_error_is_smallest():
    """A general method that minimises it from elsewhere comes to the same matrix."""
    values = with_gaps(planted(9, 6, 1, noise=0.1), 0.3)
    known, ridge = np.isfinite(values), 2.0
    base = factorize(values, 0)
    scale = np.sqrt(np.mean((values - base.values)[known] ** 2))
    rest = np.where(known, values - base.values, 0.0) / scale
    missing = [1 - known.mean(axis=axis) for axis in (1, 0)]

    def loss(flat):
        rows, columns, row_offsets, column_offsets = np.split(flat, [9, 15, 24])
        error = (rest - np.outer(rows, columns) - row_offsets[:, None] - column_offsets) * known
        penalties = (
            missing[0] @ (ridge * rows**2 + row_offsets**2),
            missing[1] @ (ridge * columns**2 + column_offsets**2),
        )
        return np.sum(error**2) + sum(penalties)

    found = minimize(loss, np.random.default_rng(0).normal(size=30), options={"gtol": 1e-9}).x
    rows, columns, row_offsets, column_offsets = np.split(found, [9, 15, 24])
    best = base.values + scale * (np.outer(rows, columns) + row_offsets[:, None] + column_offsets)
    np.testing.assert_allclose(complete(values, 1), best, atol=0.01 * scale)


@pytest.mark.parametrize("missing", [0.2, 0.5, 0.8])
def test_a_planted_matrix_is_found_again(missing):
    truth = planted(120, 80, 2)
    gappy = with_gaps(truth, missing)
    hidden = np.isnan(gappy)
    error = np.sqrt(np.mean((complete(gappy, 2) - truth)[hidden] ** 2)) / truth[hidden].std()
    offsets_only = np.sqrt(np.mean((complete(gappy, 0) - truth)[hidden] ** 2)) / truth[hidden].std()
    assert error < 0.15 < 0.5 < offsets_only


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("missing", [0.0, 0.5])
def test_the_rank_is_the_planted_one(rank, missing):
    assert choose_rank(with_gaps(planted(80, 60, rank, noise=0.1), missing)) == rank


def test_noise_has_no_rank():
    assert choose_rank(np.random.default_rng(0).normal(size=(60, 40))) == 0


def test_offsets_are_damped_by_one_imaginary_entry_where_all_is_missing_but_one():
    """By hand: mean 2; the second row knows one of three entries, 4, so its offset is 2 / (1 + 2/3)."""
    found = factorize(np.array([[1.0, 1.0, np.nan], [np.nan, np.nan, 4.0]]), 0)
    assert found.mean == 2.0
    entry = 2.0 - found.column_offsets[2]
    assert found.row_offsets[1] == pytest.approx(entry / (1 + 2 / 3))


def test_rows_and_columns_without_entries_get_the_offsets():
    values = with_gaps(planted(20, 15, 2), 0.2)
    values[3], values[:, 4] = np.nan, np.nan
    found = factorize(values, 2)
    assert found.row_offsets[3] == 0
    assert not found.row_factors[3].any()
    np.testing.assert_allclose(found.values[3], found.mean + found.column_offsets)
    np.testing.assert_allclose(found.values[:, 4], found.mean + found.row_offsets)


def test_shift_and_scale_of_the_values_do_not_matter():
    values = with_gaps(planted(30, 20, 2, noise=0.2), 0.4)
    np.testing.assert_allclose(complete(1e-4 * values + 3, 2), 1e-4 * complete(values, 2) + 3, rtol=1e-9)


def test_the_order_of_rows_and_columns_does_not_matter():
    values = with_gaps(planted(30, 20, 2, noise=0.2), 0.4)
    rows, columns = np.random.default_rng(2).permutation(30), np.random.default_rng(3).permutation(20)
    shuffled = complete(values[rows][:, columns], 2)
    np.testing.assert_allclose(shuffled, complete(values, 2)[rows][:, columns], atol=1e-6)
    np.testing.assert_allclose(complete(values.T, 2).T, complete(values, 2), atol=0.02)


@pytest.mark.parametrize(
    "values",
    [np.zeros((0, 0)), np.zeros((0, 4)), np.zeros((4, 0)), np.full((3, 4), np.nan), np.full((3, 4), 0.7), [[0.2]]],
)
@pytest.mark.parametrize("rank", [None, 0, 3])
def test_nothing_to_learn_from(values, rank):
    values = np.asarray(values, dtype=float)
    found = complete(values, rank)
    assert found.shape == values.shape
    np.testing.assert_allclose(found, np.nan_to_num(values, nan=0.0))


def test_inputs_stay_as_they_are():
    values = with_gaps(planted(10, 8, 1), 0.3)
    before = values.copy()
    complete(values)
    np.testing.assert_array_equal(values, before)


@pytest.mark.parametrize(("values", "options"), [([1.0], {}), ([[1.0]], {"rank": -1}), ([[1.0]], {"ridge": 0.0})])
def test_bad_input_is_refused(values, options):
    with pytest.raises(InputError, match="Completion takes a matrix"):
        factorize(np.array(values), **options)
