"""Matrix completion: offsets and low-rank factors of a matrix of which some entries are unknown (NaN).

Entry (t, c) is modelled as mean + row_offset[t] + column_offset[c] + row_factors[t] @ column_factors[c] (Koren, Bell &
Volinsky, "Matrix factorization techniques for recommender systems", Computer 2009), the factors being found by
alternating ridge regressions (Hastie, Mazumder, Lee & Zadeh, "Matrix completion and low-rank SVD via fast alternating
least squares", JMLR 2015). Nothing is drawn: the start is the SVD of the matrix filled with its offsets.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.errors import InputError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# The penalty on the factors, in units of the variance that the offsets leave: the noise weighs as much as two factors.
RIDGE = 2.0
# Each row and column of offsets is damped as by so many imaginary entries at the mean, if it misses every entry.
PRIOR_ENTRIES = 1.0
# Alternations stop when they move the modelled values by less than this, in standard deviations (root mean square).
TOLERANCE, MAX_ITERATIONS = 1e-3, 100
# Ranks that are tried in turn, until so many one after the other do not lower the square error on held-out entries by
# this share. Each is fitted by a few alternations, which is all that it takes to compare them.
RANKS, PATIENCE, GAIN, FEW_ITERATIONS = (0, 1, 2, 3, 5, 8, 12, 16, 24, 32), 2, 0.02, 10
# The share of the known entries that is held out to choose the rank.
HELD_OUT = 0.1
# Added to all penalties, far below any that matters, for factors that have died out.
FLOOR = 1e-9
# Rows are solved in blocks of about so many numbers, which bounds the memory.
BLOCK = 4_000_000


@dataclass(frozen=True, eq=False)
class Factorization:
    """Offsets and factors of a matrix (T, C): ``row_factors`` (T, rank) and ``column_factors`` (C, rank).

    Both factors have the same squared lengths column by column, as U sqrt(s) and V sqrt(s) of an SVD.
    """

    mean: float
    row_offsets: Floats
    column_offsets: Floats
    row_factors: Floats
    column_factors: Floats

    @property
    def rank(self) -> int:
        """The number of factors, without the offsets."""
        return int(self.row_factors.shape[1])

    @property
    def offsets(self) -> Floats:
        """The part (T, C) of the model without its factors."""
        return self.mean + self.row_offsets[:, None] + self.column_offsets

    @property
    def values(self) -> Floats:
        """The modelled matrix (T, C), without gaps."""
        return self.offsets + self.row_factors @ self.column_factors.T


def complete(values: Floats, rank: int | None = None, *, ridge: float = RIDGE) -> Floats:
    """Return the modelled matrix (T, C) for values (T, C), NaN where unknown; see ``factorize``.

    >>> complete(np.array([[1.0, 2.0, 3.0], [2.0, 3.0, np.nan], [3.0, 4.0, 5.0]]), rank=0).round(1)[1, 2]
    np.float64(3.8)
    """
    return factorize(values, rank, ridge=ridge).values


def filled(values: Floats, rank: int | None = None) -> Floats:
    """Return values (T, C), the modelled ones where they are unknown (NaN).

    >>> filled(np.array([[1.0, 2.0, 3.0], [2.0, 3.0, np.nan], [3.0, 4.0, 5.0]]), rank=0).round(1)[1]
    array([2. , 3. , 3.8])
    """
    missing = np.isnan(values)
    return np.where(missing, complete(values, rank), values) if missing.any() else values


def factorize(values: Floats, rank: int | None = None, *, ridge: float = RIDGE) -> Factorization:
    """Fit offsets and ``rank`` factors together to values (T, C), NaN where unknown.

    ``ridge`` times the missing share of a row (or column) is the penalty on the squared length of its factors, the
    values being scaled to variance 1 about offsets alone: what is known completely needs none, and a matrix without
    gaps gives its means and the truncated SVD of the rest. A row without any known entry gets the offsets alone.
    Without ``rank``, ``choose_rank`` chooses. Time and memory grow with T C: rank 10 of 10,000 x 2,000, of which 90 %
    is missing, takes about a minute of one core and less than 1 GB (extrapolated from 4,000 x 1,000).

    Raises:
        InputError: when the values are no matrix, the rank is negative, or the ridge is not above 0.

    >>> table = np.array([[1.0, 1.0, 2.0], [1.0, 1.0, 2.0], [3.0, 3.0, np.nan]])
    >>> fitted = factorize(table, rank=1)
    >>> fitted.row_factors.shape, fitted.column_factors.shape
    ((3, 1), (3, 1))
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or (rank is not None and rank < 0) or not ridge > 0:
        raise InputError(f"Completion takes a matrix, a rank of 0 or more and a ridge above 0; got {rank=}, {ridge=}.")
    return _fit(values, choose_rank(values, ridge=ridge) if rank is None else rank, ridge, MAX_ITERATIONS)


