"""What an optimization gives: the trials, the best pipeline, and how they are shown."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

from metalearn.core.metrics import Metric
from metalearn.core.records import Dataset, Trial
from metalearn.core.rows import first_line
from metalearn.core.spaces import SearchSpace
from metalearn.optimizers.result import Result
from metalearn.recommendations import Recommendations

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# So many trials are shown where nobody asks for more.
_N_SHOWN = 10
_SHOWN = {"algorithm": "algorithm", "loss": "loss", "cost_seconds": "seconds", "status": "status"}


@dataclass(frozen=True, eq=False, repr=False)
class Optimization:
    """What was found for a dataset, and how.

    ``warm_starts`` are what was recommended, and put in front of the queue, or what the journal began with; None in a
    cold start. ``estimator`` is the best pipeline, fitted to all rows; None where no trial ended well. ``notes`` say
    what was left out, and why. ``seconds`` are those of each stage: describe, load, fit, recommend, prepare, search,
    refit. The first ``n_from_journal`` trials are those of the journal that it went on from.
    """

    dataset: Dataset
    space: SearchSpace
    metric: Metric
    optimizer: str
    warm_starts: Recommendations | None
    result: Result
    estimator: "Pipeline | None" = None
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    n_from_journal: int = 0

    def __repr__(self) -> str:
        trials = self.result.to_frame()[[*_SHOWN]].rename(columns=_SHOWN)
        shown = trials.sort_values("loss", kind="stable").head(_N_SHOWN)
        table = shown.to_string(index=False, float_format="{:.3g}".format, na_rep="-")
        more = [f"... and {len(trials) - len(shown)} more"] if len(trials) > len(shown) else []
        return "\n".join([self.title, *self.said, *([table] if len(trials) else []), *more])

    def _repr_html_(self) -> str:
        said = "<br>".join(escape(line) for line in (self.title, *self.said))
        trials = self.result.to_frame()[[*_SHOWN]].sort_values("loss", kind="stable")
        return f"<p>{said}</p>{trials.to_html(index=False, na_rep='-')}"

    @property
    def title(self) -> str:
        """Which optimizer did how much, and what came of it."""
        counts = ", ".join(f"{n} {status}" for status, n in self.statuses.items())
        tried = f"{self.optimizer}: {len(self.result.trials)} trials ({counts or 'none'}) on {self.dataset.name}"
        if self.best is None or self.best.loss is None:
            return f"{tried}, none of which ended well"
        best = f"{self.best.configuration.algorithm}, {self.metric.name} {self.value(self.best.loss):.4f}"
        return f"{tried}; best: {best}"

    @property
    def said(self) -> tuple[str, ...]:
        """What was mended in the dataset, and the notes."""
        return (*self.dataset.notes, *self.notes)

    @property
    def best(self) -> Trial | None:
        """The best trial, at the largest fidelity that one ended well at."""
        return self.result.best

    @cached_property
    def statuses(self) -> dict[str, int]:
        """How many trials ended with each status, the most frequent one first."""
        return dict(Counter(trial.status for trial in self.result.trials).most_common())

    @property
    def failures(self) -> tuple[str, ...]:
        """The first message of each status of failed trials."""
        said: dict[str, str] = {}
        for finished in self.result.finished:
            if finished.trial.loss is None:
                message = f"{finished.trial.configuration.algorithm}: {first_line(finished.message)}"
                said.setdefault(finished.trial.status, message)
        return tuple(f"the first {status} was {message}" for status, message in said.items())

    def value(self, loss: float) -> float:
        """Return the metric's value that a loss stands for."""
        return self.metric.loss(loss)  # what turns values into losses turns them back

    def loss_of(self, configuration_id: str) -> float | None:
        """Return the loss of a configuration at its largest fidelity, None where it failed or was not tried."""
        tried = [trial for trial in self.result.trials if trial.configuration.id == configuration_id]
        return max(tried, key=lambda trial: trial.fidelity).loss if tried else None

    def asdict(self) -> dict[str, Any]:
        """Return plain data, as ``metalearn optimize --json`` prints it."""
        return {
            "task": {"dataset_id": self.dataset.id, "name": self.dataset.name, "type": self.dataset.task_type},
            "metric": self.metric.name,
            "optimizer": self.optimizer,
            "best": None if self.best is None else self._best(self.best),
            "statuses": self.statuses,
            "stopped": self.result.stopped,
            "incumbents": [
                {"trials": best.n_trials, "seconds": best.elapsed_seconds, "loss": best.trial.loss}
                for best in self.result.incumbents
            ],
            "recommender": None if self.warm_starts is None else self.warm_starts.recommender,
            "reason": None if self.warm_starts is None else self.warm_starts.reason,
            "warm_starts": self._warm_starts(),
            "notes": list(self.said),
            "seconds": dict(self.seconds),
        }

    def _best(self, best: Trial) -> dict[str, Any]:
        configuration, loss = best.configuration, best.loss
        return {
            "id": configuration.id,
            "space": configuration.space,
            "algorithm": configuration.algorithm,
            "hyperparameters": dict(configuration.hyperparameters),
            "loss": loss,
            self.metric.name: None if loss is None else self.value(loss),
            "fidelity": best.fidelity,
        }

    def _warm_starts(self) -> list[dict[str, Any]]:
        if self.warm_starts is None:
            return []
        return [item | {"loss": self.loss_of(item["id"])} for item in self.warm_starts.asdict()["recommendations"]]
