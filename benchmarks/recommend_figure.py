"""The README's figure: regret against the number of recommendations, of ``auto`` and the best of its peers.

    python -m benchmarks.recommend_figure

It is drawn from the tables that ``benchmarks.recommend`` has kept, which calls it.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import KEPT
from metalearn.evaluation.benchmark import Settings

KS = Settings().ks
# What each panel shows, by the table's title, and how the figure calls it; the first is drawn with its interval.
PANELS: Mapping[str, Mapping[str, str]] = {
    "zero_shot": {
        "metalearn auto": "metalearn auto",
        "kNN best-of-neighbour (auto-sklearn)": "auto-sklearn's neighbour list",
        "kNN-10 weighted rank": "ten neighbours, weighted rank",
        "greedy portfolio (regret)": "greedy portfolio",
        "metalearn random": "random",
    },
    "sequential": {
        "metalearn auto": "metalearn auto",
        "ExtraTrees prior + MVN EI, log": "forest prior, expected improvement",
        "MVN (empirical cov) EI, log": "normal prior, expected improvement",
        "active testing ATW^2": "active testing (ATW)",
        "OBOE SVD+D-opt, half probes": "OBOE's factors and probes",
    },
}
TITLES = {"zero_shot": "a list of k", "sequential": "one at a time, told its loss"}


def main() -> None:
    """Draw the figure beside the kept tables."""
    path = KEPT / "recommend.md"
    draw(path.read_text(encoding="utf-8"), path.with_suffix(".svg"))


def draw(text: str, path: Path) -> None:
    """Draw both protocols from the Markdown of the bench, on the datasets with meta-features."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, (protocol, shown) in zip(figure.subplots(1, 2, sharey=True), PANELS.items(), strict=True):
        found = rows(text, f"## {protocol}, the ")
        for place, (method, name) in enumerate(shown.items()):
            mean, low, high = found[method].T
            axes.plot(
                KS, mean, marker="o", markersize=3, label=name, linewidth=2.5 if place == 0 else 1.2, zorder=-place
            )
            if place == 0:
                axes.fill_between(KS, low, high, alpha=0.15, linewidth=0)
        axes.set(title=TITLES[protocol], xlabel="recommendations tried, k", xscale="log", yscale="log", ylim=(0.8, 40))
        axes.set_xticks(KS)
        axes.set_yticks((1, 2, 5, 10, 20, 40))
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.minorticks_off()
        axes.legend(fontsize="small")
    figure.axes[0].set_ylabel("mean normalized regret of the best, %")
    figure.savefig(path, metadata={"Date": None})


def rows(text: str, title: str) -> dict[str, NDArray[np.float64]]:
    """Return mean, low and high (6, 3) at each k of each method, from the table under the title that begins so.

    >>> text = "## a list, all\\n\\n| auto | 9.0 [7.0, 11.0] |\\n\\n## other\\n\\n| auto | 1.0 [0.0, 2.0] |"
    >>> rows(text, "## a list")["auto"].tolist()
    [[9.0, 7.0, 11.0]]
    """
    table = text[text.index(title) :].split("\n## ")[0]
    found = {}
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        numbers = [re.fullmatch(r"([-+\d.]+) \[([-+\d.]+), ([-+\d.]+)\]", cell) for cell in cells[1:]]
        if numbers and all(numbers):
            found[cells[0]] = np.array([[float(n) for n in m.groups()] for m in numbers[: len(KS)] if m])
    return found


if __name__ == "__main__":
    main()
