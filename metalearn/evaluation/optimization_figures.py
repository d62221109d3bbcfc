"""Figures of an optimization, as SVG: its history, its anytime curve, what matters, and how fidelities were spent."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.encoded_space import Floats, choices_of
from metalearn.evaluation.figures import colour, drawing

if TYPE_CHECKING:
    from ConfigSpace.hyperparameters import Hyperparameter

    from metalearn.core.records import Trial
    from metalearn.core.spaces import SearchSpace
    from metalearn.optimizers.result import Incumbent, Result

_ALL, _BEST, _WARM, _FAILED = (colour(i) for i in range(4))
# Losses beyond this quantile are drawn at the upper edge, so that one bad trial does not flatten all others.
_UPPER = 0.9
# Darker is better: a map that is told apart in grey too.
_MAP = "viridis"


def history_figure(result: "Result", warm_starts: Collection[str] = (), *, name: str = "loss") -> bytes:
    """Return the loss of every trial over their numbers, with the best so far; ids of ``warm_starts`` stand out.

    Failed trials are crosses at the upper edge. At fidelities below 1, losses are pale.

    Raises:
        MissingDependencyError: when matplotlib is not installed.
    """
    trials = result.trials
    loss, fidelity = _losses(trials), np.array([trial.fidelity for trial in trials])
    number, failed = np.arange(1, len(trials) + 1), np.isnan(loss)
    warm = np.array([trial.configuration.id in warm_starts for trial in trials], dtype=bool)
    with drawing(4.0) as (figure, buffer):
        axes = figure.subplots()
        top = _limit(axes, loss)
        for label, shown, hue in (("trial", ~warm, _ALL), ("warm start", warm, _WARM)):
            where = shown & ~failed
            if where.any():
                alpha = np.where(fidelity[where] < 1, 0.3, 0.8)
                height = np.minimum(loss[where], top)
                axes.scatter(number[where], height, s=18, color=hue, alpha=alpha, linewidths=0, label=label)
        if failed.any():
            axes.scatter(number[failed], np.full(failed.sum(), top), marker="x", s=18, color=_FAILED, label="failed")
        best = result.incumbents
        _steps(axes, [i.n_trials for i in best], best, len(trials))
        _labelled(axes, "trials", name)
    return buffer.getvalue()


def anytime_figure(result: "Result", *, name: str = "loss") -> bytes:
    """Return the best loss so far over the seconds that the optimization had been at work.

    Raises:
        MissingDependencyError: when matplotlib is not installed.
    """
    best = result.incumbents
    with drawing(3.5) as (figure, buffer):
        axes = figure.subplots()
        end = result.finished[-1].elapsed_seconds if result.finished else 1.0
        _steps(axes, [i.elapsed_seconds for i in best], best, end)
        axes.set_xscale("log")
        _labelled(axes, "seconds", name)
    return buffer.getvalue()


def importances_figure(importances: Mapping[str, float]) -> bytes:
    """Return the shares of hyperparameters as bars, the first one on top.

    Raises:
        MissingDependencyError: when matplotlib is not installed.
    """
    with drawing(1.0 + 0.3 * len(importances)) as (figure, buffer):
        axes = figure.subplots()
        bars = axes.barh(list(importances), [100 * share for share in importances.values()], color=_ALL)
        axes.bar_label(bars, fmt="%.1f", padding=3, fontsize="small")
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("importance in %")
    return buffer.getvalue()


def parallel_figure(
    space: "SearchSpace", X: Floats, loss: Floats, columns: Sequence[int], *, name: str = "loss"
) -> bytes:
    """Return encoded configurations X (n, d) as lines over some columns, each as dark as its loss (n,) is small.

    Parallel coordinates (Inselberg, The Visual Computer 1985). A line has a gap where a hyperparameter is inactive.
    Failed trials, of loss NaN, are left out.

    Raises:
        MissingDependencyError: when matplotlib is not installed.
    """
    with drawing(4.5) as (figure, buffer):
        from matplotlib.collections import LineCollection

        axes = figure.subplots()
        order = [i for i in np.argsort(-loss, kind="stable") if np.isfinite(loss[i])]  # the best ones on top
        heights, losses = X[np.ix_(order, columns)], loss[order]
        places = np.broadcast_to(np.arange(len(columns)), heights.shape)
        points = np.stack([places, heights], axis=2)
        segments = np.stack([points[:, :-1], points[:, 1:]], axis=2)
        whole = ~np.isnan(segments).any(axis=(2, 3))
        ends = {"vmin": losses.min(), "vmax": np.quantile(losses, _UPPER)} if len(losses) else {}
        lines = LineCollection(list(segments[whole]), cmap=_MAP, alpha=0.6, linewidths=1)
        lines.set_array(np.broadcast_to(losses[:, None], whole.shape)[whole])
        lines.set_clim(**ends)
        axes.add_collection(lines)
        shown = axes.scatter(places, heights, c=np.broadcast_to(losses[:, None], heights.shape), s=8, cmap=_MAP, **ends)
        for place, column in enumerate(columns):
            _scale(axes, place, space.cube.hyperparameters[column])
        names = [space.encoding.columns[j].hyperparameter.replace(":", ":\n") for j in columns]
        axes.set_xticks(range(len(columns)), names, fontsize="x-small")
        axes.set_yticks([])
        axes.set_xlim(-0.3, len(columns) - 0.5)
        axes.spines[:].set_visible(False)
        figure.colorbar(shown, label=name, pad=0.02)
    return buffer.getvalue()


def fidelities_figure(result: "Result", *, name: str = "loss") -> bytes:
    """Return the losses over fidelities, one line a configuration: which were promoted, and how many ran at each.

    Raises:
        MissingDependencyError: when matplotlib is not installed.
    """
    paths: dict[str, list[Trial]] = {}
    for trial in result.trials:
        if trial.loss is not None:
            paths.setdefault(trial.configuration.id, []).append(trial)
    fidelities = np.array([trial.fidelity for trial in result.trials])
    with drawing(4.0) as (figure, buffer):
        axes = figure.subplots()
        top = _limit(axes, _losses(result.trials))
        for path in paths.values():
            rungs = sorted(path, key=lambda trial: trial.fidelity)
            finished = rungs[-1].fidelity == fidelities.max()
            height = np.minimum([trial.loss for trial in rungs], top)  # type: ignore[arg-type]
            hue, alpha = (_BEST, 0.9) if finished else (_ALL, 0.4)
            axes.plot([t.fidelity for t in rungs], height, "o-", color=hue, alpha=alpha, markersize=3, linewidth=1)
        rungs_of, counts = np.unique(fidelities.round(6), return_counts=True)
        axes.set_xscale("log")
        axes.set_xticks(rungs_of, [f"{f:.3g}\n{n} trials" for f, n in zip(rungs_of, counts, strict=True)])
        axes.minorticks_off()
        _labelled(axes, "fidelity", name, legend=False)
    return buffer.getvalue()


def _losses(trials: "Sequence[Trial]") -> Floats:
    return np.array([np.nan if trial.loss is None else trial.loss for trial in trials], dtype=np.float64)


def _limit(axes: Any, loss: Floats) -> float:
    """Set the ends of the axis of losses and return the upper one."""
    known = loss[np.isfinite(loss)]
    if not len(known):
        return 1.0
    low, high = float(known.min()), float(np.quantile(known, _UPPER))
    margin = 0.06 * ((high - low) or abs(high) or 1.0)
    axes.set_ylim(low - margin, high + margin)
    return high


def _steps(axes: Any, places: Sequence[float], best: "Sequence[Incumbent]", end: float) -> None:
    """Draw the best so far: constant from each incumbent to the next one, the last to the end."""
    if best:
        heights = [incumbent.trial.loss for incumbent in best]
        axes.step([*places, end], [*heights, heights[-1]], where="post", color=_BEST, label="best so far")


def _labelled(axes: Any, x: str, y: str, *, legend: bool = True) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1))


def _scale(axes: Any, place: float, hyperparameter: "Hyperparameter[Any, Any]") -> None:
    """Draw a hyperparameter's axis with its choices, or with the ends of its range; of a constant, its value."""
    ends = (getattr(hyperparameter, end, hyperparameter.default_value) for end in ("lower", "upper"))
    marks = choices_of(hyperparameter) or tuple(ends)
    axes.axvline(place, color="#999999", linewidth=0.8, zorder=0)
    for height, mark in zip(np.linspace(0, 1, max(len(marks), 2)), marks, strict=False):
        text = f"{mark:.3g}" if isinstance(mark, float) else str(mark)
        axes.text(place + 0.03, height, text, fontsize="x-small", va="center", color="#444444")
