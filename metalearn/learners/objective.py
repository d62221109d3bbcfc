"""The objective of combined algorithm selection and hyperparameter optimization on a dataset (CASH).

Thornton, Hutter, Hoos & Leyton-Brown, "Auto-WEKA", KDD 2013: the loss of a configuration is its mean over the folds of
a cross-validation, the same folds for all configurations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from time import perf_counter
from typing import Literal

import numpy as np

from metalearn.core.execution import Outcome, run_limited
from metalearn.core.metrics import METRICS, Metric, canonical
from metalearn.core.records import Dataset, Trial
from metalearn.errors import InputError
from metalearn.learners.evaluate import Fits, FoldResult, finished
from metalearn.learners.rows import SCORES
from metalearn.learners.splits import N_FOLDS, Integers

# What a trial may take where nobody says: a dozen times what a fit is given when the bundled evaluations are made.
SECONDS = 360.0


@dataclass(frozen=True, eq=False)
class CashObjective:
    """Cross-validates a trial's configuration: the mean loss over all folds, or how it failed.

    ``splits`` are those of ``validation_splits`` or ``outer_splits`` (of which the parts ``TEST`` are never touched).
    ``fidelity_of`` says what a trial's fidelity is a fraction of: ``rows`` to train on, or each ``learner``'s own
    resource (its trees or epochs where it has such, rows otherwise). Each fit runs in a child process on one core;
    ``seconds`` of wall time are for all fits of a trial, ``memory_bytes`` bounds the address space of each.
    The first fit that fails ends the trial: with its status and message, and which fold it was. The seeds of models
    are those of the splits; a trial's own plays no part.

    Raises:
        InputError: for a metric that does not measure this kind of task, splits of another dataset, or no seconds.

    >>> import pandas as pd
    >>> from metalearn.core.records import Configuration
    >>> from metalearn.learners.splits import validation_splits
    >>> X, y = pd.DataFrame({"x": range(30)}), pd.Series(["low", "high"], dtype="category").repeat(15)
    >>> dataset = Dataset(X, y.reset_index(drop=True), "halves", ("numeric",), fingerprint="")
    >>> objective = CashObjective(dataset, validation_splits(dataset))
    >>> objective(Trial(Configuration("sklearn", "decision_tree"))).value < 0.2
    True
    >>> objective(Trial(Configuration("sklearn", "lda", {"solver": "none"}))).status
    'crashed'
    """

    dataset: Dataset
    splits: Mapping[int, Integers]
    metric: str | None = None
    fidelity_of: Literal["rows", "learner"] = "rows"
    seconds: float = SECONDS
    memory_bytes: int | None = None

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise InputError(f"A trial needs more than 0 seconds; got {self.seconds:g}.")
        self.measure, self.fits  # noqa: B018  refused here, not in the first trial

    @cached_property
    def measure(self) -> Metric:
        """What is to be good at: of ``metric``, by default balanced accuracy or R2."""
        return measure(self.dataset, self.metric)

    @cached_property
    def fits(self) -> Fits:
        """The fits that trials are made of."""
        return Fits(self.dataset, self.splits, self.memory_bytes)

    def __call__(self, trial: Trial) -> Outcome:
        """Evaluate a trial; the value is the mean loss."""
        if limit := self.fits.exceeded_limit(trial.configuration):
            return Outcome(status="invalid", message=limit)
        losses, end = [], perf_counter() + self.seconds
        for seed in self.splits:
            for fold in range(N_FOLDS):
                left = end - perf_counter()
                if left <= 0:
                    return self._late()
                result = self._fitted(trial, seed, fold, left)
                if result.status == "timeout":
                    return self._late()
                if result.status != "ok":
                    return Outcome(status=result.status, message=f"{result.message} (split {seed}, fold {fold})")
                losses.append(self.measure.loss(result.scores[self.measure.name]))
        mean = float(np.mean(losses))
        if not np.isfinite(mean):
            return Outcome(status="crashed", message=f"{self.measure.name} is not defined on every fold")
        return Outcome(mean)

    def _fitted(self, trial: Trial, seed: int, fold: int, seconds: float) -> FoldResult:
        resource: Literal["rows"] | None = "rows" if self.fidelity_of == "rows" else None
        fit = self.fits.plan(trial.configuration, seed, fold, trial.fidelity, resource=resource)
        return finished(fit.planned, self.fits.outcome(trial.configuration, fit, seconds), seconds)

    def _late(self) -> Outcome:
        return Outcome(status="timeout", message=f"stopped after {self.seconds:g} s")


def measure(dataset: Dataset, name: str | None = None) -> Metric:
    """Return the metric of a name, or the first of those that measure this kind of task.

    Raises:
        InputError: when it does not measure this kind of task.
        UnknownNameError: when there is no such metric.
    """
    known = SCORES[dataset.task_type]
    found = METRICS[known[0]] if name is None else canonical(name)[0]
    if found.name not in known:
        raise InputError(f"{found.name} does not measure {dataset.task_type} here; choose from {', '.join(known)}.")
    return found


def base_memory() -> int:
    """Return the address space, in bytes, that a child process needs before it fits anything.

    What a limit leaves to a fit is what exceeds this. The first call starts the server that children are forked from,
    which takes seconds.

    Raises:
        InputError: where the system does not tell (it takes Linux).

    >>> 2**20 < base_memory() < 2**40
    True
    """
    from metalearn.learners.folds import address_space

    outcome = run_limited(address_space, seconds=SECONDS)
    if outcome.status != "ok":
        raise InputError(f"The memory of processes cannot be told here ({outcome.message}); set no limit on it.")
    return int(outcome.value)
