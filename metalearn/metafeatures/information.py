"""Information-theoretic meta-features, in bits: what the columns hold, and what they tell about the target.

Definitions as in Michie, Spiegelhalter and Taylor, "Machine Learning, Neural and Statistical Classification" (1994),
section 7.3.3, and for concentration Kalousis and Hilario, "Model selection via meta-learning" (International Journal
on Artificial Intelligence Tools, 2001).
"""

import numpy as np

from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.symbols import Crossed, binned, coded, crossed, entropy, joined, narrow_blocks
from metalearn.metafeatures.table import Floats, Integers, Table

# Of more pairs of columns, as many as twelve columns have stand for all, and of more rows a sample.
_MAX_PAIRS = 66
_MAX_PAIR_ROWS = 100_000
# Less mutual information than this is a rounded zero.
_ZERO_BITS = 1e-12


def with_target(table: Table) -> Crossed:
    """Return what the columns (p,) say together with the class, or the binned numeric target; a node to share.

    Raises:
        UnmeasuredError: without nominal or numeric columns.
    """
    columns = table.shared(coded)
    target = binned(table.target[None]) if table.classes is None else table.classes[None]
    parts = []
    for block in narrow_blocks(table.n_used, len(columns.sizes)):
        table.deadline.check()
        sizes = columns.sizes[block]
        parts.append(crossed(columns.codes[block], sizes, target, np.full(len(sizes), int(target.max()) + 1)))
    return joined(parts)


def of_pairs(table: Table) -> Crossed:
    """Return what pairs of columns that vary say together, at most 66 random ones; a node to share.

    Raises:
        UnmeasuredError: with fewer than two columns, or two that vary.
    """
    sample = table.sample(_MAX_PAIR_ROWS)
    columns, told = sample.shared(coded), sample.shared(with_target)
    require(len(columns.sizes) > 1, "not_applicable")
    varying = np.flatnonzero(told.first_entropy > 0)
    require(len(varying) > 1, "constant")
    first, second = varying[_pairs(len(varying), table.rng("pairs of columns"))]
    parts = []
    for block in narrow_blocks(sample.n_used, len(first)):
        table.deadline.check()
        a, b = first[block], second[block]
        parts.append(crossed(columns.codes[a], columns.sizes[a], columns.codes[b], columns.sizes[b]))
    return joined(parts)


