"""What was already tried on a new task."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Trial

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Tried(NamedTuple):
    """What was already evaluated on the new task: indices of n configurations, in the order in which they came first.

    ``losses`` (n,) are the means at full fidelity, infinite where every trial failed and NaN where none is finished;
    ``seconds`` (n,) what trials took on average, NaN where unknown.
    """

    indices: Integers
    losses: Floats
    seconds: Floats | None = None

    @classmethod
    def of(cls, history: Sequence[Trial], position: Mapping[str, int]) -> "Tried":
        """Sum up the trials of the configurations that have a ``position``.

        >>> from metalearn.core.records import Configuration
        >>> a, b = Configuration("s", "a"), Configuration("s", "b")
        >>> trials = [Trial(b, loss=0.3, status="ok"), Trial(a, status="crashed"), Trial(b, loss=0.1, status="ok")]
        >>> Tried.of(trials, {a.id: 0, b.id: 1})
        Tried(indices=array([1, 0]), losses=array([0.2, inf]), seconds=array([nan, nan]))
        """
        losses: defaultdict[int, list[float]] = defaultdict(list)
        seconds: defaultdict[int, list[float]] = defaultdict(list)
        for trial in history:
            if trial.configuration.id in position:
                index = position[trial.configuration.id]
                known, times = losses[index], seconds[index]
                if trial.status not in ("pending", "pruned") and trial.fidelity >= 1:
                    known.append(np.inf if trial.loss is None else trial.loss)
                    times.append(np.nan if trial.cost_seconds is None or trial.loss is None else trial.cost_seconds)
        means = [float(np.mean([v for v in values if v < np.inf] or values or [np.nan])) for values in losses.values()]
        mean_seconds = [float(np.mean([v for v in values if v == v] or [np.nan])) for values in seconds.values()]
        return cls(np.array(list(losses), dtype=np.int64), np.array(means), np.array(mean_seconds))


NOTHING_TRIED = Tried(np.zeros(0, dtype=np.int64), np.zeros(0))
