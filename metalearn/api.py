"""The calls a user makes: load a table, get recommended configurations, and the estimators they stand for."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.protocols import Explains, FittedRecommender, Recommender
from metalearn.core.records import (
    NO_CONSTRAINTS,
    Configuration,
    Constraints,
    Dataset,
    Recommendation,
    Task,
    TaskType,
    Trial,
)
from metalearn.core.registry import create
from metalearn.errors import InputError
from metalearn.store import KnowledgeBase

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Configurations to try, the first one first; which recommender chose them, and why that one."""

    task: Task
    recommender: str
    reason: str
    items: tuple[Recommendation, ...]

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Recommendation:
        return self.items[index]

    def asdict(self) -> dict[str, Any]:
        """Return plain data, as ``metalearn recommend --json`` prints it."""
        return {
            "task": {"id": self.task.id, "dataset_id": self.task.dataset_id, "type": self.task.type},
            "recommender": self.recommender,
            "reason": self.reason,
            "recommendations": [
                {
                    "rank": rank,
                    "id": item.configuration.id,
                    "space": item.configuration.space,
                    "algorithm": item.configuration.algorithm,
                    "hyperparameters": dict(item.configuration.hyperparameters),
                    "predicted_loss": item.loss,
                    "std": item.std,
                    "predicted_seconds": item.cost_seconds,
                    "evidence": [asdict(evidence) for evidence in item.evidence],
                }
                for rank, item in enumerate(self.items, start=1)
            ],
        }


def load_dataset(path: str | Path, target: str, *, task_type: TaskType | None = None) -> Dataset:
    """Read a CSV, ARFF or Parquet file; see ``metalearn.sources.files.load_dataset`` for what is understood.

    Raises:
        InputError: when the file or its target column cannot be used; says why.
    """
    from metalearn.sources.files import load_dataset as load

    return load(path, target, task_type=task_type)


def fetch_dataset(
    dataset_id: int,
    *,
    server: str | None = None,
    cache: str | Path | None = None,
    target: str | None = None,
    offline: bool = False,
    deactivated: bool = False,
    timeout_seconds: float = 900.0,
) -> Dataset:
    """Return an OpenML dataset, downloaded by the ``openml`` client and verified, or from that client's cache.

    ``target`` is by default the server's; ``server`` (the URL of an API) and ``cache`` (a folder) are the client's.
    ``offline`` asks no server, ``deactivated`` takes also what the server has withdrawn, and ``timeout_seconds``
    bounds each try. Columns to ignore and row ids are left out. See ``metalearn.sources.openml_datasets``.

    Raises:
        SourceError: when the server does not know the dataset, has withdrawn it, or does not give it whole.
        InputError: when there is no default target and none is given, or the table cannot be used; says why.

    >>> fetch_dataset(61, cache="/nowhere", offline=True)  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    metalearn.errors.SourceError: OpenML dataset 61 is not whole in the cache at /nowhere/...
    """
    from metalearn.sources.openml_datasets import fetch_table

    table = fetch_table(
        dataset_id,
        server=server,
        cache=None if cache is None else Path(cache).expanduser(),
        offline=offline,
        deactivated=deactivated,
        timeout_seconds=timeout_seconds,
    )
    return table.dataset(target)


def describe(dataset: Dataset, *, timeout: float | None = None, seed: int = 0) -> Task:
    """Return the task of predicting the dataset's target, with its meta-features, found within ``timeout`` seconds."""
    from metalearn.metafeatures.extract import meta_features

    features = meta_features(dataset, budget=timeout, rng=np.random.default_rng(seed))
    return Task(dataset.id, dataset.id, dataset.task_type, meta_features=features)


