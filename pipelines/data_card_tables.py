"""The tables of the data card: figures over the evaluations of each task type, as Markdown."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np
from numpy.typing import NDArray

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, TaskType
from metalearn.evaluation.inventory import ALL, counts, failure_shares, rank_agreement
from metalearn.evaluation.worth import (
    Runs,
    Summary,
    gain_over,
    pair,
    portfolio_gains,
    portfolio_losses,
    sufficient_size,
    summarise,
    validation_gaps,
)
from metalearn.learners.catalog import find_learner
from metalearn.learners.space import search_space
from metalearn.store import KnowledgeBase

Floats = NDArray[np.float64]
MAIN_METRIC: dict[TaskType, str] = {"classification": "balanced_accuracy", "regression": "r2"}
DEFAULTS = ("lightgbm", "random_forest")
SHOWN_SIZES = (1, 2, 3, 5, 10, 20, 50)
# Measured beside the scores, where a knowledge base has them.
MEASURED = {"predict_seconds": "median seconds to predict", "peak_memory": "median peak MB"}


@dataclass(frozen=True, eq=False)
class Part:
    """The evaluations of one task type on both splits under its main metric; ``groups`` are masks (T,) of its tasks."""

    task_type: TaskType
    validation: MetaDataset
    test: MetaDataset
    measured: Mapping[str, MetaDataset]
    runs: Runs
    groups: Mapping[str, NDArray[np.bool_]]
    defaults: Mapping[str, Configuration]

    def gains(self) -> dict[str, Floats]:
        """Return the gains (T,) of the validation choice over each default, by its algorithm."""
        return {algorithm: gain_over(self.runs, default) for algorithm, default in self.defaults.items()}


def load_part(kb: KnowledgeBase, task_type: TaskType) -> Part:
    """Load what the card says of one task type.

    Raises:
        InputError: when no task of it has losses on both splits.
    """
    load = partial(kb.meta_dataset, task_type=task_type)
    validation, test = (load(metric=MAIN_METRIC[task_type], split=split) for split in ("validation", "test"))
    known = kb.info()["metrics"]
    measured = {metric: load(metric=metric) for metric in MEASURED if metric in known}
    runs = pair(validation, test)
    generated = np.array([t.procedure.startswith("generated") for t in runs.tasks])
    groups: dict[str, NDArray[np.bool_]] = {task_type: ~generated}
    if generated.any():
        groups = {f"{task_type}, real": ~generated, f"{task_type}, generated": generated}
    groups = {name: mask for name, mask in groups.items() if mask.any()}
    defaults = {algorithm: search_space(task_type).default(algorithm) for algorithm in DEFAULTS}
    return Part(task_type, validation, test, measured, runs, groups, defaults)


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table in Markdown.

    >>> print(markdown(("name", "rows"), [("iris", 150)]))
    | name | rows |
    | --- | --- |
    | iris | 150 |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def gains_table(parts: Iterable[Part], seed: int) -> str:
    """Return the gain of the validation choice over each default, by group of tasks."""
    rows = []
    for part in parts:
        for algorithm, values in part.gains().items():
            for group, s in _summaries(part, values, seed):
                quartiles = " / ".join(f"{q:+.3f}" for q in s.quartiles)
                shares = (f"{s.positive:.0%}", f"{s.negative:.0%}")
                rows.append((group, algorithm, s.n_tasks, _with_interval(s), quartiles, *shares))
    return markdown(("tasks", "over the default of", "n", "mean gain", "quartiles", "helps", "hurts"), rows)


def gaps_table(parts: Iterable[Part], seed: int) -> str:
    """Return test less validation loss of the chosen and of all configurations, and their difference."""
    rows: list[tuple[str, ...]] = []
    for part in parts:
        chosen, every = validation_gaps(part.runs)
        columns = [_summaries(part, values, seed) for values in (chosen, every, chosen - every)]
        rows += [(cells[0][0], *(_with_interval(s) for _, s in cells)) for cells in zip(*columns, strict=True)]
    return markdown(("tasks", "gap of the chosen", "gap of all", "optimism"), rows)


def portfolio_table(parts: Iterable[Part]) -> str:
    """Return the mean gain of choosing among a portfolio's first k, for some k, and the sufficient k."""
    rows: list[tuple[object, ...]] = []
    for part in parts:
        losses = portfolio_losses(part.runs, part.validation)
        for algorithm, default in part.defaults.items():
            gains = portfolio_gains(part.runs, losses, default)
            for group, mask in part.groups.items():
                curve = np.nanmean(gains[mask], axis=0)
                shown = (f"{curve[k - 1]:+.3f}" if k < len(curve) else "" for k in SHOWN_SIZES)
                rows.append((group, algorithm, *shown, f"{curve[-1]:+.3f}", sufficient_size(gains[mask]) or "none"))
    return markdown(("tasks", "over the default of", *(f"k = {k}" for k in SHOWN_SIZES), "all", "sufficient"), rows)


