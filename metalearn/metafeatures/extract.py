"""Run the groups of meta-features under a budget of time and memory: a value or a status for every name."""

import time
from collections.abc import Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.records import Dataset
from metalearn.errors import InputError, UnknownNameError
from metalearn.metafeatures.autosklearn import AUTOSKLEARN
from metalearn.metafeatures.clustering import CLUSTERING
from metalearn.metafeatures.complexity import COMPLEXITY
from metalearn.metafeatures.concept import CONCEPT
from metalearn.metafeatures.information import INFORMATION
from metalearn.metafeatures.itemset import ITEMSET
from metalearn.metafeatures.landmarkers import LANDMARKERS
from metalearn.metafeatures.measures import ALL_SUMMARIES, SUMMARIES, Group
from metalearn.metafeatures.model_based import MODEL_BASED
from metalearn.metafeatures.multivariate import MULTIVARIATE
from metalearn.metafeatures.openml_qualities import OPENML
from metalearn.metafeatures.simple import SIMPLE
from metalearn.metafeatures.statistical import STATISTICAL
from metalearn.metafeatures.table import MAX_CELLS, Deadline, Floats, Table, max_cells_within
from metalearn.metafeatures.text import TEXT
from metalearn.metafeatures.time_order import TIME_ORDER

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# What describes a dataset, the cheapest first: that is the order in which they run.
_GENERAL = (
    SIMPLE,
    STATISTICAL,
    INFORMATION,
    MULTIVARIATE,
    ITEMSET,
    CONCEPT,
    CLUSTERING,
    MODEL_BASED,
    LANDMARKERS,
    COMPLEXITY,
)
# What says the same in other tools' words, or is for special kinds of tables.
_SPECIAL = (TEXT, TIME_ORDER, OPENML, AUTOSKLEARN)
GROUPS = {group.name: group for group in (*_GENERAL, *_SPECIAL)}
DEFAULT_GROUPS = tuple(group.name for group in _GENERAL)

Extracted = tuple[Floats, Floats, tuple[str, ...]]


class Extractor:
    """Describes a dataset by F meta-features, whose names are known beforehand.

    ``groups`` are names of ours (``DEFAULT_GROUPS`` by default) or groups of your own; ``summaries`` are those of
    the measures that have many values. A single one need not stand in a list. Whatever is asked for, a meta-feature's
    value is the same for the same state of ``rng``. ``metadata/meta_features.csv`` says what each one means.

    Raises:
        UnknownNameError: for a group or a summary that does not exist; suggests the nearest.
        InputError: when two groups have a name in common.

    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 4.0, None]})
    >>> dataset = Dataset(X, pd.Series([1.5, 2.5, 3.5, 4.5]), "tiny", ("numeric",), "")
    >>> extractor = Extractor(["simple", "statistical"])
    >>> values, seconds, status = extractor.extract(dataset, rng=np.random.default_rng(0))
    >>> found = dict(zip(extractor.names, zip(values.tolist(), status)))
    >>> found["n_rows"], found["median_mean"], found["n_classes"]
    ((4.0, 'ok'), (2.0, 'ok'), (nan, 'not_applicable'))
    """

    name = "metalearn"
    version = "3"

    def __init__(
        self, groups: Iterable[str | Group] | Group | None = None, *, summaries: Sequence[str] = SUMMARIES
    ) -> None:
        groups = [groups] if isinstance(groups, str | Group) else groups
        summaries = [summaries] if isinstance(summaries, str) else summaries
        for summary in summaries:
            if summary not in ALL_SUMMARIES:
                raise UnknownNameError("summary", summary, ALL_SUMMARIES)
        self.groups = _in_order(DEFAULT_GROUPS if groups is None else groups)
        self.summaries = tuple(s for s in ALL_SUMMARIES if s in summaries)
        self.names: tuple[str, ...] = tuple(name for group in self.groups for name in group.names(self.summaries))
        if len(set(self.names)) < len(self.names):
            raise InputError("Two groups of meta-features have a name in common; rename the measures of your own one.")

    def __repr__(self) -> str:
        return f"Extractor(groups={[group.name for group in self.groups]}, summaries={list(self.summaries)})"

    def extract(
        self,
        dataset: Dataset,
        *,
        budget: float | None = None,
        memory: float | None = None,
        rng: np.random.Generator,
    ) -> Extracted:
        """Return values (F,), seconds (F,) and status (F,), in the order of ``names``.

        The groups run one after the other, the cheap ones first; what is not done when ``budget`` seconds are spent
        has status ``timeout``. ``memory`` GB limit the rows that are used (``n_rows_used``). A measure's seconds, with
        those of what it is the first to need, are shared out evenly among its meta-features. A value is finite exactly
        when its status is ``ok``; else it is NaN and the status says why: ``not_applicable``, ``constant``,
        ``too_few_rows``, ``undefined`` (no finite result), ``timeout``, ``memout``, or ``failed: <type of error>``.
        """
        deadline = Deadline.within(budget)
        max_cells = MAX_CELLS if memory is None else min(MAX_CELLS, max_cells_within(memory))
        table = Table.of(dataset, seed=int(rng.integers(2**63)), deadline=deadline, max_cells=max_cells)
        described: list[tuple[float, float, str]] = []
        # Many products of small matrices: threads would wait for each other longer than they compute.
        with _threads().limit(limits=1, user_api="blas"):
            for measure in (measure for group in self.groups for measure in group.measures):
                begin = time.perf_counter()
                measured = measure.measure(table, self.summaries)
                seconds = (time.perf_counter() - begin) / len(measured)
                described += [_described(value, seconds) for value in measured.values()]
        values, spent, status = ([row[i] for row in described] for i in range(3))
        return np.array(values), np.array(spent), tuple(map(str, status))


