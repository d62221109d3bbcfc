"""Recommenders by name and options, and the choice between options by nested cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import FittedRecommender, Recommender
from metalearn.core.registry import variants
from metalearn.core.transforms import TIE_DIGITS
from metalearn.evaluation.answers import collect, jobs
from metalearn.evaluation.curves import Worth, score
from metalearn.evaluation.replay import Protocol, varied
from metalearn.evaluation.splits import folds


@dataclass(frozen=True)
class Tuned:
    """The candidate with the smallest area over log k of normalized regret, in folds of families of the past tasks.

    The choice is part of ``meta_fit``, so that a bench that leaves tasks out makes it anew without them: nested
    cross-validation (Cawley & Talbot, "On over-fitting in model selection", JMLR 2010). With fewer than two families
    it is the first candidate.

    >>> from metalearn.checks import planted_meta_dataset
    >>> from metalearn.core.registry import create
    >>> tuned = Tuned((create("recommender", "average_rank"), create("recommender", "knn")), ks=(1,))
    >>> type(tuned.meta_fit(planted_meta_dataset(), rng=np.random.default_rng(0))).__name__
    'FittedNearestTasks'
    """

    stochastic: ClassVar[bool] = False
    candidates: tuple[Recommender, ...]
    ks: tuple[int, ...] = (1, 2, 3, 5, 10, 20)
    protocol: Protocol = "zero_shot"
    n_folds: int = 5

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> FittedRecommender:
        """Choose a candidate, and fit it to all past tasks; nothing but the candidates draws from ``rng``."""
        return self.choose(meta_dataset, rng=rng).meta_fit(meta_dataset, rng=rng)

    def choose(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> Recommender:
        """Return the candidate chosen on these past tasks; the first of those that are as good."""
        tested = varied(meta_dataset)
        n_folds = min(self.n_folds, len({t.family for t in meta_dataset.tasks}))
        if n_folds < 2 or not tested.any() or len(self.candidates) == 1:
            return self.candidates[0]
        seed = int(rng.integers(2**31)) if self.stochastic else 0
        inner = folds(meta_dataset, "family", n_folds)
        named = {str(i): candidate for i, candidate in enumerate(self.candidates)}
        work = jobs(named, meta_dataset, inner, protocol=self.protocol, k=max(self.ks), seed=seed)
        worth = Worth.of(meta_dataset)
        scores = (score(worth, chosen, self.ks, tested) for chosen in collect(work).values())
        areas = [float(np.nanmean(found["area_over_log_k"][:, -1])) for found in scores]
        return self.candidates[int(np.argmin(np.round(areas, TIE_DIGITS)))]


class StochasticTuned(Tuned):
    """The same, where a candidate draws: a bench runs it with several seeds."""

    stochastic: ClassVar[bool] = True


def recommender_from_text(text: str, *, ks: Sequence[int], protocol: Protocol) -> Recommender:
    """Return the recommender that a text names, with its options; several values of an option are tuned between.

    Raises:
        UnknownNameError: when there is no such recommender or option; suggests the nearest.
        InputError: when the text is malformed, or the recommender refuses a value.

    >>> recommender_from_text("knn:n_neighbors=3", ks=(1,), protocol="zero_shot")
    NearestTasks(n_neighbors=3)
    >>> recommender_from_text("knn:n_neighbors=3/10", ks=(1,), protocol="zero_shot").candidates
    (NearestTasks(n_neighbors=3), NearestTasks(n_neighbors=10))
    """
    made = variants("recommender", text)
    kind = StochasticTuned if any(candidate.stochastic for candidate in made) else Tuned
    return made[0] if len(made) == 1 else kind(tuple(made), tuple(ks), protocol)
