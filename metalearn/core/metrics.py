"""Metrics: their one canonical name, direction and bounds, and how each becomes a loss.

Sources call the same measure by many names (balanced error, OpenML's ``unweighted_recall``); ``canonical`` maps
every one of them to the metric and the value that the knowledge base stores.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from metalearn.errors import UnknownNameError

Direction = Literal["maximize", "minimize"]
Values = TypeVar("Values", float, NDArray[np.float64])


@dataclass(frozen=True)
class Metric:
    """One measure of quality: a row of the table ``metrics``.

    ``low`` and ``high`` bound the raw values; an unbounded side is infinite.

    >>> METRICS["balanced_accuracy"].loss(0.75)
    0.25
    >>> METRICS["log_loss"].bounded
    False
    """

    name: str
    direction: Direction
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def scale_free(self) -> bool:
        """Whether losses on different tasks are on one scale, so that those of past tasks foretell a new one's."""
        return self.bounded or self.name in _SCALE_FREE

    @property
    def loss_in_words(self) -> str:
        """What a loss is.

        >>> METRICS["balanced_accuracy"].loss_in_words, METRICS["rmse"].loss_in_words
        ('1 - balanced_accuracy', 'rmse')
        """
        if self.direction == "minimize":
            return self.name
        return f"{self.high:g} - {self.name}" if math.isfinite(self.high) else f"-{self.name}"

    def loss(self, value: Values) -> Values:
        """Turn raw values into losses, which are minimised; a bounded metric's best value becomes 0."""
        if self.direction == "minimize":
            return value
        return self.high - value if math.isfinite(self.high) else -value

    def holds(self, value: Values) -> "bool | NDArray[np.bool_]":
        """Whether values are finite and within bounds, up to rounding."""
        slack = 1e-9
        return np.isfinite(value) & (value >= self.low - slack) & (value <= self.high + slack)  # type: ignore[no-any-return]


# In order of preference: where a knowledge base holds several equally often, the first is the default.
METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("balanced_accuracy", "maximize", 0.0, 1.0),
        Metric("accuracy", "maximize", 0.0, 1.0),
        Metric("roc_auc", "maximize", 0.0, 1.0),
        Metric("f1_weighted", "maximize", 0.0, 1.0),
        Metric("log_loss", "minimize", 0.0, math.inf),
        Metric("r2", "maximize", -math.inf, 1.0),
        Metric("rmse", "minimize", 0.0, math.inf),
        Metric("mae", "minimize", 0.0, math.inf),
        # What it takes, beside the seconds of the fit: those of predicting, and megabytes.
        Metric("predict_seconds", "minimize", 0.0, math.inf),
        Metric("peak_memory", "minimize", 0.0, math.inf),
    )
}

# Without bounds, but whatever the unit of the target.
_SCALE_FREE = frozenset({"log_loss", "r2"})
# Other people's names. Those in _COMPLEMENTS measure 1 - the metric.
_ALIASES = {
    "unweighted_recall": "balanced_accuracy",
    "predictive_accuracy": "accuracy",
    "area_under_roc_curve": "roc_auc",
    "f_measure": "f1_weighted",
    "root_mean_squared_error": "rmse",
    "mean_absolute_error": "mae",
}
_COMPLEMENTS = {"balanced_error": "balanced_accuracy", "error": "accuracy", "error_rate": "accuracy"}


def canonical(name: str) -> tuple[Metric, bool]:
    """Return the metric that a source's name stands for, and whether the source gives 1 - its value.

    Raises:
        UnknownNameError: for a name that maps to no metric.

    >>> canonical("balanced_error")
    (Metric(name='balanced_accuracy', direction='maximize', low=0.0, high=1.0), True)
    """
    if name in _COMPLEMENTS:
        return METRICS[_COMPLEMENTS[name]], True
    try:
        return METRICS[_ALIASES.get(name, name)], False
    except KeyError:
        raise UnknownNameError("metric", name, [*METRICS, *_ALIASES, *_COMPLEMENTS]) from None


def source_names(metric: str) -> tuple[str, ...]:
    """Return the names under which OpenML may hold ``metric``, the canonical one last.

    >>> source_names("accuracy")
    ('predictive_accuracy', 'accuracy')
    """
    return (*(alias for alias, name in _ALIASES.items() if name == metric), metric)
