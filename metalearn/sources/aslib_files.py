"""The files of an ASlib scenario: what its description says of measures and feature steps, and its tables.

Format: https://github.com/coseal/aslib-spec (format.md).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from metalearn.core import rows
from metalearn.core.metrics import METRICS, Metric, canonical
from metalearn.core.rows import Integers
from metalearn.errors import InputError, UnknownNameError
from metalearn.sources.arff import read_arff
from metalearn.sources.chunks import require_columns
from metalearn.sources.measures import Measure

_NOTHING = ("", "?", "null", "~")


@dataclass(frozen=True)
class MeasuredColumn:
    """A column of measurements: its name, what its cells mean, and whether that is a runtime."""

    name: str
    measure: Measure
    runtime: bool

    @property
    def metric(self) -> Metric:
        """The metric that it measures."""
        return self.measure.metric


@dataclass(frozen=True)
class Description:
    """A scenario's id, what it measured, its cutoff (NaN where there is none), and the features of each step."""

    id: str
    measured: tuple[MeasuredColumn, ...]
    cutoff_seconds: float
    steps: Mapping[str, Sequence[str]]

    @property
    def task_type(self) -> str:
        """The type of the tasks on which the first known metric is measured, ``algorithm_selection`` without one."""
        ours = [column.metric for column in self.measured if column.metric.name in METRICS]
        return rows.task_type(ours[0]) if ours else "algorithm_selection"


def read_description(path: Path) -> Description:
    """Return what a ``description.txt`` says. A scenario without an id has its folder's name.

    A measure of a name that metalearn knows is that metric; where ``maximize`` says the contrary of the metric's
    direction, the scenario gives the loss. Another measure is a metric of the scenario, ``<id>:<measure>``.

    Raises:
        InputError: when the file cannot be read, names no measure, or not the direction of one.
    """
    entries = parse(_text(path))
    names = entries.get("performance_measures")
    if not names:
        raise InputError(f"{path} names no performance_measures; say what was measured.")
    id_ = entries.get("scenario_id", [path.resolve().parent.name])[0]
    maximize, kinds = ([*entries.get(key, []), *[""] * len(names)] for key in ("maximize", "performance_type"))
    measured = [_measured(id_, name, maximize[i].lower(), kinds[i] == "runtime") for i, name in enumerate(names)]
    cutoff, _ = rows.numbers(entries.get("algorithm_cutoff_time", ["?"]))
    return Description(id_, tuple(measured), float(cutoff[0]) if cutoff[0] > 0 else math.nan, _steps(entries))


def read_table(path: Path, *columns: str) -> pd.DataFrame:
    """Return one of the scenario's ARFF files, which needs these columns.

    Raises:
        InputError: when the file cannot be read or lacks a column.
    """
    frame, _ = read_arff(_text(path), str(path))
    require_columns(frame, path, *columns)
    return frame


def distinct(cells: "pd.Series[Any]") -> tuple[list[str], Integers]:
    """Return the distinct names in a column (n,), and which one each row has; a missing one is empty.

    A name from a numeric column, which ARFF reads as a float, is a whole number again.

    >>> distinct(pd.Series([3.0, 12.0, 3.0, None]))
    (['3', '12', ''], array([0, 1, 0, 2]))
    """
    codes, found = pd.factorize(cells, use_na_sentinel=False)
    return [_name(cell) for cell in found], codes


def _name(cell: object) -> str:
    if pd.isna(cell):  # type: ignore[call-overload]
        return ""
    return f"{cell:.17g}" if isinstance(cell, float) else str(cell).strip()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}); check that the scenario is whole.") from error


def parse(text: str) -> dict[str, list[str]]:
    """Return the lists of values in a description; a name within another one follows that after a blank.

    Both dialects are read: YAML's block lists, and the older one of ``key: a, b`` and a ``?`` that is no YAML.

    >>> parse("maximize: true, false\\ncutoff: ?\\nfeature_steps:\\n  static:\\n    provides:\\n    - n\\n    - 'm'\\n")
    {'maximize': ['true', 'false'], 'feature_steps static provides': ['n', 'm']}
    """
    entries: dict[str, list[str]] = {}
    anchors: dict[str, list[str]] = {}
    parents: list[tuple[int, str]] = []
    items: list[str] = []
    for line in text.splitlines():
        content = line.strip()
        if content.startswith("- "):
            items.append(_unquoted(content[2:]))
        elif matched := re.fullmatch(r"([^#\s].*?)\s*:(?:\s+(.*))?", content):
            indent, value = len(line) - len(line.lstrip()), matched[2] or ""
            parents = [*(parent for parent in parents if parent[0] < indent), (indent, _unquoted(matched[1]))]
            items = anchors.get(value[1:], []) if value.startswith("*") else _listed(value)
            if value.startswith("&"):
                anchors[value[1:]] = items
            entries[" ".join(name for _, name in parents)] = items
    return {name: values for name, values in entries.items() if values}


def _listed(value: str) -> list[str]:
    words = [] if value.startswith("&") else [_unquoted(word) for word in value.strip("[]").split(",")]
    return [word for word in words if word not in _NOTHING]


def _unquoted(word: str) -> str:
    return word.strip().strip("'\"")


def _steps(entries: Mapping[str, list[str]]) -> dict[str, list[str]]:
    matches = ((re.fullmatch(r"feature_step (.+)|feature_steps (.+) provides", key), key) for key in entries)
    return {found[1] or found[2]: entries[key] for found, key in matches if found}


def _measured(scenario: str, name: str, maximize: str, runtime: bool) -> MeasuredColumn:
    try:
        metric, complement = canonical(name)
    except UnknownNameError:
        return MeasuredColumn(name, Measure(_own_metric(scenario, name, maximize, runtime)), runtime)
    measure = Measure.of(name)
    if maximize in ("", "false" if measure.minimized else "true"):
        return MeasuredColumn(name, measure, runtime)
    if complement:
        raise InputError(f"{scenario} says that {name} is maximised, but it is an error; mend 'maximize'.")
    return MeasuredColumn(name, Measure.turned(metric), runtime)


def _own_metric(scenario: str, name: str, maximize: str, runtime: bool) -> Metric:
    low = 0.0 if runtime else -math.inf
    if maximize == "true":
        return Metric(f"{scenario}:{name}", "maximize", low, math.inf)
    if maximize == "false":
        return Metric(f"{scenario}:{name}", "minimize", low, math.inf)
    raise InputError(f"{scenario} does not say whether {name} is maximised; add it to 'maximize'.")
