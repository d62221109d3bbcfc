"""Which meta-features a new dataset is given, and which of a knowledge base's extractors they belong to."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer

from metalearn.api import describe, recommend
from metalearn.core.records import Batch, Configuration, Task
from metalearn.core.rows import meta_feature_table
from metalearn.describing import described, extractor_of
from metalearn.metafeatures.extract import Extractor, meta_features
from metalearn.sources.frames import make_dataset
from metalearn.store import KnowledgeBase

FRAME = load_breast_cancer(as_frame=True).frame
N_TASKS = 16


def kb_described_by(group: str, prefix: str, path: Path) -> Path:
    """Make a knowledge base of a vocabulary: one configuration is good on few rows of a table, the other on many."""
    rng, rows, values = np.random.default_rng(0), [], []
    for i in range(N_TASKS):
        n = 60 if i % 2 else 200
        part = make_dataset(FRAME.sample(n, random_state=i), "target", name=f"part {i}", task_type="classification")
        values.append(list(meta_features(part, groups=[group], rng=rng).values()))
        for kind, loss in (("a", 0.1 + 0.2 * (i % 2)), ("b", 0.3 - 0.2 * (i % 2))):
            accuracy = {"metric": "accuracy", "value": 1 - loss}
            rows.append({"task_id": f"t{i}", "algorithm": "svc", "hyperparameters": {"kind": kind}, **accuracy})
    names = [name.removeprefix(prefix) for name in Extractor([group]).names]
    table = meta_feature_table(
        [f"t{i}" for i in range(N_TASKS)], names, np.array(values), extractor="theirs", version="1"
    )
    with KnowledgeBase.open(path, read_only=False) as kb:
        kb.add_evaluations(pd.DataFrame(rows), source="test", space="s", task_type="classification")
        kb.append(Batch("test", {"meta_features": table}))
    return path


@pytest.mark.parametrize(("group", "prefix"), [("autosklearn", ""), ("openml", "openml_")])
def test_a_table_is_compared_in_the_knowledge_bases_words(group: str, prefix: str, tmp_path: Path) -> None:
    kb = kb_described_by(group, prefix, tmp_path / "kb.duckdb")
    for n, best in ((60, "b"), (200, "a")):
        part = make_dataset(FRAME.sample(n, random_state=99), "target", name="new", task_type="classification")
        answer = recommend(part, kb=kb, k=1, include_default=False)
        assert f"{N_TASKS} past tasks have meta-features in common" in answer.reason
        assert answer[0].configuration == Configuration("s", "svc", {"kind": best})


def test_ours_are_the_default() -> None:
    dataset = make_dataset(FRAME.head(50), "target", name="some", task_type="classification")
    with KnowledgeBase.open() as bundled:
        assert tuple(described(dataset, bundled).meta_features) == Extractor().names
    assert tuple(describe(dataset).meta_features) == Extractor().names


def test_the_extractor_is_that_with_most_names(tmp_path: Path) -> None:
    with KnowledgeBase.open(kb_described_by("autosklearn", "", tmp_path / "kb.duckdb")) as kb:
        assert extractor_of(Task("t", "t", "classification", meta_features={"NumberOfClasses": 2.0}), kb) == "theirs"
        assert extractor_of(Task("t", "t", "classification", meta_features={"n_classes": 2.0}), kb) is None
