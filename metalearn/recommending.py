"""How a recommendation comes about: what is known is loaded, a recommender fitted or read, its list made."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from metalearn.core import rows
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import Explains, FittedRecommender, Recommender, TellsDrivers
from metalearn.core.records import Configuration, Constraints, Recommendation, Task, TaskType, Trial
from metalearn.core.registry import create
from metalearn.core.transforms import ranks
from metalearn.describing import extractor_of
from metalearn.errors import ConfigurationError, InputError, UnknownNameError
from metalearn.recommendations import Recommendations
from metalearn.recommenders.cache import fitted as fitted_or_read
from metalearn.recommenders.diversity import maximal_marginal_relevance, profile_similarity
from metalearn.recommenders.eligibility import Limits
from metalearn.recommenders.lists import affordable, with_default
from metalearn.recommenders.memory import METRIC as MEMORY_METRIC
from metalearn.recommenders.memory import predicted_memory
from metalearn.recommenders.ranking import Ordering
from metalearn.recommenders.tried import Tried
from metalearn.store import KnowledgeBase

if TYPE_CHECKING:
    import pandas as pd

N_DRIVERS = 5
# A new task is said to be unlike the past ones where so many of those are nearer to each other.
UNLIKE = 0.95
# Lists are made diverse from so many at least of what the recommender puts first.
N_CONSIDERED = 1000
_OF_EITHER_TYPE = (MEMORY_METRIC, "predict_seconds")


# What was tried already: trials, or what stands for them in ``sources.trials``; or the file or knowledge base it is in.
History: TypeAlias = "Sequence[Trial | Mapping[str, Any]] | pd.DataFrame | str | Path"


@dataclass(frozen=True, eq=False)
class Wishes:
    """What is asked for, but the task and the knowledge base: the options of ``metalearn.recommend``."""

    k: int
    recommender: str
    metric: str | None
    history: History
    candidates: Sequence[Configuration] | None
    constraints: Constraints
    memory: float | None
    diverse: bool
    include_default: bool
    seed: int


def recommended(task: Task, kb: KnowledgeBase, wishes: Wishes, seconds: dict[str, float]) -> Recommendations:
    """Return the recommendations for a task; ``seconds`` takes those of each stage.

    Where nothing can be recommended there are none, and the reason is why.

    Raises:
        InputError: for a metric of other tasks, or a history that cannot be one.
        UnknownNameError: for a recommender, metric, search space or algorithm that is not known.
    """
    method: Recommender = create("recommender", wishes.recommender)
    with timed(seconds, "load"):
        past = _past(kb, task, wishes)
        tried = _tried(wishes.history, past, task)
        heavy = None if wishes.memory is None else _too_large(kb, task, past, wishes.memory)
    name = wishes.recommender
    if not len(past):  # nothing but the defaults can be recommended from nothing, whatever the method
        name, method = "auto", create("recommender", "auto")
    with timed(seconds, "fit"):
        fitted = fitted_or_read(method, past, seed=wishes.seed)
    with timed(seconds, "recommend"):
        unusable, asked = _unusable(task), wishes.constraints.algorithms or ()
        in_spite = [f"{name} was asked for, but {unusable.pop(name)}" for name in asked if name in unusable]
        limits = replace(wishes.constraints, exclude=(*wishes.constraints.exclude, *unusable, *(heavy or ())))
        items = _listed(fitted, task, past, tried, replace(wishes, constraints=limits))
        name, reason = _explanation(fitted, task, name, past, wishes.metric)
        novelty = fitted.past.novelty.of(fitted.past.meta_features_of(task)) if isinstance(fitted, Ordering) else None
        if novelty is not None and novelty > UNLIKE:
            reason += f"; beware: {novelty:.0%} of the past tasks are more like the rest than the new one is"
        notes = (*in_spite, *_notes(wishes, items, past, tried, task.type, unusable, heavy))
        reason = "; ".join((reason, *notes))
        if not items:
            reason = f"nothing can be recommended: {_blame(fitted, task, wishes, tried, unusable, heavy or {})}"
        drivers = _drivers(fitted, task, past)
    shown = {evidence.task_id for item in items for evidence in item.evidence}
    names = {task_id: dataset for task_id, dataset in kb.dataset_names().items() if task_id in shown}
    return Recommendations(task, name, reason, items, drivers, novelty, seconds, past.metric, names)


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds that the block takes to those of a stage."""
    begin = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begin


