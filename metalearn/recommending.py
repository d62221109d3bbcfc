"""How a recommendation comes about: what is known is loaded, a recommender fitted or read, its list made."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from metalearn.core import rows
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import Explains, FittedRecommender, Recommender, TellsDrivers
from metalearn.core.records import Configuration, Constraints, Recommendation, Task, Trial
from metalearn.core.registry import create
from metalearn.core.transforms import ranks
from metalearn.errors import InputError, UnknownNameError
from metalearn.recommenders.cache import fitted as fitted_or_read
from metalearn.recommenders.diversity import maximal_marginal_relevance, profile_similarity
from metalearn.recommenders.lists import affordable, with_default
from metalearn.recommenders.memory import METRIC as MEMORY_METRIC
from metalearn.recommenders.memory import predicted_memory
from metalearn.recommenders.ranking import Ordering
from metalearn.store import KnowledgeBase

if TYPE_CHECKING:
    import pandas as pd

N_DRIVERS = 5
# A new task is said to be unlike the past ones where so many of those are nearer to each other.
UNLIKE = 0.95
# Lists are made diverse from so many at least of what the recommender puts first.
N_CONSIDERED = 1000
_COLUMNS = (
    "rank",
    "algorithm",
    "hyperparameters",
    "predicted_loss",
    "std",
    "predicted_seconds",
    "id",
    "space",
    "evidence",
)
_OF_EITHER_TYPE = (MEMORY_METRIC, "predict_seconds")


@dataclass(frozen=True, eq=False)
class Recommendations:
    """Configurations to try, the first one first; which recommender chose them, and why that one.

    ``drivers`` are the meta-features that told most which past tasks the new one is like, with their shares, the
    largest first. ``novelty`` is the share of past tasks that are nearer to each other than the new one is to them,
    None where that is not known. ``seconds`` are those of each stage: describe, load, fit, recommend.
    """

    task: Task
    recommender: str
    reason: str
    items: tuple[Recommendation, ...]
    drivers: tuple[tuple[str, float], ...] = ()
    novelty: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Recommendation]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Recommendation:
        return self.items[index]

    def to_frame(self) -> "pd.DataFrame":
        """Return a row for each configuration, by its ``rank`` from 1.

        Columns: ``algorithm``, ``hyperparameters`` (a dict), ``predicted_loss`` with its ``std``,
        ``predicted_seconds`` of one fit, and the ``id``, ``space`` and ``evidence`` of ``asdict``.
        """
        import pandas as pd

        listed = [_plain(rank, item) for rank, item in enumerate(self.items, start=1)]
        return pd.DataFrame(listed, columns=_COLUMNS).set_index("rank")

    def asdict(self, *, explain: bool = False) -> dict[str, Any]:
        """Return plain data, as ``metalearn recommend --json`` prints it; with ``explain`` what explains it too."""
        values = self.task.meta_features
        drivers = [{"name": name, "value": values[name], "share": share} for name, share in self.drivers]
        explained = {"drivers": drivers, "novelty": self.novelty, "seconds": dict(self.seconds)}
        return {
            "task": {"id": self.task.id, "dataset_id": self.task.dataset_id, "type": self.task.type},
            "recommender": self.recommender,
            "reason": self.reason,
            **(explained if explain else {}),
            "recommendations": [_plain(rank, item) for rank, item in enumerate(self.items, start=1)],
        }


@dataclass(frozen=True, eq=False)
class Wishes:
    """What is asked for, but the task and the knowledge base: the options of ``metalearn.recommend``."""

    k: int
    recommender: str
    metric: str | None
    history: Sequence[Trial] | str | Path
    candidates: Sequence[Configuration] | None
    constraints: Constraints
    memory: float | None
    diverse: bool
    include_default: bool
    seed: int


def recommended(task: Task, kb: KnowledgeBase, wishes: Wishes, seconds: dict[str, float]) -> Recommendations:
    """Return the recommendations for a task; ``seconds`` takes those of each stage.

    Raises:
        InputError: for a metric of other tasks, or a history that cannot be one.
        UnknownNameError: for a recommender, metric, search space or algorithm that is not known.
    """
    method: Recommender = create("recommender", wishes.recommender)
    with timed(seconds, "load"):
        past = _past(kb, task, wishes)
        tried = _tried(wishes.history, past, task)
        heavy = None if wishes.memory is None else _too_large(kb, task, wishes.memory)
    name = wishes.recommender
    if not len(past):  # nothing but the defaults can be recommended from nothing, whatever the method
        name, method = "auto", create("recommender", "auto")
    with timed(seconds, "fit"):
        fitted = fitted_or_read(method, past, seed=wishes.seed)
    with timed(seconds, "recommend"):
        unusable = _unusable(task, wishes.constraints)
        limits = replace(wishes.constraints, exclude=(*wishes.constraints.exclude, *unusable, *(heavy or ())))
        items = _listed(fitted, task, past, tried, replace(wishes, constraints=limits))
        name, reason = _explanation(fitted, task, name, past, wishes.metric)
        novelty = fitted.past.novelty.of(fitted.past.meta_features_of(task)) if isinstance(fitted, Ordering) else None
        if novelty is not None and novelty > UNLIKE:
            reason += f"; beware: {novelty:.0%} of the past tasks are more like the rest than the new one is"
        reason += "".join(f"; {note}" for note in _notes(wishes, items, past, tried, unusable, heavy))
        drivers = _drivers(fitted, task, past)
    return Recommendations(task, name, reason, items, drivers, novelty, seconds)


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the seconds that the block takes to those of a stage."""
    begin = time.perf_counter()
    yield
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begin