def fidelity_table(part: Part) -> str:
    """Return the rank correlations between each two fidelities, by algorithm and over all of them."""
    levels = fidelities(part.validation)
    pairs = [(low, high) for high in reversed(levels) for low in levels if low < high]
    found = [rank_agreement(part.validation, low, high) for low, high in pairs]
    names = [*sorted({name for table in found for name in table} - {ALL}), ALL]
    rows = [
        (name, *(f"{t[name].median:.2f} ({t[name].cells})" if t[name].cells else "" for t in found)) for name in names
    ]
    header = (part.task_type, *(f"{fraction(low)} and {fraction(high)}" for low, high in pairs))
    return markdown(header, [row for row in rows if any(row[1:])])


def algorithm_table(part: Part) -> str:
    """Return per algorithm its configurations, its resource, fits by split and fidelity, failures, and medians."""
    levels = fidelities(part.validation)
    known, unseen = counts(part.validation), counts(part.test)
    rows = []
    for name, share in failure_shares(known + unseen).items():
        own = sum(c.algorithm == name for c in part.validation.configurations)
        at_levels = (sum(n for (a, f, _), n in known.items() if (a, f) == (name, level)) for level in levels)
        tested = sum(n for (a, _, _), n in unseen.items() if a == name)
        seconds = _median(part.validation, name, part.validation.cost_seconds)
        medians = (_median(m, name, m.loss) for m in part.measured.values())
        failed = f"{share:.1%}{_reasons(known + unseen, name)}"
        rows.append((name, own, find_learner(name).resource, *at_levels, tested, failed, seconds, *medians))
    fits = (*(f"validation at {fraction(level)}" for level in levels), "test")
    header = (part.task_type, "configurations", "resource", *fits, "failed", "median seconds a fit")
    return markdown((*header, *(MEASURED[metric] for metric in part.measured)), rows)


def _reasons(counted: Mapping[tuple[str, float, str], int], algorithm: str) -> str:
    """Return how many of an algorithm's evaluations failed with which status, in brackets; nothing where none did."""
    failed: Counter[str] = Counter()
    for (name, _, status), n in sorted(counted.items()):
        if name == algorithm and status != "ok":
            failed[status] += n
    return f" ({', '.join(f'{n} {status}' for status, n in failed.items())})" if failed else ""


def fidelities(meta_dataset: MetaDataset) -> list[float]:
    """Return the fidelities of the evaluations, the full one last."""
    return [float(f) for f in np.unique(meta_dataset.fidelity)]


def fraction(fidelity: float) -> str:
    """Return a fidelity as people write it.

    >>> fraction(0.111111111), fraction(1.0)
    ('1/9', '1')
    """
    return str(Fraction(fidelity).limit_denominator(100))


def _median(meta_dataset: MetaDataset, algorithm: str, values: Floats) -> str:
    """Return the median of values (N,) over an algorithm's full-fidelity evaluations that are ok."""
    own = np.array([c.algorithm == algorithm for c in meta_dataset.configurations])[meta_dataset.configuration_index]
    known = values[own & np.isclose(meta_dataset.fidelity, 1.0) & np.isfinite(meta_dataset.loss) & np.isfinite(values)]
    return f"{np.median(known):.3g}" if len(known) else ""


def _summaries(part: Part, values: Floats, seed: int) -> list[tuple[str, Summary]]:
    """Return the summary of values (T,) over each group of tasks that has any."""
    return [
        (name, summarise(np.where(mask, values, np.nan), part.runs.tasks, np.random.default_rng(seed)))
        for name, mask in part.groups.items()
        if np.isfinite(values[mask]).any()
    ]


def _with_interval(summary: Summary) -> str:
    return f"{summary.mean:+.3f} [{summary.low:+.3f}, {summary.high:+.3f}]"
