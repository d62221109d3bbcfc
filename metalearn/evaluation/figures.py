"""Figures of a comparison, as SVG: regret over k with intervals, and average ranks."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.errors import MissingDependencyError

if TYPE_CHECKING:
    from metalearn.evaluation.comparison import RankTest
    from metalearn.evaluation.results import Results

# Okabe & Ito's palette, told apart by colour-blind readers; further lines differ by their dashes.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
_DASHES = ("-", "--", ":", "-.")
_WIDTH = 8.0


def curves_figure(results: "Results", score: str = "normalized_regret") -> bytes:
    """Return the means of a score over k, with 95 % intervals as bands, as an SVG.

    Raises:
        MissingDependencyError: when matplotlib is not installed.
    """
    with drawing(4.5) as (figure, buffer):
        axes = figure.subplots()
        for i, (label, found) in enumerate(results.scores.items()):
            mean, low, high = np.array([results.interval(values) for values in found[score].T]).T
            hue, dashes = colour(i), _DASHES[i // len(PALETTE) % len(_DASHES)]
            axes.fill_between(results.ks, low, high, color=hue, alpha=0.12, linewidth=0)
            axes.plot(results.ks, mean, color=hue, linestyle=dashes, marker="o", markersize=3, label=label)
        axes.set_xscale("log")
        axes.set_xticks(results.ks, [str(k) for k in results.ks])
        axes.minorticks_off()
        axes.set_xlabel("k, configurations tried")
        axes.set_ylabel(f"mean {score.replace('_', ' ')}")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1))
    return buffer.getvalue()


def ranks_figure(test: "RankTest") -> bytes:
    """Return the average ranks as an SVG, bars joining those that Wilcoxon-Holm does not tell apart at 5 %.

    The diagram of Demšar (JMLR 2006) with the pairs of Benavoli, Corani & Mangili (JMLR 2016).

    Raises:
        MissingDependencyError: when matplotlib or scikit-posthocs is not installed.
    """
    try:
        from scikit_posthocs import critical_difference_diagram  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError("scikit-posthocs", "figures") from error
    import pandas as pd

    names = list(test.recommenders)
    with drawing(1.4 + 0.3 * len(names)) as (figure, buffer):
        critical_difference_diagram(
            dict(zip(names, test.average_ranks.tolist(), strict=True)),
            pd.DataFrame(test.wilcoxon_p, index=names, columns=names),
            label_fmt_left="{label} ({rank:.2f})",
            label_fmt_right="({rank:.2f}) {label}",
            color_palette={name: colour(i) for i, name in enumerate(names)},
            ax=figure.subplots(),
        )
    return buffer.getvalue()


def colour(number: int) -> str:
    """Return the palette's colour of a number, from the first again after the last."""
    return PALETTE[number % len(PALETTE)]


@contextmanager
def drawing(height: float) -> Iterator[tuple[Any, BytesIO]]:
    """Give a figure to draw on; what it is drawn to is the same for the same content, with no date in it."""
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "figures") from error
    figure, buffer = Figure(figsize=(_WIDTH, height), layout="constrained"), BytesIO()
    yield figure, buffer
    with mpl.rc_context({"svg.hashsalt": "metalearn"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
