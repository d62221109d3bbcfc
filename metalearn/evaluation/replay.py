"""Replay: a recommender chooses among the configurations evaluated on a task; what they gave is looked up."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import FittedRecommender
from metalearn.core.records import Configuration, Task, Trial
from metalearn.core.transforms import TIE_DIGITS, normalized_regret, reference_loss, smallest_loss

Protocol = Literal["zero_shot", "sequential"]


@dataclass(frozen=True, eq=False)
class Table:
    """What is known of one task: the candidates evaluated there, their losses and normalized regrets (C,).

    A failed candidate has the loss NaN and the regret 1. On a constant task no choice matters: the smallest loss is
    the one that counts as regret 1.
    """

    task: Task
    candidates: tuple[Configuration, ...]
    losses: NDArray[np.float64]
    regrets: NDArray[np.float64]
    is_constant: bool


def tables(meta_dataset: MetaDataset) -> list[Table]:
    """Return the table of each of the T tasks."""
    losses, failed = meta_dataset.performance_matrix(), meta_dataset.failure_matrix()
    bounded = meta_dataset.metric.bounded
    regrets = normalized_regret(losses, failed, bounded=bounded)
    rounded = np.round(losses, TIE_DIGITS)
    varied = reference_loss(rounded, bounded=bounded) > smallest_loss(rounded)
    known = ~np.isnan(regrets)
    return [
        Table(
            task,
            tuple(c for c, k in zip(meta_dataset.configurations, known[t], strict=True) if k),
            losses[t, known[t]],
            regrets[t, known[t]],
            is_constant=not varied[t],
        )
        for t, task in enumerate(meta_dataset.tasks)
    ]


def replay(fitted: FittedRecommender, table: Table, k: int, protocol: Protocol) -> NDArray[np.float64]:
    """Return the smallest normalized regret after 1, ..., k recommendations (k,).

    A list that ends early keeps its best.

    ``zero_shot`` asks once for k configurations; ``sequential`` asks for one at a time and tells its loss.
    """
    ask = _zero_shot if protocol == "zero_shot" else _sequential
    position = {c.id: i for i, c in enumerate(table.candidates)}
    chosen = [position[c.id] for c in ask(fitted, table, k)]
    regrets = np.ones(k)
    regrets[: len(chosen)] = table.regrets[chosen]
    return np.minimum.accumulate(regrets)


def _zero_shot(fitted: FittedRecommender, table: Table, k: int) -> list[Configuration]:
    return [r.configuration for r in fitted.recommend(table.task, k, candidates=table.candidates)]


def _sequential(fitted: FittedRecommender, table: Table, k: int) -> list[Configuration]:
    loss = {c.id: value for c, value in zip(table.candidates, table.losses.tolist(), strict=True)}
    history: list[Trial] = []
    while len(history) < k:
        answer = fitted.recommend(table.task, 1, history=history, candidates=table.candidates)
        if not answer:
            break
        configuration = answer[0].configuration
        value = loss[configuration.id]
        ok = bool(np.isfinite(value))
        history.append(Trial(configuration, loss=value if ok else None, status="ok" if ok else "crashed"))
    return [trial.configuration for trial in history]
