"""Where a history comes from: JSON, a table, a data frame, or the journal of an optimization of ours.

What its entries say is read in ``sources.trials``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from metalearn.core import rows
from metalearn.core.journal import read_journal
from metalearn.core.metrics import Metric
from metalearn.core.records import Trial
from metalearn.errors import InputError
from metalearn.sources.chunks import is_table, read_chunks

# Where a row of a table keeps the names of its empty cells.
EMPTY = ""
_ROWS_AT_ONCE = 50_000

Entry = Mapping[str, Any] | Trial


def read_entries(path: Path, metric: Metric) -> Iterable[Entry]:
    """Return the entries of a file; what a file says its losses are of has to be ``metric``.

    Raises:
        InputError: when the file cannot be read, holds no entries, or its losses are of another metric.

    >>> import tempfile
    >>> from metalearn.core.metrics import METRICS
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "tried.csv")
    ...     _ = path.write_text("algorithm;C;loss\\nsvc;0,5;0,25\\n")
    ...     list(read_entries(path, METRICS["accuracy"]))
    [{'algorithm': 'svc', 'C': 0.5, 'loss': 0.25, '': []}]
    """
    if not path.exists():
        raise InputError(f"There is no file {path}; check the path.")
    if is_table(path):
        return (entry for frame in read_chunks(path, _ROWS_AT_ONCE) for entry in entries_of(frame))
    try:
        text = path.read_text(encoding="utf-8-sig")
        if _begins_a_journal(text):
            return _finished(path, metric)
        document = json.loads(text)
    except InputError:  # what is wrong with a journal is said already
        raise
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from error
    return _listed(document, path, metric)


def entries_of(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the entry of each row of a table; ``EMPTY`` has the names of its empty cells.

    >>> list(entries_of(pd.DataFrame({"algorithm": ["lda"], "shrinkage": [None], "loss": [0.5]})))
    [{'algorithm': 'lda', 'loss': 0.5, '': ['shrinkage']}]
    """
    for cells in frame.to_dict("records"):
        entry = {str(name): rows.decode(cell) for name, cell in cells.items() if not _missing(cell)}
        yield {**entry, EMPTY: [str(name) for name, cell in cells.items() if _missing(cell)]}


def _begins_a_journal(text: str) -> bool:
    try:
        first = json.loads(text.partition("\n")[0])
    except ValueError:
        return False
    return isinstance(first, dict) and "journal" in first


def _finished(path: Path, metric: Metric) -> tuple[Trial, ...]:
    contents = read_journal(path)
    _check_metric(contents.header.metric, path, metric)
    return tuple(event.trial for event in contents.finished)


def _listed(document: Any, path: Path, metric: Metric) -> list[Mapping[str, Any]]:
    entries = document.get("recommendations") if isinstance(document, dict) else document
    if isinstance(document, dict) and "incumbents" in document:
        instead = "give the journal of that optimization, which optimize --journal writes"
        raise InputError(f"{path} is what optimize --json printed, which leaves out most trials; {instead}.")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        printed = "or what recommend --json prints with a loss added to each, or a journal of optimize"
        raise InputError(f"{path} needs a JSON list of objects with algorithm, hyperparameters and loss, {printed}.")
    if isinstance(document, dict) and any("loss" in entry for entry in entries):
        _check_metric(document.get("metric"), path, metric)
    return entries


def _check_metric(named: str | None, path: Path, metric: Metric) -> None:
    if named not in (None, metric.name):
        raise InputError(f"The losses in {path} are of {named}, not of {metric.name}; ask for the metric {named}.")


def _missing(cell: Any) -> bool:
    return pd.api.types.is_scalar(cell) and bool(pd.isna(cell))
