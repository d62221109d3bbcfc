"""What a group of meta-features is, and the summaries over columns that several of them share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from metalearn.metafeatures.table import Floats, Table

# Why a measure has no value: it makes no sense here (no numeric columns, a regression); nothing varies; there are
# too few rows to tell; or its formula has no finite result. Any other text says what failed.
Reason = Literal["not_applicable", "constant", "too_few_rows", "undefined"]
Measured = Mapping[str, float | str]

_STATISTICS: Mapping[str, Callable[[Floats], float]] = {"mean": np.mean, "sd": np.std, "min": np.min, "max": np.max}


@dataclass(frozen=True)
class Group:
    """Meta-features that are computed together: all its ``names``, each a number or the reason why there is none."""

    name: str
    names: tuple[str, ...]
    measure: Callable[[Table, np.random.Generator], Measured]


def summary_names(measures: Iterable[str]) -> tuple[str, ...]:
    """Return the names that ``summarised`` gives.

    >>> summary_names(["skewness"])
    ('skewness_mean', 'skewness_sd', 'skewness_min', 'skewness_max')
    """
    return tuple(f"{measure}_{statistic}" for measure in measures for statistic in _STATISTICS)


def summarised(measure: str, values: Floats, reason: Reason) -> dict[str, float | Reason]:
    """Return mean, standard deviation (over n), minimum and maximum of the finite values, or the reason without any.

    >>> summarised("iqr", np.array([1.0, np.nan, 3.0]), "constant")
    {'iqr_mean': 2.0, 'iqr_sd': 1.0, 'iqr_min': 1.0, 'iqr_max': 3.0}
    >>> summarised("iqr", np.array([np.nan]), "constant")["iqr_mean"]
    'constant'
    """
    finite = values[np.isfinite(values)]
    return {f"{measure}_{s}": float(f(finite)) if len(finite) else reason for s, f in _STATISTICS.items()}
