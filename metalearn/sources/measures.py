"""What a source's numbers mean in terms of a metric: itself, 1 - it, its negative, its loss."""

from dataclasses import dataclass
from typing import Self

from metalearn.core.metrics import Metric, Values, canonical

# What optimizers are given instead of a metric: 1 - it, or its negative, as scikit-learn names its scorers.
_TURNED = {"1-": 1.0, "neg_": 0.0, "-": 0.0}


@dataclass(frozen=True)
class Measure:
    """What numbers mean: a metric's value is ``offset + sign * number``.

    >>> import numpy as np
    >>> Measure.of("1-roc_auc").values(np.array([0.25]))
    array([0.75])
    """

    metric: Metric
    offset: float = 0.0
    sign: int = 1

    @classmethod
    def of(cls, name: str) -> Self:
        """Return what numbers called by a metric's name, ``1-<name>`` or ``neg_<name>`` mean.

        Raises:
            UnknownNameError: for a metric that metalearn does not know.
        """
        for prefix, offset in _TURNED.items():
            if name.startswith(prefix):
                inner = cls.of(name.removeprefix(prefix))
                return cls(inner.metric, inner.offset + inner.sign * offset, -inner.sign)
        metric, complement = canonical(name)
        return cls(metric, 1.0, -1) if complement else cls(metric)

    @classmethod
    def turned(cls, metric: Metric) -> Self:
        """Return what numbers mean that go the other way than the metric: its loss, or a loss negated.

        >>> from metalearn.core.metrics import METRICS
        >>> Measure.turned(METRICS["accuracy"]).values(0.25), Measure.turned(METRICS["rmse"]).values(-2.0)
        (0.75, 2.0)
        """
        return cls(metric, metric.loss(0.0), -1)

    @property
    def minimized(self) -> bool:
        """Whether the smaller of the numbers is the better one."""
        return (self.metric.direction == "minimize") == (self.sign > 0)

    def values(self, numbers: Values) -> Values:
        """Return the raw metric of a number or of numbers (n,)."""
        return self.offset + self.sign * numbers
