"""Replay: a recommender chooses among the configurations evaluated on a task; what they gave is looked up."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import FittedRecommender
from metalearn.core.records import Configuration, Task, Trial
from metalearn.core.transforms import TIE_DIGITS, normalized_regret, reference_loss, smallest_loss
from metalearn.errors import InputError

Protocol = Literal["zero_shot", "sequential"]


@dataclass(frozen=True, eq=False)
class Table:
    """What is known of one task: the candidates evaluated there, their losses and normalized regrets (C,).

    ``columns`` (C,) tells where the candidates stand among the meta-dataset's configurations. A failed candidate has
    the loss NaN and the regret 1. On a constant task no choice matters: the smallest loss is the one that counts as
    regret 1.
    """

    task: Task
    candidates: tuple[Configuration, ...]
    columns: NDArray[np.int64]
    losses: NDArray[np.float64]
    regrets: NDArray[np.float64]
    is_constant: bool


def tables(meta_dataset: MetaDataset) -> list[Table]:
    """Return the table of each of the T tasks."""
    losses, failed = meta_dataset.performance_matrix(), meta_dataset.failure_matrix()
    regrets = normalized_regret(losses, failed, bounded=meta_dataset.metric.bounded)
    known, is_varied = ~np.isnan(regrets), varied(meta_dataset)
    return [
        Table(
            task,
            tuple(c for c, k in zip(meta_dataset.configurations, known[t], strict=True) if k),
            np.flatnonzero(known[t]),
            losses[t, known[t]],
            regrets[t, known[t]],
            is_constant=not is_varied[t],
        )
        for t, task in enumerate(meta_dataset.tasks)
    ]


def varied(meta_dataset: MetaDataset) -> NDArray[np.bool_]:
    """Return on which of the T tasks a choice matters: the smallest loss is not the one that counts as regret 1."""
    losses = np.round(meta_dataset.performance_matrix(), TIE_DIGITS)
    return np.asarray(reference_loss(losses, bounded=meta_dataset.metric.bounded) > smallest_loss(losses))


def choices(fitted: FittedRecommender, table: Table, k: int, protocol: Protocol) -> NDArray[np.int64]:
    """Return which of the table's candidates are recommended, in their order: indices (at most k,).

    ``zero_shot`` asks once for k configurations; ``sequential`` asks for one at a time and tells its loss.

    Raises:
        InputError: when something is recommended that is no candidate.
    """
    ask = _zero_shot if protocol == "zero_shot" else _sequential
    position = {c.id: i for i, c in enumerate(table.candidates)}
    answer = ask(fitted, table, k)
    if foreign := [c for c in answer if c.id not in position]:
        raise InputError(f"it recommended {foreign[0]}, which is no candidate there.")
    return np.array([position[c.id] for c in answer], dtype=np.int64)


def replay(fitted: FittedRecommender, table: Table, k: int, protocol: Protocol) -> NDArray[np.float64]:
    """Return the smallest normalized regret after 1, ..., k recommendations (k,).

    A list that ends early keeps its best.
    """
    chosen = choices(fitted, table, k, protocol)
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
        history.append(Trial(configuration).ended(loss.get(configuration.id, np.nan)))
    return [trial.configuration for trial in history]
