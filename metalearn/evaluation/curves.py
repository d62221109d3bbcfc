"""Score curves: what the chosen configurations were worth after k recommendations, task by task."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.transforms import TIE_DIGITS, normalized_regret, ranks, reference_loss, smallest_loss
from metalearn.evaluation.scores import (
    Floats,
    Integers,
    area_over_log_k,
    best_so_far,
    known_seconds,
    ndcg,
    regret_time_area,
    solved,
)

# In the order in which they are shown; of ``ndcg`` and ``solved`` more is better, of the others less.
SCORES = (
    "normalized_regret",
    "area_over_log_k",
    "regret_against_median",
    "rank",
    "ndcg",
    "solved",
    "regret_time_area",
)


@dataclass(frozen=True, eq=False)
class Worth:
    """What each of C configurations is worth on each of T tasks: arrays (T, C), NaN where not evaluated.

    ``regrets`` are normalized regrets, ``median_regrets`` the same with the median loss as the reference (NaN on tasks
    whose median is the best), ``ranks`` average ranks from 1 on, ``seconds`` costs, where known.
    """

    regrets: Floats
    median_regrets: Floats
    ranks: Floats
    seconds: Floats

    @classmethod
    def of(cls, meta_dataset: MetaDataset) -> "Worth":
        """Take it from the evaluations at full fidelity.

        >>> from metalearn.core.records import Configuration
        >>> pool = [Configuration("s", name) for name in "abc"]
        >>> worth = Worth.of(MetaDataset.from_matrix([[0.1, 0.2, 0.5]], ["openml-1"], pool))
        >>> worth.regrets, worth.median_regrets
        (array([[0.25, 0.  , 1.  ]]), array([[1., 0., 1.]]))
        """
        losses, failed = meta_dataset.performance_matrix(), meta_dataset.failure_matrix()
        rounded = np.round(losses, TIE_DIGITS)
        varied = reference_loss(rounded, bounded=False) > smallest_loss(rounded)
        placed = ranks(losses, failed)
        return cls(
            normalized_regret(losses, failed, bounded=meta_dataset.metric.bounded),
            np.where(varied[:, None], normalized_regret(losses, failed, bounded=False), np.nan),
            placed * np.isfinite(placed).sum(axis=1, keepdims=True) + 0.5,
            known_seconds(meta_dataset.cost_matrix(), failed),
        )


def score(worth: Worth, chosen: Integers, ks: tuple[int, ...], tested: NDArray[np.bool_]) -> dict[str, Floats]:
    """Return each of ``SCORES`` after the ks (T, n), the mean over the S seeds of chosen (S, T, K).

    The relevance in ``ndcg`` is 1 - the normalized regret. NaN on tasks that were not tested (T,), and where a score
    is not defined. A k beyond K is the same as K.
    """
    regrets = best_so_far(worth.regrets, chosen)
    defined = np.where(np.isnan(worth.median_regrets).all(axis=1), np.nan, 1.0)
    curves = {
        "normalized_regret": regrets,
        "regret_against_median": best_so_far(worth.median_regrets, chosen, defined),
        "rank": best_so_far(worth.ranks, chosen, np.isfinite(worth.ranks).sum(axis=1)),
        "ndcg": ndcg(1 - worth.regrets, chosen),
        "solved": solved(regrets),
        "regret_time_area": regret_time_area(worth.regrets, worth.seconds, chosen),
    }
    at = np.minimum(ks, chosen.shape[-1]) - 1
    found = {name: np.where(tested[:, None], curve.mean(axis=0)[:, at], np.nan) for name, curve in curves.items()}
    found["area_over_log_k"] = area_over_log_k(found["normalized_regret"], ks)
    return {name: found[name] for name in SCORES}
