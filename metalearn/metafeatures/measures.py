"""What a measure and a group of meta-features are, and the summaries of a measure that has many values.

Summaries as in Rivolli et al., "Meta-features for meta-learning" (Knowledge-Based Systems 2022), section 3.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metalearn.metafeatures.table import Floats, Reason, Table, UnmeasuredError, has_target

# What the time grows with: n rows, p columns, and where ``sample``, no more once there are some thousand rows.
Cost = Literal["n p", "n log(n) p", "n p^2", "sample"]
Measured = Mapping[str, float | str]

SUMMARIES = ("mean", "sd", "min", "q25", "median", "q75", "max", "skewness", "kurtosis")
N_BINS = 10
HISTOGRAM = tuple(f"histogram_{i}" for i in range(N_BINS))
ALL_SUMMARIES = (*SUMMARIES, *HISTOGRAM)
# Values that differ by less than this share of the largest are the same number, computed twice.
_ROUNDING = 1e-12

_IN_WORDS = {
    "sd": "standard deviation (over the number of values)",
    "min": "minimum",
    "q25": "lower quartile",
    "q75": "upper quartile",
    "max": "maximum",
    **{name: f"share in bin {i + 1} of {N_BINS} equally wide ones" for i, name in enumerate(HISTOGRAM)},
}
# The range and unit of what is not on the scale of the values themselves.
_OTHER_SCALE = {
    "sd": ("from 0", None),
    "skewness": ("any number", ""),
    "kurtosis": ("from -2", ""),
    **dict.fromkeys(HISTOGRAM, ("[0, 1]", "")),
}


@dataclass(frozen=True)
class Measure:
    """One formula: a number for a table, or one for each of the things named by ``over``, which are then summarised.

    ``compute`` raises ``UnmeasuredError`` where there is no value; ``empty`` is the reason where there are many and
    none is finite. ``range`` and ``unit`` are those of a single value; ``formula`` defines it and names the source.

    >>> import pandas as pd
    >>> from metalearn.core.records import Dataset
    >>> X, y = pd.DataFrame({"a": [1.0, 2.0, 6.0]}), pd.Series([1.5, 2.5, 3.5])
    >>> table = Table.of(Dataset(X, y, "tiny", ("numeric",), ""))
    >>> range_ = Measure("range", lambda t: np.ptp(t.numeric, axis=0), "largest - smallest", over="numeric columns")
    >>> range_.names(("mean", "max")), range_.measure(table, ("mean", "max"))
    (('range_mean', 'range_max'), {'range_mean': 5.0, 'range_max': 5.0})
    """

    name: str
    compute: Callable[[Table], float | Floats]
    formula: str
    range: str = "any number"
    unit: str = ""
    source: str = "metalearn"
    over: str = ""
    needs_target: bool = False
    cost: Cost = "n p"
    empty: Reason = "undefined"

    def names(self, summaries: Sequence[str]) -> tuple[str, ...]:
        """Return the names of its meta-features."""
        return tuple(f"{self.name}_{s}" for s in summaries) if self.over else (self.name,)

    def entries(self, group: str) -> list[dict[str, str]]:
        """Return what each of its meta-features means, with all summaries: rows of the dictionary."""
        meant: list[tuple[str, str, str, str]] = [(self.name, self.range, self.unit, self.formula)]
        if self.over:
            meant = []
            for summary in ALL_SUMMARIES:
                low_high, unit = _OTHER_SCALE.get(summary, (self.range, None))
                formula = f"{_IN_WORDS.get(summary, summary)} over {self.over} of: {self.formula}"
                meant.append((f"{self.name}_{summary}", low_high, self.unit if unit is None else unit, formula))
        needs, source = "yes" if self.needs_target else "no", self.source
        return [
            {
                "name": name,
                "group": group,
                "range": low_high,
                "unit": unit,
                "cost": self.cost,
                "needs_target": needs,
                "formula": formula,
                "source": source,
            }
            for name, low_high, unit, formula in meant
        ]

    @np.errstate(all="ignore")  # what overflows is "undefined"
    def measure(self, table: Table, summaries: Sequence[str]) -> Measured:
        """Return a number, or the reason why there is none, for each of the names."""
        try:
            values = self._values(table)
        except UnmeasuredError as error:
            return dict.fromkeys(self.names(summaries), error.reason)
        except MemoryError:
            return dict.fromkeys(self.names(summaries), "memout")
        except Exception as error:  # what breaks on this dataset must not take the others along
            return dict.fromkeys(self.names(summaries), f"failed: {type(error).__name__}")
        if isinstance(values, float):
            return {self.name: _or_undefined(values)}
        return {f"{self.name}_{s}": value for s, value in summarised(values, summaries, self.empty).items()}

    def _values(self, table: Table) -> float | Floats:
        table.deadline.check()
        require(not self.needs_target or table.shared(has_target), "not_applicable")
        values = self.compute(table)
        return np.asarray(values) if self.over else float(values)


@dataclass(frozen=True)
class Group:
    """Measures of one kind."""

    name: str
    measures: tuple[Measure, ...]

    def names(self, summaries: Sequence[str] = SUMMARIES) -> tuple[str, ...]:
        """Return the names of its meta-features."""
        return tuple(name for measure in self.measures for name in measure.names(summaries))


def require(condition: bool, reason: Reason) -> None:
    """Raise ``UnmeasuredError`` with the reason unless the condition holds."""
    if not condition:
        raise UnmeasuredError(reason)


@np.errstate(all="ignore")
def summarised(values: Floats, summaries: Sequence[str], empty: Reason) -> dict[str, float | str]:
    """Return summaries of the finite ones among values (m,), or the reason ``empty`` when there are none.

    ``sd`` is over the number of values; quartiles are linear between values; ``skewness`` and ``kurtosis`` are the
    moment ratios g1 and g2 (excess) and ``histogram_0`` to ``histogram_9`` the shares in ten equally wide bins from
    the smallest value to the largest: ``constant`` where all values are one.

    >>> summarised(np.array([1.0, np.nan, 3.0]), ("mean", "sd", "q25", "histogram_9"), "constant")
    {'mean': 2.0, 'sd': 1.0, 'q25': 1.5, 'histogram_9': 0.5}
    >>> summarised(np.array([np.nan]), ("mean",), "constant"), summarised(np.array([7.0]), ("skewness",), "undefined")
    ({'mean': 'constant'}, {'skewness': 'constant'})
    """
    ordered = np.sort(values[np.isfinite(values)])
    if len(ordered) == 0:
        return dict.fromkeys(summaries, empty)
    known: dict[str, float | str] = {**_location(ordered)}
    if not known.keys() >= set(summaries):
        known |= _shape(ordered)
    return {s: _or_undefined(known[s]) for s in summaries}


def _or_undefined(value: float | str) -> float | str:
    return value if isinstance(value, str) or math.isfinite(value) else "undefined"


def _location(ordered: Floats) -> dict[str, float]:
    n = len(ordered)
    mean = ordered.sum() / n
    deviations = ordered - mean
    return {
        "mean": float(mean),
        "sd": float(deviations.dot(deviations) / n) ** 0.5,
        "min": float(ordered[0]),
        "max": float(ordered[-1]),
        "q25": _quantile(ordered, 0.25),
        "median": _quantile(ordered, 0.5),
        "q75": _quantile(ordered, 0.75),
    }


def _quantile(ordered: Floats, share: float) -> float:
    place = share * (len(ordered) - 1)
    below = int(place)
    weight = place - below
    return float((1 - weight) * ordered[below] + weight * ordered[min(below + 1, len(ordered) - 1)])


def _shape(ordered: Floats) -> dict[str, float | str]:
    low, high = float(ordered[0]), float(ordered[-1])
    if high - low <= _ROUNDING * max(abs(low), abs(high)):
        return dict.fromkeys(("skewness", "kurtosis", *HISTOGRAM), "constant")
    n, unit = len(ordered), (ordered - low) / (high - low)
    deviations = unit - unit.sum() / n
    squares = deviations * deviations
    variance = float(squares.sum()) / n
    if not math.isfinite(variance):  # the width overflows
        return dict.fromkeys(("skewness", "kurtosis", *HISTOGRAM), "undefined")
    skewness = float(squares.dot(deviations)) / n / variance**1.5
    kurtosis = float(squares.dot(squares)) / n / variance**2 - 3
    bins = np.bincount(np.minimum((unit * N_BINS).astype(np.int64), N_BINS - 1), minlength=N_BINS) / n
    return {"skewness": skewness, "kurtosis": kurtosis, **dict(zip(HISTOGRAM, bins.tolist(), strict=True))}
