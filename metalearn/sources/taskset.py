"""Training curves of neural networks under settings of their optimizer: TaskSet (Metz et al. 2020, https://arxiv.org/abs/2002.11887).

A file ``<task>.json.gz`` holds a list of settings of Adam with eight hyperparameters, each an object of ``hp`` (a
value for each) and, for ``train``, ``valid`` and ``test``, an object whose ``loss`` lists the losses in training.
"""

import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from metalearn.core import rows
from metalearn.core.metrics import METRICS, Metric
from metalearn.core.records import Batch, Configuration
from metalearn.errors import ConfigurationError, InputError
from metalearn.sources.curves import NOTHING, curve_tables, digest, read_bytes

_SOURCE = "taskset"
_ALGORITHM = "adam8p"
_HYPERPARAMETERS = frozenset(
    ("learning_rate", "beta1", "beta2", "epsilon", "l1", "l2", "linear_decay", "exponential_decay")
)
# TaskSet trains for 10,000 steps and evaluates every 200, before the first one too.
_STEPS = np.arange(0, 10_001, 200)
_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_UNNAMED = Metric("taskset:loss", "minimize", -math.inf, math.inf)
_ENDINGS = (".json.gz", ".json")


def read_taskset(path: Path, *, done: Mapping[str, str] = NOTHING) -> Iterator[Batch]:
    """Return the training curves in one of TaskSet's files, or in all files of a folder, a batch for each file.

    Task and dataset are called ``taskset-<file>``: tasks on the same data count as datasets of their own, which
    ``kb families`` joins where their losses correlate. A classification's loss is the cross-entropy in nats, our
    ``log_loss``. What the loss of another task is its name does not say: it may be a squared error or a negative
    log-likelihood, so it has a metric of its own, ``taskset:loss``, and its task the type ``optimization``.

    The resource are steps, and 10,000 of them fidelity 1. The loss before the first step has fidelity 0, has cost
    nothing and is the same for all settings but for the random start; it is skipped. A loss that is not finite has
    the status ``crashed``: the training diverged. Settings that cannot be read are quarantined.

    A file of a folder that is cut off, or no list, is quarantined too.

    A batch's partition is the file's name, its cursor a digest of what the file holds: a partition whose cursor in
    ``done`` is the same is skipped. ``Batch.seen`` counts losses, and settings and files that cannot be read.

    Raises:
        InputError: when there is no such file, or the only one is cut off or holds no list.

    >>> import tempfile
    >>> curve = {"loss": [0.7] * 50 + [math.nan]}
    >>> setting = {"hp": dict.fromkeys(_HYPERPARAMETERS, 0.001), "train": curve, "valid": curve, "test": curve}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "TextClassification.json")
    ...     _ = file.write_text(json.dumps([setting]))
    ...     batch = next(read_taskset(file))
    >>> batch.seen, batch.skipped, batch.tables["tasks"]["id"].to_pylist()
    (153, 3, ['taskset-TextClassification'])
    >>> batch.tables["evaluations"].select(["metric", "fidelity", "status"]).to_pylist()[-1]
    {'metric': 'log_loss', 'fidelity': 1.0, 'status': 'crashed'}
    """
    files = sorted(file for file in path.iterdir() if file.name.endswith(_ENDINGS)) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} holds no file that ends in {' or '.join(_ENDINGS)}; give TaskSet's folder.")
    return _batches(files, done, strict=not path.is_dir())


def _batches(files: Sequence[Path], done: Mapping[str, str], *, strict: bool) -> Iterator[Batch]:
    for file in files:
        raw = read_bytes(file)
        cursor = digest(raw)
        if done.get(file.name) == cursor:
            continue
        try:
            yield _batch(file.name, _settings(raw, file), cursor)
        except InputError as error:
            if strict:
                raise
            lost = rows.quarantine_table(_SOURCE, [json.dumps({"file": file.name})], [str(error)])
            yield Batch(_SOURCE, {"quarantine": lost}, file.name, cursor, seen=1)


def _batch(file: str, settings: Sequence[Any], cursor: str) -> Batch:
    read = [_setting(setting) for setting in settings]
    known = [(configuration, losses) for configuration, losses, _ in read if configuration is not None]
    wrong = [(setting, reason) for setting, (_, _, reason) in zip(settings, read, strict=True) if reason]
    configurations = [configuration for configuration, _ in known]
    curves = np.array([losses for _, losses in known]).reshape(-1, len(_STEPS), len(_SPLITS))
    id_ = f"taskset-{file.split('.json')[0]}"
    tables = {**_task_tables(id_), **rows.configuration_tables(configurations, _SOURCE)}
    tables |= curve_tables(
        curves[:, 1:],
        _STEPS[1:],
        configurations,
        task_id=id_,
        metric=_metric(id_),
        splits=tuple(_SPLITS.values()),
        resource="steps",
        source=_SOURCE,
    )
    raw, reasons = [json.dumps([id_, setting]) for setting, _ in wrong], [reason for _, reason in wrong]
    tables["quarantine"] = pa.concat_tables([tables["quarantine"], rows.quarantine_table(_SOURCE, raw, reasons)])
    seen, skipped = curves.size + len(wrong), curves[:, 0].size
    return Batch(_SOURCE, tables, file, cursor, seen, skipped)


def _metric(task: str) -> Metric:
    return METRICS["log_loss"] if "classification" in task.lower() else _UNNAMED


def _task_tables(task: str) -> dict[str, pa.Table]:
    metric = _metric(task)
    type_ = "optimization" if metric is _UNNAMED else rows.task_type(metric)
    record = {"id": task, "dataset_id": task, "type": type_, "procedure": "holdout", "source": _SOURCE}
    return {
        "metrics": rows.metric_table([metric]),
        "datasets": rows.dataset_table([{"id": task, "name": task.removeprefix("taskset-"), "source": _SOURCE}]),
        "tasks": rows.task_table([record]),
    }


def _settings(raw: bytes, file: Path) -> list[Any]:
    try:
        settings = json.loads(gzip.decompress(raw) if file.suffix == ".gz" else raw)
    except (OSError, EOFError, ValueError, zlib.error) as error:  # JSON's and Unicode's errors are ValueErrors
        raise InputError(f"{file} cannot be read ({error}); check that it is one of TaskSet's, and whole.") from error
    if not isinstance(settings, list):
        raise InputError(f"{file} holds no list of settings; give one of TaskSet's files.")
    return settings


def _setting(setting: Mapping[str, Any]) -> tuple[Configuration | None, NDArray[np.float64], str]:
    """Return a setting and its losses (B, S); no setting, and what is wrong with it, where it cannot be read."""
    nothing = np.empty((0, len(_SPLITS)))
    try:
        losses = np.array([setting[split]["loss"] for split in _SPLITS], dtype=np.float64).T
        configuration = Configuration(_SOURCE, _ALGORITHM, setting["hp"])
    except ConfigurationError as error:
        return None, nothing, str(error)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, nothing, "the setting has no hp, or no lists of losses of one length"
    if losses.shape != (len(_STEPS), len(_SPLITS)):
        return None, nothing, f"the setting's losses are not {len(_STEPS)} on each split"
    if configuration.hyperparameters.keys() != _HYPERPARAMETERS:
        return (
            None,
            nothing,
            f"the hyperparameters are not those of {_ALGORITHM}: {', '.join(sorted(_HYPERPARAMETERS))}",
        )
    return configuration, losses, ""
