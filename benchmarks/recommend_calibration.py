"""Do predicted losses hold what they say? And predicted seconds?

    python -m benchmarks.recommend_calibration [--quick] [--out FILE]

Ten folds of families, one seed. ``auto`` predicts mean and standard deviation of the losses of all configurations of a
task it has not learned from, before anything was tried and after its own first 1, 3 and 10 recommendations; those that
were tried are left out. The table gives the share of losses within intervals of a normal distribution, the root mean
square of (loss - mean) / std, which should be 1, and the error of the mean; the figure the same for all intervals. The
share of the components' own variance was chosen on OBOE's matrix and the bundled knowledge base; on LCDB nothing was.
Predicted seconds: the share within a factor of 2, against the mean over past tasks.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.common import arguments, keep, kept_at
from benchmarks.recommend import load
from benchmarks.recommend_matrices import ingested
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.registry import create
from metalearn.evaluation.report import table
from metalearn.evaluation.scores import Floats
from metalearn.evaluation.splits import folds
from metalearn.recommenders.auto import Auto
from metalearn.recommenders.tried import NOTHING_TRIED, Tried
from metalearn.sources.curves import read_curves
from metalearn.store import KnowledgeBase

N_FOLDS = 10
N_TRIED = (0, 1, 3, 10)
LEVELS = (0.5, 0.8, 0.95)


def main() -> None:
    """Predict, compare, and write the tables and the figure."""
    parser = arguments(__doc__)
    options = parser.parse_args()
    n_folds = 2 if options.quick else N_FOLDS
    oboe = load(options.shared, runtimes=True)
    with KnowledgeBase.open() as bundled:
        own = bundled.meta_dataset(task_type="classification")
    lcdb = ingested(read_curves(options.shared / "data" / "lcdb"), options.shared / "data" / "pmf" / "metafeatures.csv")
    matrices = {"OBOE, with meta-features": oboe.select(oboe.described), "bundled, classification": own, "LCDB": lcdb}
    found = {
        f"{name}, {n} tried": errors
        for name, past in matrices.items()
        for n, errors in predicted(past, n_folds).items()
    }
    within = [f"within {level:.0%}" for level in LEVELS]
    heads = ("losses", *within, "root mean square of z", "root mean square error", "mean std")
    losses = table(heads, [(name, *row(*errors.T)) for name, errors in found.items()])
    timed = {"OBOE": oboe.select(oboe.described), "bundled, classification": own}
    shares = [(name, *(f"{share:.2f}" for share in seconds(past, n_folds))) for name, past in timed.items()]
    times = table(("seconds", "within a factor of 2", "the mean over past tasks"), shares)
    figure = kept_at(options).with_suffix(".svg")
    draw(found, figure)
    text = f"{losses}\n\n{times}\n\n![Observed against nominal shares]({figure.name})"
    keep(options, text)
    print(text)


def predicted(past: MetaDataset, n_folds: int) -> dict[int, Floats]:
    """Return loss - mean and standard deviation (m, 2) of all predictions, by how many configurations were tried."""
    found: dict[int, list[Floats]] = {n: [] for n in N_TRIED}
    losses = past.performance_matrix()
    for fold in folds(past, "family", n_folds):
        fitted = Auto().meta_fit(past.select(fold.learned), rng=np.random.default_rng(0))
        for t in fold.test_tasks:
            known = np.isfinite(losses[t])
            first = fitted.order(past.tasks[t], known, NOTHING_TRIED, max(N_TRIED))[: max(N_TRIED)]
            for n in N_TRIED:
                tried = Tried(first[:n], losses[t, first[:n]])
                others = np.setdiff1d(np.flatnonzero(known), tried.indices)
                weights, _ = fitted.weights(past.tasks[t], tried)
                mean, std = fitted.predicted(past.tasks[t], tried, weights, others)
                found[n].append(np.stack([losses[t, others] - mean, std], axis=1))
    return {n: np.concatenate(errors) for n, errors in found.items()}


def row(errors: Floats, std: Floats) -> list[str]:
    """Return the cells of a line of the table."""
    z = errors / np.maximum(std, 1e-9)
    shares = [f"{np.mean(np.abs(z) < half_width(level)):.3f}" for level in LEVELS]
    return [*shares, *(f"{np.sqrt(np.mean(values**2)):.3f}" for values in (z, errors)), f"{std.mean():.3f}"]


def half_width(level: float) -> float:
    """Return how many standard deviations on each side hold that share of a normal distribution."""
    from scipy.stats import norm

    return float(norm.ppf(0.5 + level / 2))


def seconds(past: MetaDataset, n_folds: int) -> tuple[float, float]:
    """Return the shares of predicted seconds, and of the means over past tasks, that are within a factor of 2."""
    costs, near = past.cost_matrix(), []
    for fold in folds(past, "family", n_folds):
        training = past.select(fold.learned)
        fitted = create("recommender", "portfolio").meta_fit(training, rng=np.random.default_rng(0))
        means = np.nanmean(training.cost_matrix(), axis=0)
        for t in fold.test_tasks:
            answers = fitted.recommend(past.tasks[t], len(means), candidates=past.configurations)
            places = [past.position[a.configuration.id] for a in answers]
            own = np.array([a.cost_seconds or np.nan for a in answers])
            ratio = np.stack([own, means[places]]) / costs[t, places]
            near.append(np.abs(np.log(ratio[:, np.isfinite(ratio).all(axis=0)])) < np.log(2))
    shares = np.concatenate(near, axis=1).mean(axis=1)
    return float(shares[0]), float(shares[1])


def draw(found: Mapping[str, Floats], path: Path) -> None:
    """Draw the share of losses within each interval against what it says."""
    from matplotlib.figure import Figure

    levels = np.linspace(0.02, 0.98, 49)
    widths = np.array([half_width(level) for level in levels])
    names = sorted({name.rpartition(",")[0] for name in found})
    figure = Figure(figsize=(4 * len(names), 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True), names, strict=True):
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=1)
        for n in N_TRIED:
            errors, std = found[f"{name}, {n} tried"].T
            z = np.sort(np.abs(errors) / np.maximum(std, 1e-9))
            axes.plot(levels, np.searchsorted(z, widths) / len(z), label=f"{n} tried")
        axes.set(title=name, xlabel="share that the interval should hold", aspect="equal")
    figure.axes[0].set_ylabel("share that it holds")
    figure.axes[0].legend()
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
