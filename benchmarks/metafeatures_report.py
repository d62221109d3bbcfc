"""The tables of ``benchmarks.metafeatures``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.metafeatures_pairs import GROUPS, PAIRS
from metalearn.evaluation.report import table

TOLERANCE = 1e-6
Result = dict[str, Any]


def report(both: Mapping[str, Result], scaling: Mapping[str, Result]) -> str:
    """Return all tables, of results by dataset and of those by size."""
    return "\n\n".join([speed_table(both), group_table(both), agreement_table(both), scaling_table(scaling)])


def speed_table(both: Mapping[str, Result]) -> str:
    """Return seconds in all on each dataset."""
    rows = []
    for name, results in both.items():
        unfinished = [group for group, found in results["groups"].items() if found["failed"]]
        mark = f" (at least: {', '.join(unfinished)})" if unfinished else ""
        size, found = f"{results['rows']} x {results['columns']}", results["all"]
        rows.append((name, size, f"{found['pymfe']:.3f}{mark}", f"{found['ours']:.3f}", f"{found['ratio']:.1f}"))
    ratios = [results["all"]["ratio"] for results in both.values()]
    spread = f"smallest {min(ratios):.1f}, median {np.median(ratios):.1f}, largest {max(ratios):.1f}"
    seconds = table(("dataset", "rows x columns", "pymfe", "ours", "ratio"), rows)
    return f"## Seconds, all shared groups\n\n{seconds}\n\nRatios over {len(ratios)} datasets: {spread}."


def group_table(both: Mapping[str, Result]) -> str:
    """Return by group the ratio of seconds over the datasets."""
    rows = []
    for group in GROUPS:
        found = [results["groups"][group] for results in both.values()]
        ratios = [result["ratio"] for result in found]
        unfinished = sum(result["failed"] for result in found)
        rows.append((group, *(f"{of(ratios):.1f}" for of in (min, np.median, max)), unfinished))
    by_group = table(("group", "smallest", "median", "largest", "pymfe unfinished"), rows)
    return f"## Ratio of seconds, by group\n\n{by_group}"


def agreement_table(both: Mapping[str, Result]) -> str:
    """Return by measure on how many datasets the values agree, and why the others differ."""
    columns = ("group", "pymfe", "ours", "datasets", "agree", "median difference", "why")
    rows = []
    for group, theirs, ours, why in PAIRS:
        gaps = [
            gap
            for results in both.values()
            if results["complete"]
            for gap in difference(results["groups"][group], theirs, ours)
        ]
        agree = sum(gap <= TOLERANCE for gap in gaps)
        middle = f"{np.median(gaps):.1e}" if gaps else ""
        rows.append((group, theirs, ours, len(gaps), agree, middle, why))
    return f"## Values, by measure\n\n{table(columns, rows)}"


def difference(result: Result, theirs: str, ours: str) -> list[float]:
    """Return the relative difference of two values, if both are there."""
    values = [result[side] for side in ("pymfe_values", "our_values")]
    found = [
        next((side[n] for n in names if n in side and side[n] is not None and np.isfinite(side[n])), None)
        for side, names in zip(values, ((theirs, f"{theirs}.nanmean"), (ours, f"{ours}_mean")), strict=True)
    ]
    if found[0] is None or found[1] is None:
        return []
    return [abs(found[0] - found[1]) / max(abs(found[0]), abs(found[1]), 1e-12)]


def scaling_table(scaling: Mapping[str, Result]) -> str:
    """Return seconds and memory against rows and columns, with the slopes on logarithmic scales."""
    groups = list(next(iter(scaling.values()))["groups"])
    columns = ("rows x columns", "seconds", "peak GB (table: GB)", *groups)
    rows = []
    for name, r in scaling.items():
        size = r["n"] * r["p"] * 8 / 1e9
        parts = (f"{r['groups'][group]:.2f}" for group in groups)
        rows.append((name, f"{r['seconds']:.2f}", f"{r['peak']:.2f} ({size:.2f})", *parts))
    long = [(r["n"], r["seconds"]) for r in scaling.values() if r["p"] == 100]
    wide = [(r["p"], r["seconds"]) for r in scaling.values() if r["n"] == 100_000]
    slopes = [f"against {of}: {slope(points):.2f}" for of, points in (("rows", long), ("columns", wide)) if points[1:]]
    sizes = table(columns, rows)
    return f"## Time and memory against size, ours\n\n{sizes}\n\nSlope of log(seconds) {'; '.join(slopes)}."


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the slope of a line through points on logarithmic scales."""
    x, y = np.log(np.array(points, dtype=np.float64)).T
    return float(np.polyfit(x, y, 1)[0])