def recommend(
    data: "Dataset | Task | pd.DataFrame",
    y: "pd.Series[Any] | None" = None,
    *,
    k: int = 10,
    recommender: str = "auto",
    kb: KnowledgeBase | str | Path | None = None,
    metric: str | None = None,
    history: Sequence[Trial] = (),
    candidates: Sequence[Configuration] | None = None,
    constraints: Constraints = NO_CONSTRAINTS,
    seed: int = 0,
) -> Recommendations:
    """Recommend k configurations for a dataset, a data frame with its target, or a task with known meta-features.

    ``kb`` is a knowledge base, or where one is (default: the bundled one); ``metric`` what is to be good (default: the
    one with most evaluations there). ``history``, ``candidates`` and ``constraints`` are as in
    ``core.protocols.FittedRecommender``. Where the knowledge base knows nothing about such tasks, the learners'
    defaults are recommended, and ``reason`` says so. Algorithms whose library is not installed or whose limits the
    dataset exceeds are left out, unless ``constraints`` asks for them by name; ``reason`` says which.

    Raises:
        InputError: for data that cannot be used, or a k below 1.
        UnknownNameError: for a recommender or a metric that is not known.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> len(recommend(X, y, k=3))
    3
    """
    if k < 1:
        raise InputError(f"k must be at least 1; got {k}.")
    method: Recommender = create("recommender", recommender)
    task = data if isinstance(data, Task) else describe(_as_dataset(data, y), seed=seed)
    with nullcontext(kb) if isinstance(kb, KnowledgeBase) else KnowledgeBase.open(kb) as opened:
        past = opened.meta_dataset(metric=metric, task_type=task.type, extractor=opened.extractor_of(task))
    if not len(past):  # nothing but the defaults can be recommended from nothing, whatever the method
        recommender, method = "auto", create("recommender", "auto")
    fitted = method.meta_fit(past, rng=np.random.default_rng(seed))
    unusable = _unusable(task, constraints)
    usable = replace(constraints, exclude=(*constraints.exclude, *unusable))
    items = fitted.recommend(task, k, history=history, candidates=candidates, constraints=usable)
    name, reason = _explanation(fitted, task, recommender)
    known = {configuration.algorithm for configuration in past.configurations}
    notes = [f"; {algorithm} is left out: {why}" for algorithm, why in unusable.items() if algorithm in known]
    return Recommendations(task, name, reason + "".join(notes), items)


def make_estimator(
    configuration: Configuration | Recommendation,
    *,
    task_type: TaskType | None = None,
    n_classes: int | None = None,
    probabilities: bool = False,
    seed: int = 0,
) -> "Pipeline":
    """Return the unfitted scikit-learn pipeline of a configuration; see ``metalearn.learners.build``.

    >>> make_estimator(Configuration("sklearn", "gaussian_nb")).steps[-1][0]
    'gaussiannb'
    """
    from metalearn.learners.build import make_estimator as build

    wanted = configuration.configuration if isinstance(configuration, Recommendation) else configuration
    return build(wanted, task_type=task_type, n_classes=n_classes, probabilities=probabilities, seed=seed)


def _as_dataset(data: "Dataset | pd.DataFrame", y: "pd.Series[Any] | None") -> Dataset:
    if isinstance(data, Dataset):
        return data
    if y is None:
        raise InputError("Pass the target too: recommend(X, y); or a Dataset from load_dataset(path, target).")
    from metalearn.sources.frames import make_dataset

    name = str(getattr(y, "name", None) or "target")
    target = name if name not in data.columns else f"{name} (target)"
    return make_dataset(data.assign(**{target: np.asarray(y)}), target, name="data")


def _unusable(task: Task, constraints: Constraints) -> dict[str, str]:
    """Return why algorithms that nobody asked for by name cannot be fitted here, by algorithm."""
    from metalearn.learners.catalog import LEARNERS, exceeded_limit, missing_extra

    n_rows, n_classes = task.meta_features.get("n_rows", 0), task.meta_features.get("n_classes", 0)
    reasons = {}
    for algorithm in set(LEARNERS) - set(constraints.algorithms or ()):
        extra = missing_extra(algorithm)
        install = f"it needs pip install 'metalearn[{extra}]'" if extra else None
        reasons[algorithm] = install or exceeded_limit(algorithm, n_rows, n_classes)
    return {algorithm: why for algorithm, why in sorted(reasons.items()) if why}


def _explanation(fitted: FittedRecommender, task: Task, name: str) -> tuple[str, str]:
    if isinstance(fitted, Explains):
        method, reason = fitted.explain(task)
        return f"{name} ({method})", reason
    return name, "asked for by name"
