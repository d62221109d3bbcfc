"""What makes the default recommender good: experience and each of its parts; and what misleading experience costs.

    python -m benchmarks.recommend_experience [--quick] [--out FILE] [--workers 2]

On OBOE's 238 datasets with meta-features, in ten folds of families, sequential, one seed. First with 10, 30, 100 and
300 past tasks (drawn at random, at most as many as there are) of a fold's; then with one part changed at a time; then
after losses of past tasks were shuffled, over tasks or over configurations, so that they mislead, against random
search.
Mean normalized regret in % with 95 % bootstrap intervals over families, and its area over log k. Development figures:
the constants were chosen on these datasets.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from benchmarks.common import arguments, keep
from benchmarks.recommend import every, load
from benchmarks.recommend_matrices import regret_table
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.parallel import executor
from metalearn.core.protocols import FittedRecommender, Recommender
from metalearn.evaluation.benchmark import Settings, run_bench
from metalearn.recommenders.auto import Auto
from metalearn.recommenders.average_rank import AverageRank
from metalearn.recommenders.gaussian import GaussianPrior
from metalearn.recommenders.portfolio import GreedyPortfolio
from metalearn.recommenders.random import RandomSearch
from metalearn.recommenders.task_mixture import TaskMixture

SETTINGS = Settings(protocol="sequential", n_folds=10)


@dataclass(frozen=True)
class OfSome:
    """A recommender that learns from ``n`` random past tasks only."""

    stochastic: ClassVar[bool] = False
    recommender: Recommender
    n: int

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> FittedRecommender:
        """Draw the tasks, and fit the recommender to them."""
        drawn = rng.permutation(len(meta_dataset.tasks)) < self.n
        return self.recommender.meta_fit(meta_dataset.select(drawn), rng=rng)


@dataclass(frozen=True)
class OfShuffled:
    """A recommender that learns from losses shuffled ``over`` tasks, or over each task's configurations."""

    stochastic: ClassVar[bool] = False
    recommender: Recommender
    over: Literal["tasks", "configurations"]

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> FittedRecommender:
        """Shuffle, and fit the recommender to it."""
        losses = rng.permuted(meta_dataset.performance_matrix(), axis=0 if self.over == "tasks" else 1)
        shuffled = MetaDataset.from_matrix(
            losses, meta_dataset.tasks, meta_dataset.configurations, feature_names=meta_dataset.feature_names
        )
        return self.recommender.meta_fit(shuffled, rng=rng)


@dataclass(frozen=True)
class Once:
    """A stochastic recommender with one seed."""

    stochastic: ClassVar[bool] = False
    recommender: Recommender

    def meta_fit(self, meta_dataset: MetaDataset, *, rng: np.random.Generator) -> FittedRecommender:
        """Fit the recommender."""
        return self.recommender.meta_fit(meta_dataset, rng=rng)


def variants() -> dict[str, Mapping[str, Recommender]]:
    """Return the recommenders of each section, by what is told of them."""
    mixture, gaussian = TaskMixture(), GaussianPrior()
    parts: dict[str, Recommender] = {
        "task_mixture": mixture,
        "no meta-features: equal prior weights": replace(mixture, uniform_share=1.0),
        "no equal share of the prior weights": replace(mixture, uniform_share=0.0),
        "20 trees instead of 200": replace(mixture, n_trees=20),
        "deviations half as large": replace(mixture, spread=0.2),
        "deviations twice as large": replace(mixture, spread=0.8),
        "no shrinkage": replace(mixture, shrinkage=0.0),
        "independent deviations": replace(mixture, shrinkage=1.0),
        "likelihood not tempered": replace(mixture, temper=1.0),
        "no latent Gaussian": replace(mixture, half_say=1e9),
        "gaussian: one normal, log losses": gaussian,
        "gaussian, losses as they are": replace(gaussian, transform="none"),
        "gaussian, no shrinkage": replace(gaussian, shrinkage=0.0),
        "portfolio: no feedback": GreedyPortfolio(),
        "average_rank": AverageRank(),
    }
    return {
        "Experience: auto learns from so many tasks": {str(n): OfSome(Auto(), n) for n in (10, 30, 100, 300)},
        "Parts": {name: Once(recommender) for name, recommender in parts.items()},
        "Safety": {
            "random search": RandomSearch(),
            "auto": Once(Auto()),
            "auto, losses shuffled over tasks": OfShuffled(Auto(), "tasks"),
            "auto, losses shuffled over configurations": OfShuffled(Auto(), "configurations"),
            "gaussian, losses shuffled over configurations": OfShuffled(GaussianPrior(), "configurations"),
        },
    }


def main() -> None:
    """Run all sections and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()
    past = load(options.shared)
    past = past.select(past.described & every(12 if options.quick else 1, past))
    sections = []
    settings = replace(SETTINGS, n_folds=2) if options.quick else SETTINGS
    with executor(options.workers, processes=True) as (jobs, n_workers):
        for title, recommenders in variants().items():
            results = run_bench(past, recommenders, settings, executor=jobs, n_workers=n_workers)
            sections.append(f"## {title}\n\n{regret_table(results)}")
            print(sections[-1], flush=True)
    keep(options, "\n\n".join(sections))


if __name__ == "__main__":
    main()