def _past(kb: KnowledgeBase, task: Task, wishes: Wishes) -> MetaDataset:
    past = kb.meta_dataset(metric=wishes.metric, task_type=task.type, extractor=extractor_of(task, kb))
    measures = {task.type} if past.metric.name in _OF_EITHER_TYPE else {rows.task_type(past.metric)}
    if wishes.metric is not None and not len(past) and task.type not in measures:
        raise InputError(f"{wishes.metric} does not measure {task.type}; name a metric that does.")
    spaces = {configuration.space for configuration in past.configurations}
    space = wishes.constraints.space
    if isinstance(space, str) and spaces and space not in spaces:
        raise UnknownNameError("search space", space, spaces, where=f"for {task.type} in this knowledge base")
    return past


def _tried(history: History, past: MetaDataset, task: Task) -> tuple[Trial, ...]:
    """Return the trials on the new task: as given, or read from a file or a knowledge base."""
    from metalearn.learners.space import search_space
    from metalearn.sources.trials import as_trials, check_losses, read_trials, trials_of

    if isinstance(history, Sequence) and not history:
        return ()
    spaces, library = {configuration.space for configuration in past.configurations}, search_space(task.type)
    space = spaces.pop() if len(spaces) == 1 else library.name
    if not isinstance(history, str | Path):
        trials = as_trials(history, past, space=space, library=library)
    elif str(history).endswith(".duckdb") or "://" in str(history) or Path(history).is_dir():
        with KnowledgeBase.open(history) as kb:
            trials = trials_of(kb.meta_dataset(metric=past.metric.name, task_type=task.type), str(history))
    else:
        trials = read_trials(history, past, space=space, library=library)
    check_losses(trials, past.metric)
    return trials


def _too_large(kb: KnowledgeBase, task: Task, past: MetaDataset, memory: float) -> dict[str, float] | None:
    """Return the predicted GB of configurations that need more than so many, by id, None where nothing tells."""
    try:
        measured = kb.meta_dataset(metric=MEMORY_METRIC, task_type=task.type, extractor=past.extractor or None)
    except UnknownNameError:  # an old knowledge base
        return None
    predicted = predicted_memory(measured, task)
    return {id_: needed for id_, needed in predicted.items() if needed > memory} if predicted else None


def _unusable(task: Task) -> dict[str, str]:
    """Return why algorithms cannot be fitted here, by algorithm."""
    from metalearn.learners.catalog import LEARNERS
    from metalearn.learners.space import unusable

    features = task.meta_features
    return unusable(sorted(LEARNERS), features.get("n_rows", 0), features.get("n_classes", 0))


def _listed(
    fitted: FittedRecommender, task: Task, past: MetaDataset, tried: tuple[Trial, ...], wishes: Wishes
) -> tuple[Recommendation, ...]:
    """Return the first k of the recommender's order: made diverse, with a default, within the seconds in all.

    Where the list that would come without a limit on all seconds keeps to it, it is that list.
    """
    constraints, total = wishes.constraints, wishes.constraints.total_seconds
    if total is not None:
        unhurried = replace(wishes, constraints=replace(constraints, total_seconds=None))
        items = _listed(fitted, task, past, tried, unhurried)
        if sum(item.cost_seconds or 0.0 for item in items) <= total:
            return items
    if wishes.diverse:  # from all that is good, whatever it takes; what fits is seen at the end
        constraints = replace(constraints, seconds=constraints.most_seconds, total_seconds=None)
    n = max(wishes.k, N_CONSIDERED) if wishes.diverse else wishes.k
    found = fitted.recommend(task, n, history=tried, candidates=wishes.candidates, constraints=constraints)
    listed = _diverse(found, past) if wishes.diverse else list(found)
    if wishes.include_default and wishes.candidates is None and not tried:
        listed = with_default(listed, _default(fitted, task, past, constraints))
    return tuple(listed[place] for place in affordable([item.cost_seconds for item in listed], total))[: wishes.k]


def _default(
    fitted: FittedRecommender, task: Task, past: MetaDataset, constraints: Constraints
) -> Recommendation | None:
    """Return the default that the recommender would try first, the forest's where the past knows none."""
    from metalearn.learners.defaults import default_configurations

    defaults = default_configurations(task.type)
    known = [configuration for configuration in defaults if configuration.id in past.position] or defaults[:1]
    return next(iter(fitted.recommend(task, 1, candidates=known, constraints=constraints)), None)


