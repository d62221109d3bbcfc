"""What a recommendation gives: an ordered list of configurations, why these, and how it is shown."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

from metalearn.core.metrics import METRICS, Metric
from metalearn.core.records import Evidence, Recommendation, Task

if TYPE_CHECKING:
    import pandas as pd

# So many of a list are shown where nobody asks for more.
_N_SHOWN = 10
_COLUMNS = (
    "rank",
    "algorithm",
    "hyperparameters",
    "predicted_loss",
    "std",
    "predicted_seconds",
    "id",
    "space",
    "evidence",
)
_SHOWN = {"algorithm": "algorithm", "predicted_loss": "loss", "predicted_seconds": "seconds"}


@dataclass(frozen=True, eq=False, repr=False)
class Recommendations:
    """Configurations to try, the first one first; which recommender chose them, and why that one.

    ``drivers`` are the meta-features that told most which past tasks the new one is like, with their shares, the
    largest first. ``novelty`` is the share of past tasks that are nearer to each other than the new one is to them,
    None where that is not known. ``seconds`` are those of each stage: describe, load, fit, recommend. ``metric`` is
    what losses are losses of, and ``names`` are those of the datasets of the past tasks in evidence, by task id.
    """

    task: Task
    recommender: str
    reason: str
    items: tuple[Recommendation, ...]
    drivers: tuple[tuple[str, float], ...] = ()
    novelty: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    metric: Metric = METRICS["balanced_accuracy"]
    names: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Recommendation:
        return self.items[index]

    def __repr__(self) -> str:
        shown = self.to_frame()[[*_SHOWN]].rename(columns=_SHOWN).head(_N_SHOWN)
        table = shown.to_string(index_names=False, float_format="{:.3g}".format, na_rep="-")
        more = [f"... and {len(self) - len(shown)} more"] if len(self) > len(shown) else []
        return "\n".join([self.title, self.question, *([table] if len(self) else []), *more])

    def _repr_html_(self) -> str:
        frame = self.to_frame()[["algorithm", "hyperparameters", "predicted_loss", "std", "predicted_seconds"]]
        return f"<p>{escape(self.title)}<br>{escape(self.question)}</p>{frame.to_html(na_rep='-')}"

    @property
    def title(self) -> str:
        """Which recommender answered, and why that one."""
        return f"{self.recommender}: {self.reason}"

    @property
    def question(self) -> str:
        """What was asked for, in words: the type of the task, the metric, and what a loss is under it."""
        return f"{self.task.type} by {self.metric.name}; loss = {self.metric.loss_in_words}"

    def to_frame(self) -> "pd.DataFrame":
        """Return a row for each configuration, by its ``rank`` from 1.

        Columns: ``algorithm``, ``hyperparameters`` (a dict), ``predicted_loss`` with its ``std``,
        ``predicted_seconds`` of one fit, and the ``id``, ``space`` and ``evidence`` of ``asdict``.
        """
        import pandas as pd

        listed = [self._plain(rank, item) for rank, item in enumerate(self.items, start=1)]
        return pd.DataFrame(listed, columns=_COLUMNS).set_index("rank")

    def asdict(self, *, explain: bool = False) -> dict[str, Any]:
        """Return plain data, as ``metalearn recommend --json`` prints it; with ``explain`` what explains it too."""
        values = self.task.meta_features
        drivers = [{"name": name, "value": values[name], "share": share} for name, share in self.drivers]
        explained = {"drivers": drivers, "novelty": self.novelty, "seconds": dict(self.seconds)}
        return {
            "task": {"id": self.task.id, "dataset_id": self.task.dataset_id, "type": self.task.type},
            "task_type": self.task.type,
            "metric": self.metric.name,
            "recommender": self.recommender,
            "reason": self.reason,
            **(explained if explain else {}),
            "recommendations": [self._plain(rank, item) for rank, item in enumerate(self.items, start=1)],
        }

    def _plain(self, rank: int, item: Recommendation) -> dict[str, Any]:
        return {
            "rank": rank,
            "id": item.configuration.id,
            "space": item.configuration.space,
            "algorithm": item.configuration.algorithm,
            "hyperparameters": dict(item.configuration.hyperparameters),
            "predicted_loss": item.loss,
            "std": item.std,
            "predicted_seconds": item.cost_seconds,
            "evidence": [self._plain_evidence(evidence) for evidence in item.evidence],
        }

    def _plain_evidence(self, evidence: Evidence) -> dict[str, Any]:
        return asdict(evidence) | {"task_name": self.names.get(evidence.task_id or "")}
