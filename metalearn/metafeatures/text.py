"""Text meta-features: how long and how rich the free text in a table's columns is, and whether it differs by class.

A word is a run of letters, digits and underscores, in lower case. All but the empty cells are counted on at most 2,000
rows and the first 5,000 characters of a cell.
"""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy import sparse

from metalearn.metafeatures.measures import Group, Measure, require
from metalearn.metafeatures.table import Floats, Integers, Table

# Enough for shares and means to two digits; a table of books would take hours.
MAX_ROWS = 2_000
MAX_CHARACTERS = 5_000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Texts:
    """The c free-text columns of a table, one entry (c,) each; NaN where a column has no cell, or no word, to count.

    ``characters`` and ``words`` are means over the cells that are not empty, ``word_entropy`` (bits) over those with
    a word; ``vocabulary_overlap`` is the mean Jaccard similarity of the vocabularies of two classes.
    """

    characters: Floats
    words: Floats
    word_length: Floats
    vocabulary: Floats
    type_token_ratio: Floats
    hapax_share: Floats
    word_entropy: Floats
    share_digits: Floats
    share_upper: Floats
    share_punctuation: Floats
    vocabulary_overlap: Floats


def texts_of(table: Table) -> Texts:
    """Describe the free-text columns; a node to share.

    Raises:
        UnmeasuredError: without free-text columns.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X = pd.DataFrame({"a": ["Two words", "the two of 3"]})
    >>> texts = Table.of(Dataset(X, pd.Series([1.0, 2.0]), "tiny", ("text",), "")).shared(texts_of)
    >>> texts.words, texts.vocabulary, texts.share_upper.round(3)
    (array([3.]), array([5.]), array([0.048]))
    """
    columns = _text_columns(table)
    sample = table.sample(MAX_ROWS)
    described = []
    for column in columns:
        table.deadline.check()
        described.append(_described(sample.X.iloc[:, column].tolist(), _halves(sample)))
    by_measure = np.array(described, dtype=np.float64).T
    return Texts(*by_measure)


def _text_columns(table: Table) -> list[int]:
    columns = [i for i, kind in enumerate(table.kinds) if kind == "text"]
    require(len(columns) > 0, "not_applicable")
    return columns


def _halves(table: Table) -> Integers:
    """Return the classes (m,), of a regression the rows below and above the median."""
    return table.classes if table.classes is not None else (table.target > np.median(table.target)).astype(np.int64)


def _described(cells: Sequence[object], classes: Integers) -> tuple[float, ...]:
    texts = [cell.strip() if isinstance(cell, str) else "" for cell in cells]
    rows = np.flatnonzero([text != "" for text in texts])
    if len(rows) == 0:
        return (np.nan,) * len(fields(Texts))
    known = [texts[row] for row in rows]
    shortened = [text[:MAX_CHARACTERS] for text in known]
    found = [_WORD.findall(text.lower()) for text in shortened]
    n_characters = float(np.mean([len(text) for text in known]))
    return (
        n_characters,
        *_of_words(found),
        *_shares("".join(shortened)),
        _overlap(found, classes[rows]),
    )


def _of_words(found: Sequence[Sequence[str]]) -> tuple[float, ...]:
    """Return words a cell, characters a word, vocabulary, type-token ratio, share of hapaxes, entropy within a cell."""
    cell, word = _tokens(found)
    if len(word) == 0:
        return (0.0, np.nan, 0.0, np.nan, np.nan, np.nan)
    counts = np.bincount(word)
    n_characters = sum(map(len, itertools.chain.from_iterable(found)))
    hapaxes = np.count_nonzero(counts == 1) / len(counts)
    entropy = _mean_entropy(cell, word)
    return (len(word) / len(found), n_characters / len(word), len(counts), len(counts) / len(word), hapaxes, entropy)


