"""Text meta-features of sentences that can be counted by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from metalearn.core.records import Dataset
from metalearn.metafeatures import text
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.text import TEXT

CELLS = ["The cat sat", "the dog, the cat!", "DOG 42 barks now", None, "42 cats", "  "]
TARGET = ["u", "u", "v", "v", "v", "u"]


def described(cells, target, **columns):
    y = pd.Series(target) if isinstance(target[0], float) else pd.Series(pd.Categorical(target))
    X = pd.DataFrame({"t": pd.Series(cells, dtype=object), **columns})
    kinds = ("text", *("text" if isinstance(values[0], str) else "numeric" for values in columns.values()))
    extractor = Extractor([TEXT], summaries=("mean",))
    values, _, status = extractor.extract(Dataset(X, y, "tiny", kinds, ""), rng=np.random.default_rng(0))
    found = zip(extractor.names, values.tolist(), status, strict=True)
    return {name.removesuffix("_mean"): value if said == "ok" else said for name, value, said in found}


def test_counted_by_hand():
    # The known cells: 3 + 4 + 4 + 2 words of 11, 17, 16 and 7 characters.
    words = ["the", "cat", "sat", "the", "dog", "the", "cat", "dog", "42", "barks", "now", "42", "cats"]
    twice_of_four = 0.5 + 2 * 0.25 * 2
    u, v = {"the", "cat", "sat", "dog"}, {"dog", "42", "barks", "now", "cats"}
    assert described(CELLS, TARGET) == pytest.approx(
        {
            "text_characters": (11 + 17 + 16 + 7) / 4,
            "text_words": 13 / 4,
            "text_word_length": sum(map(len, words)) / 13,
            "text_vocabulary": 8,
            "text_type_token_ratio": 8 / 13,
            "text_hapax_share": 4 / 8,
            "text_word_entropy": (math.log2(3) + twice_of_four + 2 + 1) / 4,
            "text_share_digits": 4 / 51,
            "text_share_upper": 4 / 51,
            "text_share_punctuation": 2 / 51,
            "text_share_empty": 1 / 6,
            "text_vocabulary_overlap": len(u & v) / len(u | v),
        }
    )


def test_a_numeric_target_is_halved_at_its_median():
    assert described(CELLS, [1.0, 2.0, 8.0, 9.0, 7.0, 3.0])["text_vocabulary_overlap"] == pytest.approx(1 / 8)


def test_three_classes_are_compared_in_pairs():
    found = described(["a b c", "b c d", "x y z"], ["u", "v", "w"])
    assert found["text_vocabulary_overlap"] == pytest.approx((0.5 + 0 + 0) / 3)


def test_a_table_has_the_mean_over_its_columns():
    one, other = described(["a b c"] * 3, ["u"] * 3), described(["a b c d e"] * 3, ["u"] * 3)
    both = described(["a b c"] * 3, ["u"] * 3, more=["a b c d e"] * 3)
    assert both["text_words"] == (one["text_words"] + other["text_words"]) / 2 == 4


def test_without_text_there_is_nothing_to_measure(describe):
    found = describe({"a": range(12)}, ["u", "v"] * 6, [TEXT])
    assert set(found.values()) == {"not_applicable"}


def test_cells_without_words_or_without_anything():
    assert described(["!?", "...", "-"], ["u", "v", "u"])["text_share_punctuation"] == 1
    assert described(["!?", "...", "-"], ["u", "v", "u"])["text_word_length"] == "undefined"
    empty = described([None, None, None], ["u", "v", "u"])
    assert empty.pop("text_share_empty") == 1
    assert set(empty.values()) == {"undefined"}


def test_other_alphabets_count_like_ours():
    found = described(["ÄÖ äö ٣", "名前 。"], ["u", "v"])
    assert (found["text_words"], found["text_vocabulary"]) == (2, 3)
    assert found["text_share_upper"] == pytest.approx(2 / 11)
    assert found["text_share_digits"] == pytest.approx(1 / 11)
    assert found["text_share_punctuation"] == pytest.approx(1 / 11)


def test_long_columns_and_cells_are_sampled(monkeypatch):
    monkeypatch.setattr(text, "MAX_ROWS", 10)
    monkeypatch.setattr(text, "MAX_CHARACTERS", 5)
    found = described([f"w{i} " + "x" * 500 for i in range(100)], ["u", "v"] * 50)
    assert found["text_words"] == 2
    assert found["text_vocabulary"] <= 10 + 3
    assert found["text_characters"] > 500
