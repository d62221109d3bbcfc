"""Is one recommender better than another? Rank tests over many, and one against another, on the same tasks.

Lower values are better. Tasks of one family are no independent evidence: each family counts once, with its mean.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metalearn.core.transforms import TIE_DIGITS
from metalearn.errors import InputError, MissingDependencyError
from metalearn.evaluation.scores import Floats

LEVEL = 0.05
# Differences of normalized regret within this are of no practical importance.
ROPE = 0.01
_N_SAMPLES = 20_000


@dataclass(frozen=True, eq=False)
class RankTest:
    """Average ranks (R,) of R recommenders over n families, and p-values of their differences (R, R).

    ``friedman_p`` is that of all being equal (NaN with two recommenders), ``nemenyi_p`` and ``wilcoxon_p`` those of
    each pair, adjusted for their number; two average ranks further apart than ``critical_difference`` differ by
    Nemenyi's test at the level 5 %.
    """

    recommenders: tuple[str, ...]
    average_ranks: Floats
    n_families: int
    friedman_p: float
    nemenyi_p: Floats
    wilcoxon_p: Floats
    critical_difference: float


@dataclass(frozen=True)
class Duel:
    """One recommender against another: families won, tied and lost, and what a Bayesian signed-rank test believes.

    ``better``, ``equivalent`` and ``worse`` are posterior probabilities of the differences being, on average, below
    -1 %, in between, and above 1 %.
    """

    wins: int
    ties: int
    losses: int
    better: float
    equivalent: float
    worse: float


def by_family(values: Floats, families: Sequence[str]) -> Floats:
    """Return the means (n, ...) over the tasks of each family of values (T, ...), rounded so that ties are ties.

    >>> by_family(np.array([0.1, 0.3, 0.5]), ["a", "a", "b"])
    array([0.2, 0.5])
    """
    _, family = np.unique(np.array(list(families)), return_inverse=True)
    belongs = np.arange(family.max(initial=-1) + 1)[:, None] == family
    means = (belongs @ values).T / belongs.sum(axis=1)
    return np.asarray(np.round(means.T, TIE_DIGITS))


def rank_test(values: Mapping[str, Floats], families: Sequence[str]) -> RankTest:
    """Compare recommenders by their values (T,) on the same tasks of these families (T,).

    Friedman's test, then all pairs: Nemenyi's (Demšar, "Statistical comparisons of classifiers over multiple data
    sets", JMLR 2006), and Wilcoxon's signed-rank tests with Holm's adjustment, which do not depend on the other
    recommenders (Benavoli, Corani & Mangili, "Should we really use post-hoc tests based on mean-ranks?", JMLR 2016);
    zero differences are split between both signs.

    Raises:
        InputError: when there are fewer than two recommenders, or two families.
        MissingDependencyError: when scikit-posthocs is not installed.

    >>> a, b, c = (np.linspace(0, 1, 8) + shift for shift in (0.0, 0.1, 0.2))
    >>> test = rank_test({"a": a, "b": b, "c": c}, [str(i) for i in range(8)])
    >>> test.average_ranks, round(test.friedman_p, 4), test.wilcoxon_p[0, 1].round(4).item()
    (array([1., 2., 3.]), 0.0003, 0.0234)
    """
    if len(values) < 2 or len(set(families)) < 2:
        raise InputError("A comparison needs two recommenders at least, and tasks of two families.")
    import pandas as pd
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    try:
        from scikit_posthocs import posthoc_nemenyi_friedman, posthoc_wilcoxon  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError("scikit-posthocs", "figures") from error
    table = pd.DataFrame(by_family(np.stack(list(values.values()), axis=1), families), columns=list(values))
    n, count = table.shape
    differ = bool((table.nunique(axis=1) > 1).any())
    quantile = float(studentized_range.ppf(1 - LEVEL, count, np.inf)) / np.sqrt(2)
    return RankTest(
        recommenders=tuple(values),
        average_ranks=np.asarray(rankdata(table.to_numpy(), axis=1).mean(axis=0)),
        n_families=n,
        friedman_p=(float(friedmanchisquare(*table.to_numpy().T).pvalue) if differ else 1.0) if count > 2 else np.nan,
        nemenyi_p=posthoc_nemenyi_friedman(table).to_numpy() if differ else np.ones((count, count)),
        wilcoxon_p=posthoc_wilcoxon(
            table.melt(), val_col="value", group_col="variable", p_adjust="holm", zero_method="zsplit"
        ).to_numpy(),
        critical_difference=quantile * float(np.sqrt(count * (count + 1) / (6 * n))),
    )


def duel(values: Floats, others: Floats, families: Sequence[str], rng: np.random.Generator) -> Duel:
    """Compare a recommender's values (T,) to another's (T,) on the same tasks of these families (T,).

    >>> worse = np.linspace(0.1, 0.9, 9)
    >>> duel(worse - 0.05, worse, "abcdefghi", np.random.default_rng(0))
    Duel(wins=9, ties=0, losses=0, better=1.0, equivalent=0.0, worse=0.0)
    """
    differences = by_family(values - others, families)
    better, equivalent, worse = signed_rank_posterior(differences, rng).tolist()
    won, lost = int((differences < 0).sum()), int((differences > 0).sum())
    return Duel(won, len(differences) - won - lost, lost, better, equivalent, worse)


def signed_rank_posterior(differences: Floats, rng: np.random.Generator, rope: float = ROPE) -> NDArray[np.float64]:
    """Return the posterior probabilities (3,) that differences (n,) lie below -rope, within, and above rope.

    Benavoli, Corani, Demšar & Zaffalon, "Time for a change: a tutorial for comparing multiple classifiers through
    Bayesian analysis", JMLR 2017, section 4.2: the weights of the differences, and of a prior observation 0 of weight
    1/2, have a Dirichlet posterior; each of 20,000 draws votes for the region that holds most pairs (Walsh averages).

    >>> signed_rank_posterior(np.array([0.0, 0.0, 0.001]), np.random.default_rng(0))
    array([0., 1., 0.])
    """
    observed = np.concatenate([[0.0], differences])
    sums = np.round(observed[:, None] + observed, TIE_DIGITS)
    weights = rng.dirichlet([0.5] + [1.0] * len(differences), _N_SAMPLES)
    below, above = (_share(weights, sign * sums, 2 * rope) for sign in (-1, 1))
    votes = np.argmax(np.stack([below, 1 - below - above, above]), axis=0)
    return np.bincount(votes, minlength=3) / _N_SAMPLES


def _share(weights: Floats, sums: Floats, limit: float) -> Floats:
    """Return the weight (samples,) of the pairs whose sum exceeds a limit, half of it where it is the limit."""
    beyond = (sums > limit) + 0.5 * (sums == limit)
    return np.asarray(((weights @ beyond) * weights).sum(axis=1))
