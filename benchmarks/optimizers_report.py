"""The tables of the optimizers' bench."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.common import cell
from metalearn.core.transforms import TIE_DIGITS
from metalearn.evaluation.report import table

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Regrets:
    """Normalized regrets (K,) after ``trials`` of each optimizer on each unit, a problem, or of a function a seed.

    ``family`` is of a problem; ``seconds`` are those of each run's ask and tell.
    """

    key: tuple[str, str, str]
    trials: Sequence[int]
    curves: Mapping[str, Mapping[str, Floats]]
    family: Mapping[str, str]
    seconds: Mapping[str, Sequence[float]]

    def only(self, optimizers: Collection[str], units: Collection[str]) -> "tuple[dict[str, Floats], list[str]]":
        """Return arrays (U, K) on the units that all of the optimizers have, and these units' families."""
        kept = [o for o in self.curves if o in optimizers]
        shared = [u for u in units if all(u in self.curves[o] for o in kept)]
        arrays = {o: np.array([self.curves[o][u] for u in shared]) for o in kept}
        return arrays, [self.family.get(u, u) for u in shared]


def sections(
    groups: Sequence[Regrets], common: Collection[str], slow: Collection[str], peers: Collection[str]
) -> list[str]:
    """Return Markdown sections: each group on the problems that all ran on, and the fast ones on all problems."""
    found = []
    for group in groups:
        units = list(dict.fromkeys(u for curves in group.curves.values() for u in curves))
        shared = [u for u in units if u in common or group.key[0] == "functions"]
        fast = [o for o in group.curves if o not in slow]
        title = ", ".join(part for part in group.key[1:] if part)
        arrays, families = group.only(group.curves, shared)
        found.append(_section(group, title, arrays, families, peers=peers))
        if len(families) < len(units) and len(fast) > 1:
            found.append(_section(group, f"{title}: without the slow peers", *group.only(fast, units), peers=peers))
    return found


def _section(
    group: Regrets, title: str, arrays: Mapping[str, Floats], families: Sequence[str], *, peers: Collection[str]
) -> str:
    shown = list(range(len(group.trials)))
    if not families:
        return f"## {title}\n\nNothing was run by all."
    order = sorted(arrays, key=lambda o: float(arrays[o][:, shown[-1]].mean()))
    ranks = rankdata(np.round([arrays[o][:, shown] for o in order], TIE_DIGITS), axis=0).mean(axis=1)
    heads = ["optimizer", *(f"{group.trials[k]} trials" for k in shown), *(f"rank at {group.trials[k]}" for k in shown)]
    rows = [
        [
            f"`{o}`",
            *(cell(arrays[o][:, k], families) for k in shown),
            *(f"{r:.2f}" for r in rank),
            f"{1e3 * float(np.median(group.seconds[o])):.0f}",
        ]
        for o, rank in zip(order, ranks, strict=True)
    ]
    what = "seeds" if group.key[0] == "functions" else "problems"
    lead = f"{len(families)} {what}, {len(set(families))} independent. Mean normalized regret in %, and average rank."
    return f"## {title}\n\n{lead}\n\n{table([*heads, 'ms'], rows)}\n\n{_duels(group, arrays, families, shown, peers)}"


def _duels(
    group: Regrets, arrays: Mapping[str, Floats], families: Sequence[str], shown: Sequence[int], peers: Collection[str]
) -> str:
    """Return the differences of each of ours to the peer that is best at each number of trials."""
    theirs, ours = [o for o in arrays if o in peers], [o for o in arrays if o not in peers]
    if not theirs or not ours:
        return "No peer to compare to."
    best = {k: min(theirs, key=lambda o: float(arrays[o][:, k].mean())) for k in shown}
    rows = [
        [f"`{o}`", *(cell(arrays[o][:, k] - arrays[best[k]][:, k], families, signed=True) for k in shown)] for o in ours
    ]
    heads = ["less the best peer", *(f"{group.trials[k]} trials: `{best[k]}`" for k in shown)]
    return f"Paired differences in % of normalized regret, below zero where ours is better.\n\n{table(heads, rows)}"
