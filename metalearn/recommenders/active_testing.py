"""Active testing: the best so far is challenged by what beat it most clearly on the past tasks that behave alike.

Leite, Brazdil & Vanschoren, "Selecting classification algorithms with active testing", MLDM 2012. A tournament: the
incumbent holds until a challenger has a smaller loss on the new task. The relative landmark of a challenger on a past
task is by how much it is better there than the incumbent, 0 where it is not, here in normalized regret; the next
challenger is the one with the largest sum, weighted by how alike the tasks are. Tasks are alike that see the same
winners, so what is measured on the new task is all that the method knows of it: it needs no meta-features.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, NamedTuple, get_args

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Task
from metalearn.core.transforms import TIE_DIGITS
from metalearn.errors import InputError
from metalearn.recommenders.average_rank import average_rank
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Floats, Integers, Mask, Ordering
from metalearn.recommenders.tried import Tried

Variant = Literal["AT0", "AT1", "ATW"]


@dataclass(frozen=True)
class ActiveTesting:
    """Recommend the challenger with the largest relative landmark over the past tasks that are like the new one.

    ``variant`` says how alike a past task is, by the duels of challenger and incumbent so far:

    - ``AT0``: all tasks are, always 1;
    - ``AT1``: 1 where the last duel ended as on the new task, else 0;
    - ``ATW``: the squared share of the duels that ended as on the new task, counting one more that did.

    A past task that has not evaluated both says nothing about a duel. Without an incumbent the best average rank is
    next, as it is among equal landmarks. A trial that failed has lost its duel; one that is not finished, and those
    earlier in a list of k, count as lost until they are measured, so the list goes on with what is best where they
    do not help.

    ``ATW`` is the default: of the three it has the smallest normalized regret after 5, 10 and 20 evaluations on OBOE's
    313 datasets, and from 3 on it is ahead of ``AT0``, which asks nothing of the new task but its incumbent.

    Raises:
        InputError: when there is no such variant.

    >>> from metalearn.core.records import Configuration, Trial
    >>> a, b, c, d = (Configuration("s", name) for name in "abcd")
    >>> losses = [[0.3, 0.1, 0.9, 0.2], [0.3, 0.1, 0.9, 0.2], [0.2, 0.8, 0.1, 0.9]]
    >>> past = MetaDataset.from_matrix(losses, ["openml-1", "openml-2", "openml-3"], [a, b, c, d])
    >>> b_lost_to_a = [Trial(a, loss=0.4, status="ok"), Trial(b, loss=0.5, status="ok")]
    >>> for variant in ("AT0", "ATW"):
    ...     fitted = ActiveTesting(variant).meta_fit(past, rng=np.random.default_rng(0))
    ...     answer = fitted.recommend(Task("new", "new", "classification"), k=1, history=b_lost_to_a)
    ...     print(answer[0].configuration.algorithm)
    d
    c
    """

    stochastic: ClassVar[bool] = False
    variant: Variant = "ATW"

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise InputError(f"variant is one of {', '.join(get_args(Variant))}; got {self.variant!r}.")

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> "FittedActiveTesting":  # noqa: ARG002
        """Take in the past tasks; nothing is drawn from ``rng``."""
        return FittedActiveTesting(PastTasks(meta_dataset), self.variant)


@dataclass(frozen=True, eq=False)
class FittedActiveTesting(Ordering):
    """The tournament, played again from what was tried at each call."""

    variant: Variant

    @cached_property
    def average_rank(self) -> Floats:
        """The average ranks (C,), which choose the first and decide between equal landmarks."""
        return average_rank(self.past.ranks)

    def order(self, task: Task, eligible: Mask, tried: Tried, k: int) -> Integers:
        """Return the k next challengers, each chosen as if those before it had lost."""
        incumbent, duels = tournament(tried)
        if incumbent is not None:
            return self._challengers(incumbent, self._agreement(duels), eligible, k)
        if not k or not eligible.any():
            return np.zeros(0, dtype=np.int64)
        first = int(np.lexsort((self.average_rank, ~eligible))[0])
        others = eligible & (np.arange(len(eligible)) != first)
        begun = Tried(np.append(tried.indices, first), np.append(tried.losses, np.nan))
        return np.append(first, self.order(task, others, begun, k - 1))

    def weights(self, task: Task, tried: Tried) -> tuple[Floats, Floats]:
        """Return weights (T,) of the past tasks by their similarity, summing to 1, and NaN for distances (T,)."""
        like = similarity(self._agreement(tournament(tried)[1]), self.variant)
        uniform, distances = super().weights(task, tried)
        return (like / like.sum() if like.any() else uniform), distances

    def _challengers(self, incumbent: int, agreement: Floats, eligible: Mask, k: int) -> Integers:
        """Return the k that challenge the incumbent one after the other, while it holds."""
        landmarks = np.fmax(self.past.regrets[:, [incumbent]] - self.past.regrets, 0.0)  # 0 where one is NaN
        remaining = eligible.copy()
        chosen: list[int] = []
        for _ in range(min(k, int(eligible.sum()))):
            gains = np.round(similarity(agreement, self.variant) @ landmarks, TIE_DIGITS)
            challenger = int(np.lexsort((self.average_rank, -gains, ~remaining))[0])
            remaining[challenger] = False
            chosen.append(challenger)
            lost = Duels(np.array([challenger]), np.array([incumbent]), np.array([False]))
            agreement = np.append(agreement, self._agreement(lost), axis=1)
        return np.array(chosen, dtype=np.int64)

    def _agreement(self, duels: "Duels") -> Floats:
        """Return (T, n): 1 where a duel ended on the past task as on the new one, else 0, NaN where unknown."""
        challenging, holding = self.past.ranks[:, duels.challengers], self.past.ranks[:, duels.incumbents]
        return np.where(np.isnan(challenging + holding), np.nan, (challenging < holding) == duels.won)


class Duels(NamedTuple):
    """n duels on the new task: indices of challengers (n,) and incumbents (n,), and whether the challenger won (n,)."""

    challengers: Integers
    incumbents: Integers
    won: Mask


def tournament(tried: Tried) -> tuple[int | None, Duels]:
    """Return the incumbent, None where there is none, and the n duels that made it.

    The first that gave a loss starts as the incumbent, or else the first that may still give one. All others challenge
    in turn, those that are not finished at the end. Losses that are equal to 10 digits are no win.

    >>> tournament(Tried(np.array([4, 7, 5, 6]), np.array([np.inf, np.nan, 0.3, 0.2])))
    (6, Duels(challengers=array([4, 6, 7]), incumbents=array([5, 5, 6]), won=array([False,  True, False])))
    """
    unfinished = np.isnan(tried.losses)
    standing = np.flatnonzero(tried.losses < np.inf) if np.isfinite(tried.losses).any() else np.flatnonzero(unfinished)
    if not len(standing):
        return None, Duels(tried.indices[:0], tried.indices[:0], unfinished[:0])
    turn = np.lexsort((unfinished, np.arange(len(unfinished)) != standing[0]))
    losses = np.where(unfinished, np.inf, np.round(tried.losses, TIE_DIGITS))[turn]
    players = tried.indices[turn]
    won = losses[1:] < np.minimum.accumulate(losses)[:-1]
    holder = np.maximum.accumulate(np.append(0, np.where(won, np.arange(1, len(losses)), 0)))
    return int(players[holder[-1]]), Duels(players[1:], players[holder[:-1]], won)


def similarity(agreement: Floats, variant: Variant) -> Floats:
    """Return how alike past tasks are (T,), in [0, 1], from the agreement of n duels (T, n), NaN where unknown.

    >>> agreement = np.array([[1.0, 0.0], [1.0, np.nan], [np.nan, np.nan]])
    >>> similarity(agreement, "AT1"), similarity(agreement, "ATW").round(2)
    (array([0., 1., 1.]), array([0.44, 1.  , 1.  ]))
    """
    if variant == "AT0":
        return np.ones(len(agreement))
    known = ~np.isnan(agreement)
    if variant == "ATW":
        return np.asarray(np.square((1 + np.nansum(agreement, axis=1)) / (1 + known.sum(axis=1))))
    # Before the first duel that a task knows, it is taken to be alike.
    verdicts = np.column_stack([np.ones(len(agreement)), agreement])
    last = np.where(known, np.arange(1, verdicts.shape[1]), 0).max(axis=1, initial=0)
    return np.asarray(verdicts[np.arange(len(verdicts)), last])