def _past(kb: KnowledgeBase, task: Task, wishes: Wishes) -> MetaDataset:
    past = kb.meta_dataset(metric=wishes.metric, task_type=task.type, extractor=kb.extractor_of(task))
    measures = {task.type} if past.metric.name in _OF_EITHER_TYPE else {rows.task_type(past.metric)}
    if wishes.metric is not None and not len(past) and task.type not in measures:
        raise InputError(f"{wishes.metric} does not measure {task.type}; name a metric that does.")
    spaces = {configuration.space for configuration in past.configurations}
    space = wishes.constraints.space
    if isinstance(space, str) and spaces and space not in spaces:
        raise UnknownNameError("search space in this knowledge base", space, spaces)
    return past


def _tried(history: Sequence[Trial] | str | Path, past: MetaDataset, task: Task) -> tuple[Trial, ...]:
    """Return the trials on the new task: as given, or read from a file or a knowledge base."""
    from metalearn.learners.definition import SPACE_NAMES
    from metalearn.sources.trials import check_losses, read_trials, trials_of

    if not isinstance(history, str | Path):
        trials = tuple(history)
    elif str(history).endswith(".duckdb") or "://" in str(history) or Path(history).is_dir():
        with KnowledgeBase.open(history) as kb:
            trials = trials_of(kb.meta_dataset(metric=past.metric.name, task_type=task.type), str(history))
    else:
        spaces = {configuration.space for configuration in past.configurations}
        trials = read_trials(history, past, space=spaces.pop() if len(spaces) == 1 else SPACE_NAMES[task.type])
    check_losses(trials, past.metric)
    return trials


def _too_large(kb: KnowledgeBase, task: Task, memory: float) -> tuple[str, ...] | None:
    """Return the ids of configurations that need more than so many GB, None where nothing tells."""
    try:
        measured = kb.meta_dataset(metric=MEMORY_METRIC, task_type=task.type, extractor=kb.extractor_of(task))
    except UnknownNameError:  # an old knowledge base
        return None
    predicted = predicted_memory(measured, task)
    return tuple(id_ for id_, needed in predicted.items() if needed > memory) if predicted else None


def _unusable(task: Task, constraints: Constraints) -> dict[str, str]:
    """Return why algorithms that nobody asked for by name cannot be fitted here, by algorithm."""
    from metalearn.learners.catalog import LEARNERS
    from metalearn.learners.space import unusable

    features = task.meta_features
    others = sorted(set(LEARNERS) - set(constraints.algorithms or ()))
    return unusable(others, features.get("n_rows", 0), features.get("n_classes", 0))


def _listed(
    fitted: FittedRecommender, task: Task, past: MetaDataset, tried: tuple[Trial, ...], wishes: Wishes
) -> tuple[Recommendation, ...]:
    """Return the first k of the recommender's order: made diverse, with a default, within the seconds in all."""
    constraints, total = wishes.constraints, wishes.constraints.total_seconds
    if wishes.diverse:  # from all that is good, whatever it takes; what fits is seen at the end
        constraints = replace(constraints, seconds=constraints.most_seconds, total_seconds=None)
    n = max(wishes.k, N_CONSIDERED) if wishes.diverse else wishes.k
    found = fitted.recommend(task, n, history=tried, candidates=wishes.candidates, constraints=constraints)
    items = _diverse(found, past) if wishes.diverse else list(found)
    if wishes.include_default and wishes.candidates is None and not tried:
        items = with_default(items, _default(fitted, task, past, constraints))
    return tuple(items[place] for place in affordable([item.cost_seconds for item in items], total))[: wishes.k]


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


def _notes(
    wishes: Wishes,
    items: Sequence[Recommendation],
    past: MetaDataset,
    tried: Sequence[Trial],
    unusable: Mapping[str, str],
    heavy: Sequence[str] | None,
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
    unheard = {trial.configuration.id for trial in tried} - set(past.position)
    if unheard:
        yield f"{len(unheard)} of the configurations tried are unknown to the knowledge base and tell it nothing"
    total = wishes.constraints.total_seconds
    if total is not None:
        seconds = sum(item.cost_seconds or 0.0 for item in items)
        yield f"the list takes a predicted {seconds:.3g} of {total:g} seconds, what does not fit being passed over"
    if len(items) < wishes.k:
        yield f"{len(items) or 'none'} of {wishes.k}: no more are known, allowed and not tried yet"


def _plain(rank: int, item: Recommendation) -> dict[str, Any]:
    return {
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