def choose_rank(values: Floats, *, ridge: float = RIDGE) -> int:
    """Return the rank that predicts best a tenth of the known entries of values (T, C), held out from the fit.

    Ranks of at most half the smaller side are tried in growing order, until two in turn bring no gain of 2 %. The
    held-out entries are spread evenly over rows and columns by an additive recurrence (Roberts, "The unreasonable
    effectiveness of quasirandom sequences", 2018), so that nothing is drawn.

    >>> rng = np.random.default_rng(0)
    >>> choose_rank(rng.normal(size=(40, 2)) @ rng.normal(size=(2, 30)))
    2
    """
    row, column = np.arange(values.shape[0])[:, None], np.arange(values.shape[1])
    held_out = np.isfinite(values) & ((0.7548776662466927 * row + 0.5698402909980532 * column) % 1 < HELD_OUT)
    kept = np.where(held_out, np.nan, values)
    best, error, last = 0, np.inf, 0
    for number, rank in enumerate(r for r in RANKS if r <= min(values.shape) // 2):
        missed = _fit(kept, rank, ridge, FEW_ITERATIONS).values[held_out] - values[held_out]
        if missed @ missed < (1 - GAIN) * error:
            best, error, last = rank, float(missed @ missed), number
        if number - last >= PATIENCE:
            break
    return best


def _fit(values: Floats, rank: int, ridge: float, iterations: int) -> Factorization:
    known = np.isfinite(values)
    weights = known.astype(np.float64)
    base = _offsets(np.where(known, values, 0.0), weights)
    rest = np.where(known, values, base.values) - base.values
    spread = float(np.sqrt(np.sum(rest**2) / max(known.sum(), 1)))
    if not rank or spread <= 1e-12 * np.abs(values[known]).max(initial=0.0):
        return base
    start = Factorization(
        0.0, np.zeros_like(base.row_offsets), np.zeros_like(base.column_offsets), *_truncated_svd(rest / spread, rank)
    )
    found = start if known.all() else _centred(_alternate(start, rest / spread, weights, ridge, iterations), known)
    return Factorization(
        base.mean + spread * found.mean,
        base.row_offsets + spread * found.row_offsets,
        base.column_offsets + spread * found.column_offsets,
        np.sqrt(spread) * found.row_factors,
        np.sqrt(spread) * found.column_factors,
    )


def _offsets(values: Floats, known: Floats) -> Factorization:
    """Fit mean and offsets to values (T, C), 0 where not known (T, C), by alternating damped means."""
    counts = known.sum(axis=1), known.sum(axis=0)
    mean = float(values.sum() / max(counts[0].sum(), 1.0))
    sums = values.sum(axis=1) - mean * counts[0], values.sum(axis=0) - mean * counts[1]
    lengths = known.shape[1], known.shape[0]
    damped = [
        np.maximum(n + PRIOR_ENTRIES * (1 - n / max(of, 1)), 1e-300) for n, of in zip(counts, lengths, strict=True)
    ]
    rows, columns = np.zeros(len(values)), np.zeros(values.shape[1])
    for _ in range(MAX_ITERATIONS):
        before = rows
        columns = (sums[1] - rows @ known) / damped[1]
        rows = (sums[0] - known @ columns) / damped[0]
        if np.abs(rows - before).max(initial=0.0) <= 1e-12 * np.abs(rows).max(initial=0.0):
            break
    return Factorization(mean, rows, columns, np.zeros((len(rows), 0)), np.zeros((len(columns), 0)))


def _alternate(base: Factorization, values: Floats, weights: Floats, ridge: float, iterations: int) -> Factorization:
    """Return better offsets and factors of values (T, C), which are 0 where not known: weights (T, C) of 0, else 1.

    By turns all rows are solved for, given the columns, and all columns, given the rows: offset and factors at once.
    """
    penalties = [1 - weights.mean(axis=axis) for axis in (1, 0)]
    rows, columns = base.row_factors, base.column_factors
    row_offsets, column_offsets = base.row_offsets, base.column_offsets
    for _ in range(iterations):
        before = rows
        rows, row_offsets = _regressions(values, weights, columns, column_offsets, penalties[0], ridge)
        columns, column_offsets = _regressions(values.T, weights.T, rows, row_offsets, penalties[1], ridge)
        if _mean_square(rows - before, columns) < TOLERANCE**2:
            break
    return Factorization(0.0, row_offsets, column_offsets, rows, columns)


def _regressions(
    values: Floats, weights: Floats, factors: Floats, offsets: Floats, missing: Floats, ridge: float
) -> tuple[Floats, Floats]:
    """Return factors (T, rank) and offsets (T,) of each row of values (T, C), given those of the columns."""
    design = np.hstack([factors, np.ones((len(factors), 1))])
    n, width = len(values), design.shape[1]
    right = values @ design - weights @ (offsets[:, None] * design)
    upper, lower = np.triu_indices(width)
    products = design[:, upper] * design[:, lower]
    penalty = np.append(np.full(width - 1, ridge), PRIOR_ENTRIES)
    solved = np.empty_like(right)
    step = max(BLOCK // width**2, 1)
    for start in range(0, n, step):
        block = slice(start, start + step)
        grams = (missing[block, None] * penalty + FLOOR)[:, :, None] * np.eye(width)
        sums = weights[block] @ products
        grams[:, upper, lower] += sums
        grams[:, lower, upper] = grams[:, upper, lower]
        solved[block] = np.linalg.solve(grams, right[block, :, None])[:, :, 0]
    return solved[:, :-1], solved[:, -1]


def _mean_square(rows: Floats, columns: Floats) -> float:
    """Return the mean square of the entries of rows (T, rank) @ columns.T (rank, C)."""
    return float(np.sum((rows.T @ rows) * (columns.T @ columns)) / (len(rows) * len(columns)))


def _centred(found: Factorization, known: Mask) -> Factorization:
    """Return the same model with factors and offsets of mean 0 over the rows, and the columns, that know an entry.

    So the offsets alone are what is typical, which is what rows and columns without any entry get.
    """
    of_rows, of_columns = np.asarray(known.any(axis=1)), np.asarray(known.any(axis=0))
    rows, row_mean = _centre(found.row_factors, of_rows)
    columns, column_mean = _centre(found.column_factors, of_columns)
    row_offsets, row_level = _centre(found.row_offsets + found.row_factors @ column_mean, of_rows)
    column_offsets, column_level = _centre(found.column_offsets + columns @ row_mean, of_columns)
    mean = found.mean + float(row_level + column_level)
    return Factorization(mean, row_offsets, column_offsets, *_balanced(rows, columns))


def _centre(values: Floats, known: Mask) -> tuple[Floats, Floats]:
    """Return values (n, ...) less their mean over the known (n,), 0 where not known, and that mean."""
    mean = values[known].mean(axis=0)
    return np.where(known.reshape(-1, *[1] * (values.ndim - 1)), values - mean, 0.0), mean


def _truncated_svd(matrix: Floats, rank: int) -> tuple[Floats, Floats]:
    """Return U sqrt(s) (T, rank) and V sqrt(s) (C, rank), by the eigenvectors of the smaller Gram matrix."""
    from scipy.linalg import eigh

    if matrix.shape[0] < matrix.shape[1]:
        columns, rows = _truncated_svd(matrix.T, rank)
        return rows, columns
    n = matrix.shape[1]
    rank = min(rank, n)
    vectors = eigh(matrix.T @ matrix, subset_by_index=(n - rank, n - 1))[1][:, ::-1]
    return _balanced(matrix @ vectors, vectors)


def _balanced(rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
    """Return the factors of the same product rows @ columns.T that are orthogonal, and of one length on both sides.

    The entry of largest size of each column factor is positive.
    """
    (row_basis, row_part), (column_basis, column_part) = np.linalg.qr(rows), np.linalg.qr(columns)
    left, lengths, right = np.linalg.svd(row_part @ column_part.T)
    columns = column_basis @ right.T
    signs = np.sign(columns[np.abs(columns).argmax(axis=0), np.arange(columns.shape[1])])
    weights = np.sqrt(lengths) * np.where(signs == 0, 1.0, signs)
    return row_basis @ left * weights, columns * weights
