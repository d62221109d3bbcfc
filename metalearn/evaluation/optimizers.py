"""The optimizer bench: optimizers choose among the configurations evaluated on a task; what they gave is looked up.

Tables of real evaluations stand in for the objective (tabular benchmarks: Klein & Hutter, arXiv 1905.04970). In the
protocol ``pool`` an optimizer sees the list of candidates and chooses from it; in ``snap`` it asks in the whole space,
and gets the candidate nearest to what it asked for that is not yet evaluated, at that candidate's own place; that
nothing nearer is left it may conclude (``optimizers.state.Gaps``).
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from metalearn.core.inferred_space import infer_space
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.parallel import completed
from metalearn.core.records import Configuration, Trial
from metalearn.core.registry import checked, create, names
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.evaluation.answers import N_SEEDS, blamed
from metalearn.evaluation.curves import Worth, score
from metalearn.evaluation.replay import Table, tables
from metalearn.evaluation.results import Results, summary
from metalearn.evaluation.scores import Floats, Integers
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.space import search_space
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.state import Method
from metalearn.optimizers.unlisted import Unlisted

Protocol = Literal["pool", "snap"]

# One in so many of a task's candidates is tried at most: later on, what is chosen is mostly what is left.
SHARE = 5


@dataclass(frozen=True)
class OptimizerSettings:
    """What makes two figures comparable: after how many ``trials`` to look (sorted), by which protocol, how often."""

    trials: tuple[int, ...] = (5, 10, 25, 50, 100)
    protocol: Protocol = "pool"
    n_seeds: int = N_SEEDS
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.trials or min(self.trials) < 1:
            raise InputError(f"Trials are positive whole numbers, such as 5,10,25; got {list(self.trials)}.")
        if self.n_seeds < 1:
            raise InputError(f"An optimizer runs with at least one seed; got {self.n_seeds}.")
        object.__setattr__(self, "trials", tuple(sorted(set(self.trials))))


def full_fidelity_optimizers() -> tuple[str, ...]:
    """Return the names of the registered optimizers that leave fidelities alone, as tables of full evaluations need.

    >>> "random" in full_fidelity_optimizers()
    True
    """
    return tuple(name for name in names("optimizer") if not create("optimizer", name).takes_queue)


def known_space(configurations: Sequence[Configuration]) -> SearchSpace:
    """Return the space that all configurations name, where metalearn ships it, or else the one inferred from them.

    >>> known_space([Configuration("s", "svc", {"C": 1}), Configuration("s", "svc", {"C": 10})]).name
    'svc'
    """
    named = {c.space for c in configurations}
    shipped = next((task_type for task_type, name in SPACE_NAMES.items() if {name} == named), None)
    return search_space(shipped) if shipped else infer_space(configurations)


def replay_optimizer(
    space: SearchSpace,
    method: Method,
    table: Table,
    n: int,
    *,
    protocol: Protocol = "pool",
    observed: Sequence[Trial] = (),
    rng: np.random.Generator,
) -> Integers:
    """Return which of the table's candidates (at most n,) a method tries, in their order, told each one's loss.

    ``observed`` are trials of candidates that it is told beforehand; they are not tried again.

    Raises:
        InputError: when the method asks for a fidelity below 1, of which a table has none, or cannot work in the space.
    """
    seen = method if protocol == "pool" else Unlisted(method)
    optimizer = AskTell(space, seen, candidates=table.candidates, observed=observed, rng=rng)
    position = {c.id: i for i, c in enumerate(table.candidates)}
    chosen: list[int] = []
    while len(chosen) < n and (asked := optimizer.ask()):
        (trial,) = asked
        if trial.fidelity != 1:
            raise InputError(
                f"It asks for trials at fidelity {trial.fidelity:.3g}, and these are tables of full evaluations; "
                "choose an optimizer without fidelities."
            )
        chosen.append(position[trial.configuration.id])
        optimizer.tell([trial.ended(float(table.losses[chosen[-1]]))])
    return np.array(chosen, dtype=np.int64)


def evaluate_optimizers(
    meta_dataset: MetaDataset,
    optimizers: Sequence[str] | Mapping[str, Method],
    settings: OptimizerSettings = OptimizerSettings(),
    **how: Any,
) -> dict[str, Any]:
    """Run the bench as ``run_optimizers`` does, and return its report as one document for JSON.

    Each row is about the tasks whose pools are large enough for so many trials.

    >>> pool = [Configuration("s", "svc", {"C": c}) for c in range(1, 11)]
    >>> past = MetaDataset.from_matrix([[c / 10 for c in range(10)]], ["openml-1"], pool)
    >>> report = evaluate_optimizers(past, ["random"], OptimizerSettings(trials=(1, 2), protocol="snap"))
    >>> [(row["optimizer"], row["trials"], row["n_tasks"]) for row in report["results"]]
    [('random', 1, 1), ('random', 2, 1)]
    """
    results = run_optimizers(meta_dataset, optimizers, settings, **how)
    rows = [
        row for label in results.scores for n in results.ks for row in summary(_after(results, label, n))["results"]
    ]
    named = ({"optimizer": row.pop("recommender"), "trials": row.pop("k"), **row} for row in rows)
    return {"protocol": dict(results.about), "results": list(named)}


def run_optimizers(
    meta_dataset: MetaDataset,
    optimizers: Sequence[str] | Mapping[str, Method],
    settings: OptimizerSettings = OptimizerSettings(),
    *,
    test: MetaDataset | None = None,
    executor: Executor | None = None,
    n_workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005
) -> Results:
    """Run optimizers, by name or as methods, on the tasks of a meta-dataset, or of ``test``, and return their scores.

    The space is what all configurations of both have in common. A task is looked at after as many trials as a fifth of
    its pool; its scores are NaN beyond. The runs of one optimizer on one task are a job of the ``executor``;
    ``on_progress`` is told the jobs done, and of all.

    Raises:
        InputError: when on no task a choice matters, or no pool is large enough for the trials asked for.
        MetalearnError: when an optimizer fails; names it and the task.
    """
    target = test if test is not None else meta_dataset
    pools = _Pools.of(target, settings)
    given = optimizers if isinstance(optimizers, Mapping) else {name: create("optimizer", name) for name in optimizers}
    methods = {label: checked("optimizer", label, method) for label, method in given.items()}
    space = known_space(list(dict.fromkeys((*target.configurations, *meta_dataset.configurations))))
    jobs = [_Job(label, t, method, settings) for label, method in methods.items() for t in pools.tested_tasks]
    calls = ((job, (job, space, pools.tables[job.task], pools.length(job.task))) for job in jobs)
    alone = ((job, _Job.run(*given)) for job, given in calls)
    done = completed(executor, n_workers, _Job.run, calls) if executor else alone
    chosen = {label: np.full((settings.n_seeds, len(pools.tables), pools.trials[-1]), -1) for label in methods}
    for number, (job, columns) in enumerate(done, start=1):
        chosen[job.label][:, job.task, : columns.shape[1]] = columns
        on_progress(number, len(jobs))
    return Results(
        _describe(settings, pools, meta_dataset, test),
        tuple(target.tasks[t] for t in pools.tested_tasks),
        pools.trials,
        {label: pools.scores(Worth.of(target), found) for label, found in chosen.items()},
        settings.seed,
    )


@dataclass(frozen=True, eq=False)
class _Pools:
    """The candidates of T tasks, the most trials on each (T,), and which are tested (T,).

    ``trials`` are those asked for that some task is large enough for.
    """

    tables: list[Table]
    limits: Integers
    varied: NDArray[np.bool_]
    trials: tuple[int, ...]

    @classmethod
    def of(cls, target: MetaDataset, settings: OptimizerSettings) -> "_Pools":
        known = tables(target)
        varied = np.array([not t.is_constant for t in known], dtype=bool)
        if not varied.any():
            raise InputError("No task of this knowledge base has two different losses to choose between; ingest more.")
        limits = np.array([len(t.candidates) // SHARE for t in known], dtype=np.int64)
        largest = limits[varied].max()
        trials = tuple(n for n in settings.trials if n <= largest)
        if not trials:
            raise InputError(
                f"Trials are reported up to a fifth of a task's candidates, which here is {largest} at most; "
                f"ask for fewer than {settings.trials[0]}."
            )
        return cls(known, limits, varied, trials)

    @property
    def tested(self) -> NDArray[np.bool_]:
        return np.asarray(self.varied & (self.limits >= self.trials[0]))

    @property
    def tested_tasks(self) -> list[int]:
        return [int(t) for t in np.flatnonzero(self.tested)]

    def length(self, task: int) -> int:
        """How many trials are looked at on a task."""
        return max(n for n in self.trials if n <= self.limits[task])

    def scores(self, worth: Worth, chosen: Integers) -> dict[str, Floats]:
        """Return the scores (t, n) on the tested tasks of what was chosen (S, T, K)."""
        beyond = np.array(self.trials) > self.limits[self.tested, None]
        found = score(worth, chosen, self.trials, self.tested)
        return {name: np.where(beyond, np.nan, values[self.tested]) for name, values in found.items()}


@dataclass(frozen=True)
class _Job:
    """All runs of an optimizer, ``label`` in messages, on one task."""

    label: str
    task: int
    method: Method
    settings: OptimizerSettings

    def run(self, space: SearchSpace, table: Table, n: int) -> Integers:
        """Return what was chosen (S, n), as columns of the meta-dataset, -1 where a run has ended."""
        chosen = np.full((self.settings.n_seeds, n), -1)
        for s in range(self.settings.n_seeds):
            rng = np.random.default_rng([self.settings.seed, s, self.task])
            with blamed(f"The optimizer {self.label}", f"on {table.task.id}"):
                places = replay_optimizer(space, self.method, table, n, protocol=self.settings.protocol, rng=rng)
            chosen[s, : len(places)] = table.columns[places]
        return chosen


def _after(results: Results, label: str, n: int) -> Results:
    """Return one optimizer's results after n trials, on the tasks that have so many."""
    column = results.ks.index(n)
    known = np.isfinite(results.scores[label]["normalized_regret"][:, column])
    scores = {name: values[known, column : column + 1] for name, values in results.scores[label].items()}
    tasks = tuple(task for task, k in zip(results.tasks, known, strict=True) if k)
    return Results(results.about, tasks, (n,), {label: scores}, results.seed)


def _describe(
    settings: OptimizerSettings, pools: _Pools, meta_dataset: MetaDataset, test: MetaDataset | None
) -> dict[str, Any]:
    target = test if test is not None else meta_dataset
    return {
        "name": settings.protocol,
        "metric": target.metric.name,
        "split": target.split,
        "seed": settings.seed,
        "n_seeds": settings.n_seeds,
        "trials_left_out": sorted(set(settings.trials) - set(pools.trials)),
        "n_tasks": len(pools.tested_tasks),
        "n_constant_tasks_left_out": int((~pools.varied).sum()),
        "n_small_tasks_left_out": int((pools.varied & ~pools.tested).sum()),
        "n_families": len({target.tasks[t].family for t in pools.tested_tasks}),
        "n_configurations": len(target.configurations),
        "snapshot_id": meta_dataset.snapshot_id or None,
        "test_snapshot_id": (test.snapshot_id or None) if test is not None else None,
    }
