"""Regression tasks generated from the numeric columns of a table: more tasks to learn across than tables have targets.

Which columns become targets is decided by the table alone, never by how a configuration performs on it:

1. A candidate is numeric, with at least 50 distinct values and at least 100 known ones, no more than half of which
   are equal.
2. The columns derived from it leave the features: monotone images of it (absolute Spearman correlation of at least
   0.95), columns whose values determine it (correlation ratio of at least 0.95), and binned copies (each value of the
   column stands for an interval of the target, and no two intervals meet).
3. At least two features that vary must be left, one of them with an association of at least 0.3: the absolute Spearman
   correlation of a numeric or date column, the correlation ratio of the target's ranks over a nominal one whose
   categories have at least 5 rows on average.
4. The numeric features left must not give it away: a linear least-squares fit on them, raw or in logarithms (sums and
   differences, products and ratios), leaves at least 0.01 of its variance, over the nine tenths of rows it fits best.
5. Of these the most strongly associated are taken, ties to the column that comes first; none derived from another.

Ranks are taken once, over the known values of each column; a pair is compared over the rows where both are known, and
counts as unrelated when these are fewer than 100. Out of reach are formulas of several columns that are linear neither
raw nor in logarithms, such as the ratio of two sums, and text columns.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Dataset
from metalearn.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

# Fewer distinct values make grades rather than a quantity, a value that most rows share makes a question of yes or no,
# and few rows make scores that are mostly noise.
MIN_DISTINCT = 50
MAX_EQUAL_SHARE = 0.5
MIN_ROWS = 100
MIN_FEATURES = 2
# Two columns whose ranks agree as closely measure one thing twice.
DERIVED = 0.95
# A column that nothing speaks of teaches nothing about configurations; chance reaches 0.3 in few tables of 100 rows.
ASSOCIATED = 0.3
# Not nearer to 1, because columns that are computed from each other and then rounded, as software metrics and
# laboratory values are, reach 0.993 to 0.9999.
EXPLAINED = 0.99
# Rows beyond this share may be wrong entries; a formula shows in few rows as well as in many.
_FITTED_SHARE = 0.9
_MAX_FITTED_ROWS = 2000
# A nominal column whose categories have on average fewer rows names its rows rather than describes them.
_MIN_CATEGORY_ROWS = 5
# A feature enters the least-squares fit, which takes whole rows only, when this share of its values is known.
_KNOWN_SHARE = 0.9
# Added to the normalised normal equations, so that columns which depend on each other can be solved for.
_RIDGE = 1e-10
# Associations that differ only beyond this many digits are ties.
_TIE_DIGITS = 10


@dataclass(frozen=True)
class TargetChoice:
    """A numeric column to predict, its largest association with a feature left, and the columns derived from it."""

    column: str
    association: float
    derived: tuple[str, ...] = ()


def numeric_targets(dataset: Dataset, *, max_targets: int = 2) -> tuple[Dataset, ...]:
    """Return a regression dataset for each of the columns that :func:`choose_targets` takes, strongest first.

    Its features are the columns of X (n, p) without the target and what is derived from it; the target of ``dataset``
    is in none of them. Rows with a missing target are dropped. Its fingerprint is the SHA-256 of the fingerprint of
    ``dataset`` and the column's name: with the fixed rule above, these two determine its content.

    Raises:
        InputError: when ``max_targets`` is less than 1.

    >>> import pandas as pd
    >>> a = pd.Series(np.random.default_rng(0).normal(size=200))
    >>> X = pd.DataFrame({"a": a, "copy": a**3, "noisy": a + a.sample(frac=1, random_state=0).to_numpy(), "few": a > 0})
    >>> table = Dataset(X, X["few"].astype("category"), "t", ("numeric", "numeric", "numeric", "nominal"), "f" * 64)
    >>> [(task.name, list(task.X)) for task in numeric_targets(table)]
    [('t-noisy', ['a', 'copy', 'few'])]
    """
    return tuple(_generated(dataset, choice) for choice in choose_targets(dataset, max_targets=max_targets))


def choose_targets(dataset: Dataset, *, max_targets: int = 2) -> tuple[TargetChoice, ...]:
    """Return at most ``max_targets`` numeric columns of X (n, p) to predict, strongest association first.

    The rule is the module's; most tables of independent columns give none.

    Raises:
        InputError: when ``max_targets`` is less than 1.
    """
    if max_targets < 1:
        raise InputError(f"At least one target a table can be asked for; got max_targets={max_targets}.")
    candidates = _candidates(dataset)
    if not len(candidates):
        return ()
    association, derived = _compare(dataset, candidates)
    columns = list(dataset.X.columns)
    chosen: list[int] = []
    choices: list[TargetChoice] = []
    for number, strength in _by_strength(dataset, association, derived):
        target, related = int(candidates[number]), derived[:, number]
        if related[chosen].any() or _given_away(dataset, target, related):
            continue
        chosen.append(target)
        others = [str(columns[i]) for i in np.flatnonzero(related) if i != target]
        choices.append(TargetChoice(str(columns[target]), strength, tuple(others)))
        if len(chosen) == max_targets:
            break
    return tuple(choices)


def _generated(dataset: Dataset, choice: TargetChoice) -> Dataset:
    rows = dataset.X[choice.column].notna()
    dropped = {choice.column, *choice.derived}
    kept = [column for column in dataset.X if column not in dropped]
    known = dataset.X[rows].reset_index(drop=True)
    return replace(
        dataset,
        X=known[kept],
        y=known[choice.column],
        name=f"{dataset.name}-{choice.column}",
        kinds=tuple(kind for column, kind in zip(dataset.X, dataset.kinds, strict=True) if column not in dropped),
        fingerprint=sha256(f"{dataset.fingerprint}:{choice.column}".encode()).hexdigest(),
        order=None if dataset.order in dropped else dataset.order,
    )


def _candidates(dataset: Dataset) -> Integers:
    """Return the numbers of the columns that rule 1 lets be a target."""
    numbers = [i for i, kind in enumerate(dataset.kinds) if kind == "numeric"]
    return np.array([i for i in numbers if _is_quantity(dataset.X[dataset.X.columns[i]])], dtype=np.int64)


def _is_quantity(column: "pd.Series[Any]") -> bool:
    sizes = column.value_counts().to_numpy()  # missing values are not counted
    known = sizes.sum()
    return len(sizes) >= MIN_DISTINCT and known >= MIN_ROWS and sizes.max() <= MAX_EQUAL_SHARE * known


def _by_strength(dataset: Dataset, association: Floats, derived: Booleans) -> Iterator[tuple[int, float]]:
    """Yield the numbers of the candidates that rule 3 lets be a target with their association, strongest first."""
    left = ~derived & (dataset.X.nunique().to_numpy() >= 2)[:, None]
    strength = np.round(np.where(left, association, 0.0).max(axis=0), _TIE_DIGITS)
    eligible = (left.sum(axis=0) >= MIN_FEATURES) & (strength >= ASSOCIATED)
    for number in np.argsort(-strength, kind="stable"):
        if eligible[number]:
            yield int(number), float(strength[number])


def _compare(dataset: Dataset, candidates: Integers) -> tuple[Floats, Booleans]:
    """Return how strongly columns speak of candidates, in [0, 1], and whether they are derived from them: (p, m)."""
    X, kinds = dataset.X, np.array(dataset.kinds)
    ordered = np.isin(kinds, ("numeric", "date"))
    ranks = np.full(X.shape, np.nan)
    ranks[:, ordered] = X.loc[:, ordered].rank().to_numpy(dtype=np.float64)
    association = np.abs(_pairwise_correlation(ranks)[:, candidates])
    derived, ranks = association >= DERIVED, ranks[:, candidates]
    derived[candidates, np.arange(len(candidates))] = True
    few = ordered & (X.nunique().to_numpy() < MIN_DISTINCT)
    for i, column in enumerate(X.columns):
        if kinds[i] != "nominal" and not few[i]:
            continue
        codes = X[column].factorize()[0].astype(np.int64)
        ratio, intervals = _grouped(codes, ranks)
        derived[i] |= (ratio >= DERIVED) | intervals
        if kinds[i] == "nominal" and len(codes) >= _MIN_CATEGORY_ROWS * (codes.max() + 1):
            association[i] = ratio
    return association, derived


def _pairwise_correlation(values: Floats) -> Floats:
    """Return the Pearson correlations (p, p) of columns (n, p), each over the rows where both are known; else 0."""
    known = ~np.isnan(values)
    mask = known.astype(np.float64)
    centred = np.where(known, values - _known_means(values, known), 0.0)
    count = mask.T @ mask
    total = centred.T @ mask  # (i, j): the sum of column i over the rows where j is known
    safe = np.maximum(count, 1.0)
    covariance = centred.T @ centred - total * total.T / safe
    variance = np.square(centred).T @ mask - np.square(total) / safe
    scale = np.sqrt(np.maximum(variance * variance.T, 0.0))
    valid = (count >= MIN_ROWS) & (scale > 0)
    return np.clip(np.where(valid, covariance / np.where(valid, scale, 1.0), 0.0), -1.0, 1.0)


def _known_means(values: Floats, known: Booleans) -> Floats:
    return np.asarray(np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _grouped(codes: Integers, ranks: Floats) -> tuple[Floats, Booleans]:
    """Return for each column of ranks (n, p) its correlation ratio over groups (n,), and whether these are intervals.

    Rows of group -1 are left out.

    The ratio is Kelley's epsilon (PNAS 21, 1935), the correlation ratio eta freed of its bias: else each column of
    identifiers would determine every other.
    """
    order = np.argsort(codes, kind="stable")[np.sum(codes < 0) :]
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    if len(starts) < 2:
        return np.zeros(ranks.shape[1]), np.zeros(ranks.shape[1], dtype=bool)
    values = ranks[order]
    known = ~np.isnan(values)
    enough = known.sum(axis=0) >= MIN_ROWS
    intervals = _disjoint(np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts))
    centred = np.where(known, values - _known_means(values, known), 0.0)
    return np.where(enough, _kelley(centred, known, starts), 0.0), enough & intervals


def _kelley(centred: Floats, known: Booleans, starts: Integers) -> Floats:
    """Return epsilon (p,): sqrt(1 - (1 - eta^2) (n - 1) / (n - k)) with k groups, 0 where that is undefined."""
    sizes = np.add.reduceat(known.astype(np.float64), starts)
    between = (np.square(np.add.reduceat(centred, starts)) / np.maximum(sizes, 1.0)).sum(axis=0)
    total = np.square(centred).sum(axis=0)
    n, k = known.sum(axis=0), (sizes > 0).sum(axis=0)
    valid = (total > 0) & (n > k)
    unexplained = 1.0 - between / np.where(valid, total, 1.0)
    squared = 1.0 - unexplained * (n - 1) / np.where(valid, n - k, 1)
    return np.where(valid, np.sqrt(np.clip(squared, 0.0, 1.0)), 0.0)


def _disjoint(low: Floats, high: Floats) -> Booleans:
    """Return for each column whether at least two intervals [low, high] (k, p) are known and no two of them meet."""
    # Sorted each on its own: intervals are disjoint exactly when each end lies below the next start.
    meet = np.sort(low, axis=0)[1:] <= np.sort(high, axis=0)[:-1]
    return np.asarray(~meet.any(axis=0) & ((~np.isnan(low)).sum(axis=0) >= 2))


def _given_away(dataset: Dataset, target: int, derived: Booleans) -> bool:
    """Whether a linear fit on the numeric features left explains the target, raw or in logarithms."""
    kept = [i for i, kind in enumerate(dataset.kinds) if kind == "numeric" and not derived[i]]
    known = np.flatnonzero(dataset.X.iloc[:, target].notna())
    rows = known[:: -(-len(known) // _MAX_FITTED_ROWS)]
    values = dataset.X.iloc[rows, [target, *kept]].to_numpy(dtype=np.float64)
    logarithms = np.log(values, out=np.full(values.shape, np.nan), where=values > 0)
    return any(_explained(v) > EXPLAINED for v in (values, logarithms))


def _explained(table: Floats) -> float:
    """Return the share of the variance of the first column that a linear fit on the others explains.

    The tenth of the rows that a first fit misses most is left out: a wrong target would hide that the others follow a
    formula. Only whole rows of the table (n, 1 + p) are fitted; with fewer than 100 the share is unknown, and 0.
    """
    table = table[~np.isnan(table[:, 0])]
    columns = table[:, np.isnan(table).mean(axis=0) <= 1 - _KNOWN_SHARE]
    rows = columns[~np.isnan(columns).any(axis=1)]
    if len(rows) < MIN_ROWS:
        return 0.0
    misses = np.abs(_fit(rows)[0])
    return _fit(rows[misses <= np.quantile(misses, _FITTED_SHARE)])[1]


def _fit(rows: Floats) -> tuple[Floats, float]:
    """Return the residuals (n,) of a least-squares fit of the first column on the others, and its adjusted R^2."""
    centred = rows - rows.mean(axis=0)
    norms = np.sqrt(np.square(centred).sum(axis=0))
    columns = centred / np.where(norms > 0, norms, 1.0)
    # The normal equations: far faster than the columns themselves, and exact enough for a share of the variance.
    gram = columns.T @ columns
    weights = np.linalg.solve(gram[1:, 1:] + _RIDGE * np.eye(len(gram) - 1), gram[1:, 0])
    residuals = columns[:, 0] - columns[:, 1:] @ weights
    freedom = len(rows) - len(gram)
    if norms[0] == 0 or freedom < 1:
        return residuals, 0.0
    return residuals, float(1.0 - np.square(residuals).sum() * (len(rows) - 1) / freedom)