def meta_features(
    dataset: Dataset,
    *,
    groups: Iterable[str | Group] | Group | None = None,
    budget: float | None = None,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return the meta-features by name, NaN where there is none: what a ``Task`` takes.

    >>> import pandas as pd
    >>> X = pd.DataFrame({"a": [1.0, 2.0, 4.0, None]})
    >>> dataset = Dataset(X, pd.Series([1.5, 2.5, 3.5, 4.5]), "tiny", ("numeric",), "")
    >>> meta_features(dataset, groups=["simple"], rng=np.random.default_rng(0))["share_missing"]
    0.25
    """
    extractor = Extractor(groups)
    values, _, _ = extractor.extract(dataset, budget=budget, rng=rng)
    return dict(zip(extractor.names, values.tolist(), strict=True))


def rows(task_id: str, extractor: Extractor, extracted: Extracted) -> list[dict[str, Any]]:
    """Return what ``extract`` gave as rows of the knowledge base's table ``meta_features``; NaN becomes None.

    >>> extractor = Extractor(["simple"])
    >>> F = len(extractor.names)
    >>> rows("openml-task-59", extractor, (np.full(F, np.nan), np.zeros(F), ("timeout",) * F))[0]["status"]
    'timeout'
    """
    return [
        {
            "task_id": task_id,
            "extractor": extractor.name,
            "extractor_version": extractor.version,
            "name": name,
            "value": value if said == "ok" else None,
            "seconds": seconds,
            "status": said,
        }
        for name, value, seconds, said in zip(
            extractor.names, extracted[0].tolist(), extracted[1].tolist(), extracted[2], strict=True
        )
    ]


def dictionary() -> list[dict[str, str]]:
    """Return what every meta-feature of every group means: the rows of ``metadata/meta_features.csv``.

    >>> next(entry for entry in dictionary() if entry["name"] == "skewness_q25")["formula"]
    'lower quartile over numeric columns that vary of: m3 / m2^1.5 with the central moments m2 and m3'
    """
    return [entry for group in GROUPS.values() for measure in group.measures for entry in measure.entries(group.name)]


def _in_order(groups: Iterable[str | Group]) -> tuple[Group, ...]:
    """Return our groups in the order in which they run, and then the others."""
    own, others = set(), []
    for group in groups:
        if isinstance(group, Group):
            others.append(group)
        elif group in GROUPS:
            own.add(group)
        else:
            raise UnknownNameError("group of meta-features", group, GROUPS)
    return (*(group for name, group in GROUPS.items() if name in own), *others)


@cache
def _threads() -> "ThreadpoolController":
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _described(measured: float | str, seconds: float) -> tuple[float, float, str]:
    return (float("nan"), seconds, measured) if isinstance(measured, str) else (measured, seconds, "ok")
