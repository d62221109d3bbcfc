"""Recommenders for the tests of the bench: one that fails, one that counts, one that knows too little."""

from dataclasses import dataclass
from typing import ClassVar

from metalearn.core.records import Configuration, Recommendation

LEARNED: list[int] = []


@dataclass(frozen=True)
class Shortest:
    """Recommends the ``length`` first candidates by id, or, where it is told to, fails on a task or in learning."""

    stochastic: ClassVar[bool] = False
    length: int = 2
    fails_on: str = ""
    fails_to_learn: bool = False

    def meta_fit(self, meta_dataset, *, rng):
        if self.fails_to_learn:
            raise ZeroDivisionError("nothing to divide by")
        LEARNED.append(len(meta_dataset.tasks))
        return FittedShortest(self.length, self.fails_on)


@dataclass(frozen=True)
class FittedShortest:
    length: int
    fails_on: str

    def recommend(self, task, k, *, history=(), candidates=None, constraints=None):
        if task.id == self.fails_on:
            raise KeyError("where am I")
        tried = {t.configuration.id for t in history}
        chosen = sorted(candidates, key=lambda c: c.id)[: self.length]
        return tuple(Recommendation(c) for c in chosen if c.id not in tried)[:k]


@dataclass(frozen=True)
class Stranger:
    """Recommends what is no candidate."""

    stochastic: ClassVar[bool] = False

    def meta_fit(self, meta_dataset, *, rng):
        return self

    def recommend(self, task, k, *, history=(), candidates=None, constraints=None):
        return (Recommendation(Configuration("elsewhere", "unheard_of")),)
