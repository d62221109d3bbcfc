"""The figures of the data card: ranks of all configurations on all tasks, and the gain on each task."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.colors import Colormap, ListedColormap
from matplotlib.figure import Figure

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.transforms import ranks
from metalearn.evaluation.inventory import spearman
from pipelines.data_card_tables import DEFAULTS, Floats, Part

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's palette, told apart by colour-blind readers and in grey.
BLUE, ORANGE, GREY = "#0072B2", "#E69F00", "#DDDDDD"
# Few steps read off more easily than a gradient, and keep the files small.
RANK_STEPS = 10
DPI = 100
PALETTE_SIZE = 64


def draw_ranks(part: Part, names: Mapping[str, str], path: Path) -> None:
    """Draw ranks (C, T): configurations from the best to the worst mean rank, tasks from typical to peculiar.

    The mean rank of a task is the same for all; they are sorted by the rank correlation with the mean ranks instead.
    """
    shown, rows, columns = sorted_ranks(part.validation)
    configurations = [part.validation.configurations[i] for i in rows]
    algorithms = sorted({c.algorithm for c in configurations})
    belongs = np.array([[c.algorithm == a for a in algorithms] for c in configurations], dtype=float)
    widths = [max(len(columns), 10), 1.6 * len(algorithms)]
    figure = Figure(figsize=(4 + 0.11 * sum(widths), 9), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=widths, sharey=True)
    image = left.imshow(shown, aspect="auto", interpolation="nearest", cmap=_steps(), vmin=0, vmax=1)
    _name_columns(left, [names.get(part.validation.tasks[t].id, part.validation.tasks[t].id) for t in columns])
    left.set_ylabel(f"{len(rows)} configurations, the best mean rank on top")
    left.set_xlabel("tasks: the most typical on the left, the most peculiar on the right")
    left.set_title(f"Ranks of {part.validation.metric.name} on validation")
    right.imshow(belongs, aspect="auto", interpolation="nearest", cmap=ListedColormap(["white", "black"]))
    _name_columns(right, algorithms, size=8)
    right.set_title("Algorithm of each row")
    figure.colorbar(
        image, ax=[left, right], label="rank: 0 best, 1 worst; failures last; grey: not evaluated", pad=0.02
    )
    _save(figure, path)


def sorted_ranks(meta_dataset: MetaDataset) -> tuple[Floats, list[int], list[int]]:
    """Return ranks (C, T), with the order of configurations and of tasks in which they are sorted."""
    found = ranks(meta_dataset.performance_matrix(), meta_dataset.failure_matrix())
    known = np.isfinite(found)
    means = np.where(known.any(axis=0), np.where(known, found, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), 1.0)
    typical = np.array([spearman(row[k], means[k]) if k.any() else np.nan for row, k in zip(found, known, strict=True)])
    rows, columns = np.argsort(means, kind="stable"), np.argsort(-typical, kind="stable")
    return found[columns][:, rows].T, rows.tolist(), columns.tolist()


def draw_gains(part: Part, names: Mapping[str, str], path: Path) -> None:
    """Draw each task's gain over the first default as sorted bars, and over the second as dots."""
    gains = part.gains()
    first, second = (gains[algorithm] for algorithm in DEFAULTS)
    order = [int(t) for t in np.argsort(-first, kind="stable") if np.isfinite(first[t])]
    generated = np.zeros(len(first), dtype=bool)
    for group, mask in part.groups.items():
        generated |= mask & group.endswith("generated")
    figure = Figure(figsize=(max(7.0, 2 + 0.12 * len(order)), 5), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(order))
    for mask, colour, label in ((~generated, BLUE, "real tables"), (generated, ORANGE, "generated targets")):
        chosen = mask[order]
        if chosen.any():
            text = f"over {DEFAULTS[0]}'s default" + (f", {label}" if generated.any() else "")
            axes.bar(places[chosen], first[order][chosen], color=colour, label=text)
    axes.plot(places, second[order], "k.", markersize=4, label=f"over {DEFAULTS[1]}'s default")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xlim(-1, len(order))
    if np.nanmax(np.abs([first[order], second[order]])) > 1:  # R2 has no lower end
        axes.set_yscale("symlog", linthresh=1.0)
    _name_columns(axes, [names.get(part.runs.tasks[t].id, part.runs.tasks[t].id) for t in order])
    axes.set_ylabel(f"gain in {part.test.metric.name} on the test part")
    axes.set_title(f"Gain of the configuration best on validation ({part.task_type})")
    axes.legend(frameon=False)
    _save(figure, path)


def _name_columns(axes: "Axes", labels: list[str], size: float = 6) -> None:
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=size)


def _steps() -> Colormap:
    colours = mpl.colormaps["viridis_r"](np.linspace(0, 1, RANK_STEPS))
    return ListedColormap(colours).with_extremes(bad=GREY)


def _save(figure: Figure, path: Path) -> None:
    """Write a small PNG: a palette instead of full colour, and no date or version, so that runs give the same file."""
    from PIL import Image

    drawn = BytesIO()
    figure.savefig(drawn, dpi=DPI, metadata={"Software": None})
    Image.open(drawn).convert("RGB").quantize(PALETTE_SIZE).save(path, optimize=True)