def _tokens(found: Sequence[Sequence[str]]) -> tuple[Integers, Integers]:
    """Return the cell of each word, and which of the distinct words it is."""
    number: dict[str, int] = {}
    word = np.array([number.setdefault(w, len(number)) for words in found for w in words], dtype=np.int64)
    return np.repeat(np.arange(len(found)), [len(words) for words in found]), word


def _mean_entropy(cell: Integers, word: Integers) -> float:
    """Return the mean, over cells with a word, of the entropy of the words within the cell, in bits."""
    in_cell = np.bincount(cell)
    pairs, n = np.unique(cell * (word.max() + 1) + word, return_counts=True)
    of = pairs // (word.max() + 1)
    share = n / in_cell[of]
    entropies = np.bincount(of, weights=-share * np.log2(share))
    return float(entropies[in_cell > 0].mean())


def _shares(text: str) -> tuple[float, float, float]:
    """Return which shares of a text's characters are digits, upper case, and punctuation."""
    points, n = np.unique(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4"), return_counts=True)
    characters = [chr(point) for point in points]
    flags = [(c.isdigit(), c.isupper(), unicodedata.category(c).startswith("P")) for c in characters]
    digits, upper, punctuation = (n @ np.array(flags) / n.sum()).tolist()
    return digits, upper, punctuation


def _overlap(found: Sequence[Sequence[str]], classes: Integers) -> float:
    cell, word = _tokens(found)
    present, which = np.unique(classes[cell], return_inverse=True)
    if len(present) < 2:
        return np.nan
    uses = sparse.csr_array((np.ones(len(word)), (which, word)))
    uses.data[:] = 1.0
    shared = (uses @ uses.T).toarray()
    sizes = shared.diagonal()
    above = np.triu_indices(len(present), 1)
    return float((shared / (sizes[:, None] + sizes - shared))[above].mean())


def _empty_share(table: Table) -> Floats:
    columns = _text_columns(table)
    return np.asarray(table.missing[columns] / table.n_rows)


_SAMPLED = f" (on at most {MAX_ROWS:,} rows, {MAX_CHARACTERS:,} characters of each cell)"


def _measure(name: str, formula: str, low_high: str, unit: str = "", source: str = "metalearn") -> Measure:
    return Measure(
        f"text_{name}",
        lambda table: getattr(table.shared(texts_of), name),
        formula + _SAMPLED,
        low_high,
        unit,
        source,
        "free-text columns",
        needs_target=name == "vocabulary_overlap",
        cost="sample",
    )


TEXT = Group(
    "text",
    (
        _measure(
            "characters", "characters", "mean number of characters of a cell that is not empty", "from 1", "characters"
        ),
        _measure("words", "mean number of words of a cell that is not empty", "from 0", "words"),
        _measure("word_length", "mean number of characters of a word", "from 1", "characters"),
        _measure("vocabulary", "number of distinct words V", "from 0", "words"),
        _measure("type_token_ratio", "V / number of words", "(0, 1]", source="Templin 1957"),
        _measure("hapax_share", "share of V that occurs once", "[0, 1]", source="Baayen 2001"),
        _measure(
            "word_entropy",
            "mean over cells of -sum p log2(p), p the shares of the distinct words in a cell",
            "from 0",
            "bits",
            "Shannon 1948",
        ),
        _measure("share_digits", "share of the characters that are digits", "[0, 1]"),
        _measure("share_upper", "share of the characters that are upper-case letters", "[0, 1]"),
        _measure("share_punctuation", "share of the characters that are punctuation", "[0, 1]"),
        Measure(
            "text_share_empty", _empty_share, "share of the cells that are empty", "[0, 1]", over="free-text columns"
        ),
        _measure(
            "vocabulary_overlap",
            "mean over pairs of classes (of a numeric target: its halves below and above the median) of |A and B| / "
            "|A or B|, A and B their vocabularies",
            "[0, 1]",
            source="Jaccard 1912",
        ),
    ),
)
