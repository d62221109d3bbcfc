"""Information-theoretic meta-features, in bits: what the columns hold, and what they tell about the target.

Definitions as in Michie, Spiegelhalter and Taylor, "Machine Learning, Neural and Statistical Classification" (1994),
section 7.3.3. Numeric columns, and a numeric target, are cut into equally frequent bins, as many as the cube root of
the number of rows (as in pymfe), but a column with no more distinct values than that keeps them. A missing value is a
symbol of its own.
"""

from collections.abc import Iterator

import numpy as np

from metalearn.metafeatures.groups import Group, Measured, Reason, summarised, summary_names
from metalearn.metafeatures.table import Floats, Integers, Table, counts

_CLASS = ("class_entropy", "class_entropy_normalized")
_PER_COLUMN = ("attribute_entropy", "joint_entropy", "mutual_information", "uncertainty_coefficient")
_RATIOS = ("equivalent_number_of_attributes", "noise_to_signal_ratio")

# Finer bins tell little and cost time.
_MAX_BINS = 32
# Less mutual information than this is a rounded zero.
_ZERO_BITS = 1e-12


def measure(table: Table, rng: np.random.Generator) -> Measured:
    """Return the information-theoretic meta-features of a table; nothing is random.

    >>> codes, none = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.empty((4, 0))
    >>> table = Table(("nominal",) * 2, np.zeros(2, dtype=int), 0, none, codes, np.array([0, 0, 1, 1]), np.zeros(4))
    >>> values = measure(table, np.random.default_rng(0))
    >>> values["class_entropy"], values["mutual_information_mean"], values["equivalent_number_of_attributes"]
    (1.0, 0.5, 2.0)
    """
    del rng
    target = _symbols_of_target(table)
    columns = list(_symbols(table))
    if not columns:
        return {**dict.fromkeys(INFORMATION.names, "not_applicable"), **_class_entropy(table)}
    target_entropy = entropy(counts(target))
    attribute = np.array([entropy(counts(column)) for column in columns])
    joint = np.array([entropy(counts(column * (target.max() + 1) + target)) for column in columns])
    mutual = np.maximum(attribute + target_entropy - joint, 0.0)
    mutual[mutual < _ZERO_BITS] = 0.0
    return {
        **_class_entropy(table),
        **summarised("attribute_entropy", attribute, "undefined"),
        **summarised("joint_entropy", joint, "undefined"),
        **summarised("mutual_information", mutual, "undefined"),
        **_relative(attribute, mutual, target_entropy),
    }


def entropy(sizes: Integers) -> float:
    """Return the entropy in bits of a distribution given by counts: sum of -p log2(p).

    >>> entropy(np.array([2, 1, 1, 0]))
    1.5
    """
    p = sizes[sizes > 0] / sizes.sum()
    return float(abs(np.sum(p * np.log2(p))))


def _class_entropy(table: Table) -> dict[str, float | Reason]:
    if table.class_counts is None:
        return dict.fromkeys(_CLASS, "not_applicable")
    bits, n_classes = entropy(table.class_counts), len(table.class_counts)
    return {
        "class_entropy": bits,
        "class_entropy_normalized": bits / float(np.log2(n_classes)) if n_classes > 1 else "constant",
    }


def _relative(attribute: Floats, mutual: Floats, target_entropy: float) -> dict[str, float | Reason]:
    known = mutual / target_entropy if target_entropy > 0 else np.full(len(mutual), np.nan)
    uncertainty = summarised("uncertainty_coefficient", known, "constant")
    signal = float(mutual.mean())
    if signal == 0:
        return {**uncertainty, **dict.fromkeys(_RATIOS, "undefined")}
    noise = float(attribute.mean()) - signal
    return {**uncertainty, **dict(zip(_RATIOS, (target_entropy / signal, noise / signal), strict=True))}


def _symbols_of_target(table: Table) -> Integers:
    return binned(table.target[:, None])[:, 0] if table.classes is None else table.classes


def _symbols(table: Table) -> Iterator[Integers]:
    """Yield each column as symbols 0, 1, ... (n,)."""
    for codes in table.nominal.T:
        yield np.where(codes < 0, codes.max() + 1, codes)
    yield from binned(table.numeric, table.sorted_numeric).T


def binned(values: Floats, ordered: Floats | None = None) -> Integers:
    """Return the bins (n, q) of columns of numbers (n, q); ``ordered`` are the same columns sorted, if at hand.

    >>> binned(np.array([[1.0], [2.0], [3.0], [40.0], [5.0], [6.0], [7.0], [np.nan]])).ravel()
    array([0, 0, 0, 1, 1, 1, 1, 2])
    """
    ordered = np.sort(values, axis=0) if ordered is None else ordered
    n_bins = int(np.clip(np.floor(np.cbrt(len(values)) + 1e-9), 2, _MAX_BINS))
    edges = _edges(ordered, n_bins)
    bins = np.zeros(values.shape, dtype=np.int64)
    for edge in edges:
        bins += values >= edge
    return np.where(np.isnan(values), n_bins, bins)


def _edges(ordered: Floats, n_bins: int) -> Floats:
    """Return the lower ends of all bins but the first (n_bins - 1, q); +inf where there are fewer."""
    known = np.sum(~np.isnan(ordered), axis=0)
    positions = np.arange(1, n_bins)[:, None] * known // n_bins
    edges = np.take_along_axis(ordered, positions, axis=0)
    steps = np.diff(ordered, axis=0) > 0
    few = np.flatnonzero(steps.sum(axis=0) < n_bins)
    number = np.cumsum(steps[:, few], axis=0)
    rows, columns = np.nonzero(steps[:, few])
    distinct = np.full((n_bins - 1, len(few)), np.inf)
    distinct[number[rows, columns] - 1, columns] = ordered[rows + 1, few[columns]]
    edges[:, few] = distinct
    return edges


INFORMATION = Group("information", (*_CLASS, *summary_names(_PER_COLUMN), *_RATIOS), measure)