def _pairs(n: int, rng: np.random.Generator) -> Integers:
    """Return pairs i < j of n things (2, t): all, or so many random ones."""
    n_pairs = n * (n - 1) // 2
    chosen = np.arange(n_pairs) if n_pairs <= _MAX_PAIRS else rng.choice(n_pairs, _MAX_PAIRS, replace=False)
    j = ((1 + np.sqrt(1 + 8 * chosen)) / 2).astype(np.int64)
    return np.array([chosen - j * (j - 1) // 2, j])


def class_entropy_normalized(table: Table) -> float:
    """Return the entropy of the K classes over log2(K).

    Raises:
        UnmeasuredError: for a regression, and for one class.
    """
    sizes = table.class_counts
    require(len(sizes) > 1, "constant")
    return entropy(sizes) / float(np.log2(len(sizes)))


def _attribute_entropy_normalized(table: Table) -> Floats:
    told = table.shared(with_target)
    varies = told.first_symbols > 1
    return np.where(varies, told.first_entropy, np.nan) / np.log2(np.where(varies, told.first_symbols, 2))


def _mutual_information(table: Table) -> Floats:
    told = table.shared(with_target)
    bits = told.first_entropy + told.second_entropy - told.joint_entropy
    return np.where(bits < _ZERO_BITS, 0.0, bits)


def _uncertainty(table: Table) -> Floats:
    target = table.shared(with_target).second_entropy
    require(bool(target[0] > 0), "constant")
    return _mutual_information(table) / target


def _signal(table: Table) -> float:
    signal = float(_mutual_information(table).mean())
    require(signal > 0, "undefined")
    return signal


def _noise_to_signal(table: Table) -> float:
    signal = _signal(table)
    return (float(table.shared(with_target).first_entropy.mean()) - signal) / signal


def _pair_concentration(table: Table) -> Floats:
    pairs = table.shared(of_pairs)
    return np.concatenate([pairs.first_concentration, pairs.second_concentration])


_MICHIE, _KALOUSIS = "Michie et al. 1994", "Kalousis and Hilario 2001"
_COLUMNS = "nominal and binned numeric columns"

INFORMATION = Group(
    "information",
    (
        Measure(
            "class_entropy",
            lambda t: entropy(t.class_counts),
            "H(C) = sum over classes of -p log2(p)",
            "0 to log2(K)",
            "bits",
            _MICHIE,
            needs_target=True,
        ),
        Measure(
            "class_entropy_normalized",
            class_entropy_normalized,
            "H(C) / log2(K)",
            "[0, 1]",
            source=_MICHIE,
            needs_target=True,
        ),
        Measure(
            "attribute_entropy",
            lambda t: t.shared(with_target).first_entropy,
            "entropy H(X)",
            "from 0",
            "bits",
            _MICHIE,
            _COLUMNS,
            cost="n log(n) p",
        ),
        Measure(
            "attribute_entropy_normalized",
            _attribute_entropy_normalized,
            "H(X) / log2(number of values or bins that occur)",
            "[0, 1]",
            source="Castiello et al. 2005",
            over=f"{_COLUMNS} that vary",
            cost="n log(n) p",
            empty="constant",
        ),
        Measure(
            "joint_entropy",
            lambda t: t.shared(with_target).joint_entropy,
            "joint entropy H(X, C) with the class, or the binned numeric target",
            "from 0",
            "bits",
            _MICHIE,
            _COLUMNS,
            needs_target=True,
            cost="n log(n) p",
        ),
        Measure(
            "mutual_information",
            _mutual_information,
            "I(X; C) = H(X) + H(C) - H(X, C)",
            "0 to H(C)",
            "bits",
            _MICHIE,
            _COLUMNS,
            needs_target=True,
            cost="n log(n) p",
        ),
        Measure(
            "uncertainty_coefficient",
            _uncertainty,
            "I(X; C) / H(C)",
            "[0, 1]",
            source="Theil 1970",
            over=_COLUMNS,
            needs_target=True,
            cost="n log(n) p",
            empty="constant",
        ),
        Measure(
            "equivalent_number_of_attributes",
            lambda t: float(t.shared(with_target).second_entropy[0]) / _signal(t),
            "H(C) / mean of I(X; C) over columns",
            "from 1",
            source=_MICHIE,
            needs_target=True,
            cost="n log(n) p",
        ),
        Measure(
            "noise_to_signal_ratio",
            _noise_to_signal,
            "(mean of H(X) - mean of I(X; C)) / mean of I(X; C)",
            "from 0",
            source=_MICHIE,
            needs_target=True,
            cost="n log(n) p",
        ),
        Measure(
            "class_concentration",
            lambda t: t.shared(with_target).first_concentration,
            "Goodman and Kruskal's tau of the column when the class, or the binned numeric target, is known",
            "[0, 1]",
            source=_KALOUSIS,
            over=f"{_COLUMNS} that vary",
            needs_target=True,
            cost="n log(n) p",
            empty="constant",
        ),
        Measure(
            "attribute_concentration",
            _pair_concentration,
            f"Goodman and Kruskal's tau of one column when the other is known; of at most {_MAX_PAIRS} random pairs, "
            f"either way round, and at most {_MAX_PAIR_ROWS} rows",
            "[0, 1]",
            source=_KALOUSIS,
            over=f"ordered pairs of {_COLUMNS} that vary",
            cost="n log(n) p",
            empty="constant",
        ),
    ),
)
