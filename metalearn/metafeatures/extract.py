"""Run the groups of meta-features under a budget of seconds: a value or a status for every name."""

import time
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from metalearn.core.records import Dataset
from metalearn.errors import UnknownNameError
from metalearn.metafeatures.groups import Group, Measured
from metalearn.metafeatures.information import INFORMATION
from metalearn.metafeatures.landmarkers import LANDMARKERS
from metalearn.metafeatures.multivariate import MULTIVARIATE
from metalearn.metafeatures.simple import SIMPLE
from metalearn.metafeatures.statistical import STATISTICAL
from metalearn.metafeatures.table import Floats, Table

# The cheapest first: that is the order in which they run.
GROUPS = {group.name: group for group in (SIMPLE, STATISTICAL, INFORMATION, MULTIVARIATE, LANDMARKERS)}

Extracted = tuple[Floats, Floats, tuple[str, ...]]


class Extractor:
    """Describes a dataset by F meta-features, whose names are known beforehand.

    ``groups`` names those to compute (all by default). Whatever is asked for, a meta-feature's value is the same for
    the same state of ``rng``. ``metadata/meta_features.csv`` says what each one means.

    Raises:
        UnknownNameError: for a group that does not exist; suggests the nearest.

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
    version = "1"

    def __init__(self, groups: Sequence[str] | None = None) -> None:
        wanted = GROUPS if groups is None else groups
        for group in wanted:
            if group not in GROUPS:
                raise UnknownNameError("group of meta-features", group, GROUPS)
        self.groups = tuple(group for group in GROUPS if group in wanted)
        self.names: tuple[str, ...] = tuple(name for group in self.groups for name in GROUPS[group].names)

    def __repr__(self) -> str:
        return f"Extractor(groups={list(self.groups)})"

    def extract(self, dataset: Dataset, *, budget: float | None = None, rng: np.random.Generator) -> Extracted:
        """Return values (F,), seconds (F,) and status (F,), in the order of ``names``.

        The groups run one after the other; one whose turn comes when ``budget`` seconds are spent has status
        ``timeout``. A group's seconds are shared out evenly among its meta-features. A value is finite exactly when
        its status is ``ok``; else it is NaN and the status says why: ``not_applicable``, ``constant``,
        ``too_few_rows``, ``undefined`` (no finite result), ``timeout``, or ``failed: <type of error>``.
        """
        start = time.perf_counter()
        seed = int(rng.integers(2**63))
        table = Table.of(dataset)
        described: list[tuple[float, float, str]] = []
        for group in (GROUPS[name] for name in self.groups):
            begin = time.perf_counter()
            late = budget is not None and begin - start >= budget
            measured = dict.fromkeys(group.names, "timeout") if late else _measured(group, table, seed)
            seconds = (time.perf_counter() - begin) / len(group.names)
            described += [_described(measured[name], seconds) for name in group.names]
        values, spent, status = ([row[i] for row in described] for i in range(3))
        return np.array(values), np.array(spent), tuple(map(str, status))


def meta_features(
    dataset: Dataset,
    *,
    groups: Sequence[str] | None = None,
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

    >>> extractor = Extractor(["landmarkers"])
    >>> nothing = (np.full(4, np.nan), np.zeros(4), ("timeout",) * 4)
    >>> rows("openml-task-59", extractor, nothing)[0]["name"]
    'landmark_decision_stump'
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


def _measured(group: Group, table: Table, seed: int) -> Measured:
    # A stream for each group: its values do not depend on which other groups were asked for.
    rng = np.random.default_rng([seed, zlib.crc32(group.name.encode())])
    try:
        with np.errstate(all="ignore"):  # what overflows has the status "undefined"
            return group.measure(table, rng)
    except Exception as error:  # a group that breaks on this dataset must not take the others along
        return dict.fromkeys(group.names, f"failed: {type(error).__name__}")


def _described(measured: float | str, seconds: float) -> tuple[float, float, str]:
    if isinstance(measured, str):
        return float("nan"), seconds, measured
    return (float(measured), seconds, "ok") if np.isfinite(measured) else (float("nan"), seconds, "undefined")
