"""The calls a user makes: load a table, get recommended configurations, and the estimators they stand for."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core.records import (
    NO_CONSTRAINTS,
    Configuration,
    Constraints,
    Dataset,
    Recommendation,
    Task,
    TaskType,
)
from metalearn.describing import described
from metalearn.errors import AbsentError, InputError
from metalearn.recommendations import Recommendations
from metalearn.recommending import History, Wishes, recommended, timed
from metalearn.store import KnowledgeBase, opened

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

    from metalearn.optimization import Optimization

# Who waits for a recommendation learns after some seconds that a server does not answer.
_ATTEMPTS = 3


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


def fetch_task(task_id: int, *, server: str | None = None, cache: str | Path | None = None) -> Dataset:
    """Return the dataset of an OpenML task, with the target and the type that the task names.

    ``server`` and ``cache`` are as in ``fetch_dataset``.

    Raises:
        SourceError: when the server does not answer, knows no such task, or does not give its dataset whole.
        InputError: when the task is neither a classification nor a regression, or its table cannot be used.
    """
    from metalearn.sources import openml_entities
    from metalearn.sources.openml_datasets import fetch_table
    from metalearn.sources.openml_http import OpenMLServer
    from metalearn.sources.openml_tables import TASK_TYPES

    with OpenMLServer(server, attempts=_ATTEMPTS) as asked:
        found = openml_entities.tasks(asked, [task_id], {}).get(task_id)
    if found is None:
        raise AbsentError(f"The OpenML server knows no task {task_id}; check the number.")
    if found.type not in TASK_TYPES:
        raise InputError(f"OpenML task {task_id} is neither a classification nor a regression; give another.")
    place = None if cache is None else Path(cache).expanduser()
    table = fetch_table(found.dataset_id, server=server, cache=place, attempts=_ATTEMPTS)
    return table.dataset(found.target, task_type=TASK_TYPES[found.type])


def describe(
    dataset: Dataset,
    *,
    kb: KnowledgeBase | str | Path | None = None,
    timeout: float | None = None,
    seed: int = 0,
) -> Task:
    """Return the task of predicting the dataset's target, with its meta-features, found within ``timeout`` seconds.

    They are those that the tasks of ``kb`` have (default: the bundled one; see ``metalearn.describing``).

    Raises:
        InputError: for a seed that is no whole number from 0 on.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> describe(_as_dataset(X, y)).meta_features["n_classes"]
    3.0
    """
    _require_whole("seed", seed, 0)
    with opened(kb) as known:
        return described(dataset, known, timeout=timeout, seed=seed)


def recommend(
    data: "Dataset | Task | pd.DataFrame",
    y: "pd.Series[Any] | None" = None,
    *,
    k: int = 10,
    recommender: str = "auto",
    kb: KnowledgeBase | str | Path | None = None,
    metric: str | None = None,
    history: History = (),
    candidates: Sequence[Configuration] | None = None,
    constraints: Constraints = NO_CONSTRAINTS,
    memory: float | None = None,
    diverse: bool = False,
    include_default: bool = True,
    seed: int = 0,
) -> Recommendations:
    """Recommend k configurations for a dataset, a data frame with its target, or a task with known meta-features.

    ``kb`` is a knowledge base, or where one is (default: the bundled one); ``metric`` what is to be good (default: the
    one with most evaluations there). ``candidates`` and ``constraints`` are as in
    ``core.protocols.FittedRecommender``; so is ``history``, which may also hold dicts, or be a file (both as in
    ``sources.trials``) or a knowledge base of evaluations on the task. Where the knowledge base knows nothing about
    such tasks, the learners' defaults are recommended, and ``reason`` says so. Algorithms whose library is not
    installed or whose limits the dataset exceeds are left out, unless ``constraints`` asks for them by name, and so is
    what is predicted to need more than ``memory`` GB (``recommenders.memory``); ``reason`` says which, or how many.

    A list that neither history nor candidates narrow has a default configuration of the library at its second place
    (the one that the recommender would try first), unless one is at the first or second anyway, or ``include_default``
    is false. ``diverse`` reorders: each next one good, and unlike those before it (``recommenders.diversity``). What
    was fitted to a snapshot is cached (``recommenders.cache``).

    Raises:
        InputError: for data, a history or a metric that cannot be used, a k that is no whole number from 1 on, a seed
            from 0 on, or where nothing is left to recommend: says which limit leaves nothing.
        UnknownNameError: for a recommender or a metric that is not known.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> len(recommend(X, y, k=3))
    3
    """
    _require_whole("k", k, 1)
    _require_whole("seed", seed, 0)
    if memory is not None and not memory > 0:
        raise InputError(f"memory is a positive number of GB; got {memory}.")
    wishes = Wishes(k, recommender, metric, history, candidates, constraints, memory, diverse, include_default, seed)
    seconds: dict[str, float] = {}
    given = data if isinstance(data, Task) else _as_dataset(data, y)
    with opened(kb) as known:
        with timed(seconds, "describe"):
            task = given if isinstance(given, Task) else described(given, known, seed=seed)
        found = recommended(task, known, wishes, seconds)
    if not found:
        raise InputError(f"{found.reason[0].upper()}{found.reason[1:]}.")
    mended = given.notes if isinstance(given, Dataset) else ()
    return replace(found, reason="; ".join((found.reason, *mended)))


def optimize(
    data: "Dataset | pd.DataFrame",
    y: "pd.Series[Any] | None" = None,
    *,
    seconds: float | None = None,
    trials: int | None = None,
    optimizer: str = "auto",
    warm_start: int = 5,
    recommender: str = "auto",
    metric: str | None = None,
    constraints: Constraints = NO_CONSTRAINTS,
    kb: KnowledgeBase | str | Path | None = None,
    seconds_each: float | None = None,
    memory: float | None = None,
    patience: int | None = None,
    workers: int | str = 1,
    journal: str | Path | None = None,
    progress: bool = False,
    seed: int = 0,
) -> "Optimization":
    """Look for the best pipeline for a dataset, or a data frame with its target, and fit it to all rows.

    The first ``warm_start`` configurations are recommended from a knowledge base, as by ``recommend``; the optimizer
    goes on from them until ``seconds`` or ``trials`` are spent (default: 50 trials). A trial is stopped after
    ``seconds_each``, or where it needs more than ``memory`` GB. With a ``journal`` that exists, the search goes on
    where that ends. See ``metalearn.optimizing`` for the other options. A script calls this under
    ``if __name__ == "__main__":``, since the child processes that trials run in import the script.

    Raises:
        InputError: for data, a metric, a limit or a seed that cannot be used, when no trial ended well, or when the
            journal belongs to another optimization.
        UnknownNameError: for an optimizer, recommender, metric or algorithm that is not known.
        MetalearnError: when no child process can start, as where a script calls this without a guard.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> quick = Constraints(algorithms=("gaussian_nb", "lda"))
    >>> found = optimize(X, y, trials=3, warm_start=2, optimizer="random", constraints=quick)
    >>> found.value(found.best.loss) > 0.9, len(found.estimator.predict(X))
    (True, 150)
    """
    from metalearn.optimizing import Budget, Search
    from metalearn.optimizing import optimize as search_and_refit

    _require_whole("seed", seed, 0)
    search = Search(optimizer, warm_start, recommender, metric, constraints, seed)
    budget = Budget(trials, seconds, seconds_each, memory, patience, workers)
    found = search_and_refit(_as_dataset(data, y), search, budget, kb=kb, journal=journal, progress=progress)
    if found.best is None and found.result.stopped != "interrupted":
        raise InputError(f"Nothing was found: {'; '.join((*found.notes[-1:], *found.failures))}.")
    return found


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

    _require_whole("seed", seed, 0)
    wanted = configuration.configuration if isinstance(configuration, Recommendation) else configuration
    return build(wanted, task_type=task_type, n_classes=n_classes, probabilities=probabilities, seed=seed)


def _require_whole(name: str, value: object, least: int) -> None:
    if not isinstance(value, Integral) or value < least:
        raise InputError(f"{name} is a whole number, {least} or more; got {value!r}.")


def _as_dataset(data: "Dataset | pd.DataFrame", y: "pd.Series[Any] | None") -> Dataset:
    if isinstance(data, Dataset):
        return data
    if y is None:
        raise InputError("Pass the target too: recommend(X, y); or a Dataset from load_dataset(path, target).")
    import pandas as pd

    from metalearn.sources.frames import make_dataset, renamed, unique_names

    if not isinstance(data, pd.DataFrame):
        raise InputError(f"The features are a pandas DataFrame; got {type(data).__name__}: pass pd.DataFrame(X).")
    if np.shape(y) != (len(data),):
        raise InputError(f"The target holds one value for each of the {len(data)} rows; got the shape {np.shape(y)}.")
    if isinstance(y, pd.Series) and not y.index.equals(data.index) and set(y.index) == set(data.index):
        raise InputError("The target's index has the features' labels in another order; pass y.loc[X.index].")
    *columns, target = unique_names([*data.columns, getattr(y, "name", None) or "target"])
    # As it came: classes that are numbers are told from numbers by their dtype.
    table = data.set_axis(columns, axis=1).assign(**{target: getattr(y, "array", y)})
    dataset = make_dataset(table, target, name="data")
    return replace(dataset, notes=(*renamed(data.columns, columns), *dataset.notes))