def _diverse(items: Sequence[Recommendation], past: MetaDataset) -> list[Recommendation]:
    """Return the list reordered such that each next one is good and unlike those before it, unknown ones last."""
    known = [item for item in items if item.configuration.id in past.position][:N_CONSIDERED]
    columns = [past.position[item.configuration.id] for item in known]
    similarity = profile_similarity(ranks(past.performance_matrix(), past.failure_matrix())[:, columns])
    reordered = [known[place] for place in maximal_marginal_relevance(similarity, len(known))]
    chosen = {item.configuration.id for item in reordered}
    return [*reordered, *(item for item in items if item.configuration.id not in chosen)]


def _blame(
    fitted: FittedRecommender,
    task: Task,
    wishes: Wishes,
    tried: Sequence[Trial],
    unusable: Mapping[str, str],
    heavy: Mapping[str, float],
) -> str:
    """Return why nothing is left to recommend, in words that name the option to change."""
    from metalearn.learners.defaults import default_configurations

    known: Sequence[Configuration] = default_configurations(task.type)
    seconds: dict[str, float] = {}
    if isinstance(fitted, Ordering) and fitted.past.configurations:
        known, past_tried = fitted.past.configurations, Tried.of(tried, fitted.past.meta_dataset.position)
        predicted = fitted.past.runtimes.seconds(task.meta_features, past_tried.indices, past_tried.seconds)
        seconds = {c.id: float(s) for c, s in zip(known, predicted, strict=True) if np.isfinite(s)}
    limits = Limits(wishes.constraints, unusable, heavy, {trial.configuration.id for trial in tried}, seconds)
    return limits.blame(known if wishes.candidates is None else wishes.candidates)


def _drivers(fitted: FittedRecommender, task: Task, past: MetaDataset) -> tuple[tuple[str, float], ...]:
    if not isinstance(fitted, TellsDrivers):
        return ()
    shares = fitted.drivers(task)
    largest = np.argsort(-shares, kind="stable")[:N_DRIVERS]
    names = past.feature_names
    return tuple((names[i], float(shares[i])) for i in largest if shares[i] > 0 and names[i] in task.meta_features)


def _explanation(
    fitted: FittedRecommender, task: Task, name: str, past: MetaDataset, metric: str | None
) -> tuple[str, str]:
    if not isinstance(fitted, Explains):
        return name, "asked for by name"
    method, reason = fitted.explain(task)
    if not len(past) and metric is not None:
        of = f"{task.type} evaluations of {metric}"
        reason = f"the knowledge base holds no {of}, so these are the learners' defaults"
    return f"{name} ({method})", reason


def _notes_on_tried(tried: Sequence[Trial], past: MetaDataset, task_type: TaskType) -> Iterator[str]:
    """Yield what of a history failed, and what tells nothing, with the first entry that is to be mended."""
    from metalearn.learners.space import search_space

    failed = sum(trial.loss is None and trial.status != "pending" for trial in tried)
    if failed:
        yield f"{failed} of the {len(tried)} trials in the history count as failed"
    places = {trial.configuration: i for i, trial in enumerate(tried, start=1)}
    unheard = [configuration for configuration in places if configuration.id not in past.position]
    if not unheard:
        return
    yield f"{len(unheard)} of the configurations tried are unknown to the knowledge base and tell it nothing"
    library = search_space(task_type)
    for configuration in (c for c in unheard if c.space == library.name):
        try:
            library.encode([configuration])
        except ConfigurationError as error:
            yield f"entry {places[configuration]} of the history may be wrong: {str(error).rstrip('.')}"
            return


def _notes(
    wishes: Wishes,
    items: Sequence[Recommendation],
    past: MetaDataset,
    tried: Sequence[Trial],
    task_type: TaskType,
    unusable: Mapping[str, str],
    heavy: Mapping[str, float] | None,
) -> Iterator[str]:
    """Yield what else there is to say: what is left out, and what options came to."""
    algorithms = {configuration.algorithm for configuration in past.configurations}
    for algorithm, why in unusable.items():
        if algorithm in algorithms:
            yield f"{algorithm} is left out: {why}"
    if too_large := set(heavy or ()) & set(past.position):
        yield f"{len(too_large)} configurations are left out: predicted to need more than {wishes.memory:g} GB"
    if heavy is None and wishes.memory is not None:
        yield "nothing is left out for its memory, of which the knowledge base knows nothing"
    yield from _notes_on_tried(tried, past, task_type)
    total = wishes.constraints.total_seconds
    if total is not None:
        seconds = sum(item.cost_seconds or 0.0 for item in items)
        yield f"the list takes a predicted {seconds:.3g} of {total:g} seconds, what does not fit being passed over"
    if len(items) < wishes.k:
        yield f"{len(items)} of {wishes.k}: no more are known, allowed and not tried yet"
