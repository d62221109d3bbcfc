"""Training curves of TaskSet, with a task of it as it is published."""

import gzip
import json
import math

import numpy as np
import pytest

from metalearn.core.records import Configuration
from metalearn.core.registry import create
from metalearn.errors import InputError
from metalearn.sources.taskset import read_taskset
from metalearn.store.knowledge_base import KnowledgeBase

IRNN = "FixedTextRNNClassification_imdb_patch32_IRNN64_relu_last_bs128"
NAMES = ("learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay")
SPLITS = {"train": "train", "validation": "valid", "test": "test"}


def setting(last=0.5, rate=0.001, **changed):
    curve = {"loss": [0.7] * 50 + [last]}
    return {
        "hp": dict.fromkeys(NAMES, 0.5) | {"learning_rate": rate},
        **dict.fromkeys(SPLITS.values(), curve),
    } | changed


def write(path, settings):
    text = json.dumps(settings).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def rows(batch, table):
    return batch.tables[table].to_pylist()


@pytest.fixture(scope="module")
def published(shared):
    return shared / "data" / "taskset" / f"{IRNN}.json.gz"


@pytest.fixture(scope="module")
def batch(published):
    (read,) = read_taskset(published)
    return read


def test_a_whole_task(published, batch):
    """Against the lists in the file: every hundredth setting, loss by loss, and how many diverged."""
    with gzip.open(published) as file:
        settings = json.load(file)
    table = batch.tables["evaluations"]
    losses = [x for s in settings for split in SPLITS.values() for x in s[split]["loss"][1:]]
    assert len(table) == len(losses) == 1000 * 50 * 3
    assert table["status"].to_pylist().count("crashed") == sum(not math.isfinite(x) for x in losses) > 30_000
    stored = {
        (row["configuration_id"], row["split"], row["resource_value"]): row
        for row in table.take(np.flatnonzero(np.arange(len(table)) // 150 % 100 == 0)).to_pylist()
    }
    assert len(stored) == 10 * 50 * 3
    for published_setting in settings[::100]:
        id_ = Configuration("taskset", "adam8p", published_setting["hp"]).id
        for split, name in SPLITS.items():
            for number, loss in enumerate(published_setting[name]["loss"][1:], start=1):
                row = stored[id_, split, 200 * number]
                assert row["fidelity"] == number / 50
                assert row["value"] == (loss if math.isfinite(loss) else None)
                assert row["status"] == ("ok" if math.isfinite(loss) else "crashed")


def test_what_surrounds_them(batch):
    id_ = f"taskset-{IRNN}"
    assert rows(batch, "tasks") == [
        {
            "id": id_,
            "dataset_id": id_,
            "type": "classification",
            "target": None,
            "procedure": "holdout",
            "source": "taskset",
        }
    ]
    assert (rows(batch, "datasets")[0]["name"], len(batch.tables["configurations"])) == (IRNN, 1000)
    assert (batch.seen, batch.skipped, batch.partition) == (153_000, 3000, f"{IRNN}.json.gz")
    (first,) = batch.tables["evaluations"].slice(0, 1).to_pylist()
    assert (first["metric"], first["resource"], first["source"]) == ("log_loss", "steps", "taskset")
    assert len(batch.tables["metrics"]) == len(batch.tables["quarantine"]) == 0


def test_the_knowledge_base_takes_it_once(tmp_path):
    settings = [setting(last, rate) for last, rate in ((0.3, 0.1), (math.nan, 0.2), (1e30, 0.3), (math.inf, 0.4))]
    for name in "ab":
        write(tmp_path / f"{name}_classification.json.gz", settings)
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        first = knowledge_base.append_all(read_taskset(tmp_path))
        assert (first.seen, first.stored, first.skipped) == (2 * 4 * 153, 2 * 4 * 150, 2 * 4 * 3)
        again = knowledge_base.append_all(read_taskset(tmp_path))
        assert (again.stored, again.already_there) == (0, first.stored)
        done = knowledge_base.ingested("taskset").cursors()
        assert list(read_taskset(tmp_path, done=done)) == []
        assert knowledge_base.inconsistencies() == []
        past = knowledge_base.meta_dataset()
    assert (past.metric.name, past.split, past.performance_matrix().shape) == ("log_loss", "validation", (2, 4))
    rates = [dict(c.hyperparameters)["learning_rate"] for c in past.configurations]
    assert past.failure_matrix()[0].tolist() == [rate in (0.2, 0.4) for rate in rates]
    assert past.performance_matrix()[0, rates.index(0.3)] == 1e30
    assert past.performance_matrix(49 / 50)[0] == pytest.approx([0.7] * 4)
    fitted = create("recommender", "average_rank").meta_fit(past, rng=np.random.default_rng(0))
    assert fitted.recommend(past.tasks[0], 1)[0].configuration.hyperparameters["learning_rate"] == 0.1


def test_a_loss_of_another_kind_has_a_metric_of_its_own(tmp_path):
    path = write(tmp_path / "FixedMAF_mnist_3layer_bs64.json", [setting(-250.0)])
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        counts = knowledge_base.append_all(read_taskset(path))
        assert (counts.stored, counts.quarantined) == (150, 0)
        assert knowledge_base.inconsistencies() == []
        past = knowledge_base.meta_dataset()
    assert (past.metric.name, past.metric.direction, past.metric.bounded) == ("taskset:loss", "minimize", False)
    assert past.performance_matrix().tolist() == [[-250.0]]
    assert [task.type for task in past.tasks] == ["optimization"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (setting(hp={"learning_rate": 0.1}), "the hyperparameters are not those of adam8p"),
        (setting(hp=dict.fromkeys(NAMES, math.nan)), "A hyperparameter cannot be nan"),
        (setting(hp={name: {} for name in NAMES}), "A hyperparameter cannot be of type dict"),
        (setting(hp=None), "the setting has no hp, or no lists of losses"),
        (setting(test={"loss": [0.5] * 50}), "the setting has no hp, or no lists of losses of one length"),
        (setting(test={}), "the setting has no hp, or no lists of losses"),
        (setting(test={"loss": ["low"] * 51}), "the setting has no hp, or no lists of losses"),
        (setting(**{split: {"loss": [0.5] * 50} for split in SPLITS.values()}), "the setting's losses are not 51"),
        (setting(**{split: {"loss": 0.5} for split in SPLITS.values()}), "the setting's losses are not 51"),
        ("adam", "the setting has no hp"),
        (None, "the setting has no hp"),
    ],
)
def test_settings_that_cannot_be_read_are_quarantined(tmp_path, broken, reason):
    (batch,) = read_taskset(write(tmp_path / "classification.json", [setting(), broken]))
    (row,) = rows(batch, "quarantine")
    assert row["reason"].startswith(reason)
    assert json.dumps(json.loads(row["raw"])) == json.dumps(["taskset-classification", broken])
    assert (len(batch.tables["evaluations"]), batch.seen, batch.skipped) == (150, 154, 3)


def test_a_negative_cross_entropy_is_quarantined(tmp_path):
    (batch,) = read_taskset(write(tmp_path / "classification.json", [setting(-0.1)]))
    assert [row["reason"] for row in rows(batch, "quarantine")] == ["the value of log_loss lies outside [0, inf]"] * 3
    assert (len(batch.tables["evaluations"]), batch.seen) == (147, 153)


def test_a_list_without_settings(tmp_path):
    (batch,) = read_taskset(write(tmp_path / "classification.json", []))
    assert (len(batch.tables["evaluations"]), batch.seen) == (0, 0)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("cut.json.gz", gzip.compress(b"[]" * 1000, mtime=0)[:-9], "cannot be read"),
        ("plain.json.gz", b"[]", "cannot be read"),
        ("cut.json", b'[{"hp": ', "cannot be read"),
        ("binary.json", b"\xff\xfe\x00", "cannot be read"),
        ("object.json", b"{}", "holds no list of settings"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        list(read_taskset(tmp_path / name))
    # Among others it is put aside, and read again when it has changed.
    write(tmp_path / "z_classification.json", [setting()])
    lost, read = read_taskset(tmp_path)
    (row,) = rows(lost, "quarantine")
    assert (json.loads(row["raw"]), lost.seen, read.seen) == ({"file": name}, 1, 153)
    assert said in row["reason"]
    done = {batch.partition: batch.cursor for batch in (lost, read)}
    assert list(read_taskset(tmp_path, done=done)) == []
    (tmp_path / name).write_bytes(content + b" ")
    assert [batch.partition for batch in read_taskset(tmp_path, done=done)] == [name]


def test_nothing_to_read(tmp_path):
    with pytest.raises(InputError, match=r"holds no file that ends in .json.gz or .json"):
        list(read_taskset(tmp_path))
    with pytest.raises(InputError, match=r"nowhere.json cannot be read"):
        list(read_taskset(tmp_path / "nowhere.json"))
