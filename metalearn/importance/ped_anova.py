"""PED-ANOVA: the importance of hyperparameters for being among the better trials, in closed form.

Watanabe, Bansal & Hutter, "PED-ANOVA: Efficiently quantifying hyperparameter importance in arbitrary subspaces", IJCAI
2023. Let b(x) say whether x is among the best share gamma of the trials. The variance of its mean given one
hyperparameter is, by Bayes' rule, gamma^2 times the Pearson divergence of that hyperparameter's density among the best
trials from its density among all:

    v = gamma^2 E[(p_best(x) / p_all(x) - 1)^2], the expectation under p_all

so that two Parzen estimates in one dimension take the place of a model of the loss. A hyperparameter that is active in
a part A of the trials only counts with the variance inside that part,

    v = P(A) P(best | A)^2 E[(p_best(x | A) / p_all(x | A) - 1)^2],

and whether it is active counts for its parent, which decides that ("Conditional PED-ANOVA", 2026, arXiv 2601.20800,
comes to the same).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from metalearn.core.encoded_space import EncodedColumn, Encoding, Floats
from metalearn.errors import InputError

# Which trials are the better ones, as in the paper's experiments, and how many they are at least: fewer tell nothing.
QUANTILE, FEWEST = 0.1, 2
# Densities of numbers are held as the masses of so many cells of [0, 1].
_CELLS = 50
# Silverman's factor for a normal density; the interquartile range of a normal one is 1.34 standard deviations.
_FACTOR, _NORMAL_RANGE = 1.059, 1.34


def ped_anova(encoding: Encoding, X: Floats, loss: Floats, *, quantile: float = QUANTILE) -> Floats:
    """Return the importance (d,) of each encoded column: its share of the sum of variances, all 0 where nothing tells.

    ``X`` (n, d) are encoded configurations, NaN where inactive, with their losses (n,). One that is not finite stands
    for a failed trial: it is one of all, and not one of the best.

    Raises:
        InputError: when a quantile is not between 0 and 1, or the shapes do not fit.

    >>> encoding = Encoding((EncodedColumn("decides", "numeric"), EncodedColumn("idle", "numeric")))
    >>> X = np.random.default_rng(0).random((500, 2))
    >>> ped_anova(encoding, X, X[:, 0] ** 2).round(1).tolist()
    [1.0, 0.0]
    """
    if not 0 < quantile < 1:
        raise InputError(f"A quantile lies between 0 and 1; got {quantile}.")
    if X.shape != (len(loss), len(encoding.columns)):
        shape = (len(loss), len(encoding.columns))
        raise InputError(f"{shape[0]} losses over {shape[1]} columns need X of shape {shape}; got {X.shape}.")
    best = _best(loss, quantile)
    if best.all() or not best.any():
        return np.zeros(len(encoding.columns))
    columns = zip(encoding.columns, X.T, strict=True)
    variances = np.array([_variance(column, x, best) for column, x in columns])
    total = variances.sum()
    return variances / total if total > 0 else variances


def _best(loss: Floats, quantile: float) -> NDArray[np.bool_]:
    """Return which trials (n,) are the best share, those that equal the last of them included."""
    fine = np.isfinite(loss)
    n = min(max(FEWEST, int(np.ceil(quantile * len(loss)))), int(fine.sum()))
    if n == 0:
        return fine
    return np.asarray(fine & (loss <= np.partition(loss[fine], n - 1)[n - 1]))


def _variance(column: EncodedColumn, x: Floats, best: NDArray[np.bool_]) -> float:
    """Return the variance, given a column's value, of whether a trial is among the best."""
    active = ~np.isnan(x)
    if not (active & best).any():
        return 0.0
    among_best, among_all = _kernel_sums(column, x[active], best[active])
    # One imaginary observation each: of no preference among all, and of all among the best, so that where these are
    # few, or like the others, nothing is told.
    p_all = (among_all + 1 / len(among_all)) / (active.sum() + 1)
    p_best = (among_best + p_all) / ((active & best).sum() + 1)
    divergence = float(p_all @ (p_best / p_all - 1) ** 2)
    return float(active.mean() * best[active].mean() ** 2 * divergence)


def _kernel_sums(column: EncodedColumn, x: Floats, best: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Return the sums (m,) of the kernels of the best and of all values (n,), each of mass 1 over m choices or cells.

    Those of numbers are Gaussians cut at the ends of [0, 1], of the best trials' bandwidth. It being the same for both,
    the quotient of the sums is the Nadaraya-Watson estimate of the chance to be among the best, and at most 1.
    """
    if column.kind == "categorical":
        m = len(column.choices)
        choice = np.rint(x * max(m - 1, 1)).astype(int)
        kernels = np.eye(m)[choice]
        return kernels[best].sum(axis=0), kernels.sum(axis=0)
    edges = np.linspace(0.0, 1.0, _CELLS + 1)
    below = ndtr((edges - x[:, None]) / _bandwidth(x[best]))
    kernels = np.diff(below, axis=1) / (below[:, -1:] - below[:, :1])
    return kernels[best].sum(axis=0), kernels.sum(axis=0)


def _bandwidth(x: Floats) -> float:
    """Return Scott's rule with a robust spread ("Multivariate density estimation", 1992), half a cell at least."""
    quarter, three_quarters = np.quantile(x, (0.25, 0.75))
    spread = min(float(x.std(ddof=1)) if len(x) > 1 else 0.0, float(three_quarters - quarter) / _NORMAL_RANGE)
    return max(float(_FACTOR * spread * len(x) ** -0.2), 0.5 / _CELLS)
