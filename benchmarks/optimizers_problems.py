"""What the optimizers' bench minimises: tables of real evaluations, surrogates of real runs, and functions.

A problem is built by its part and name, in any process. ``tables``: one task each of OpenML's svm, random_forest and
adaboost runs; ``oboe``: one row of OBOE's matrix, over all its algorithms; ``yahpo``: one task each of two surrogates,
at full fidelity; ``functions``: Branin, Hartmann in 6 dimensions, and a conditional one.
"""

import json
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from ConfigSpace import Categorical, ConfigurationSpace, Float, InCondition, Integer
from scipy.stats import qmc

from benchmarks.optimizers_functions import FUNCTIONS, Objective
from benchmarks.recommend import load as load_oboe
from metalearn.core.inferred_space import infer_space
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.evaluation.optimizers import SHARE
from metalearn.evaluation.replay import Table
from metalearn.evaluation.replay import tables as tables_of
from metalearn.sources.runs import read_runs
from metalearn.store import KnowledgeBase, store_families

# The column of the measure, accuracy, in each of the files of runs.
RUNS = {"svm": "y", "random_forest": "predictive_accuracy", "adaboost": "predictive_accuracy"}
# Where there is no list of candidates: the trials, and the random configurations that tell the median loss.
N_TRIALS, N_RANDOM = 100, 2_000


@dataclass(frozen=True)
class Surrogate:
    """A YAHPO surrogate: the outcome to minimise by number, the input that names the task, what is fixed, the inputs.

    What is fixed is the full fidelity, and the repetition of the resampling.
    """

    outcome: int
    task: str
    fixed: dict[str, float]
    choices: tuple[str, ...]
    numbers: tuple[str, ...]


YAHPO = {
    "lcbench": Surrogate(
        2,  # val_cross_entropy
        "OpenML_task_id",
        {"epoch": 52},
        ("OpenML_task_id",),
        ("epoch", "batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout"),
    ),
    "rbv2_xgboost": Surrogate(
        5,  # logloss
        "task_id",
        {"trainsize": 1.0, "repl": 10},
        ("task_id", "booster", "num.impute.selected.cpo"),
        (
            *("nrounds", "eta", "gamma", "lambda", "alpha", "subsample", "max_depth", "min_child_weight"),
            *("colsample_bytree", "colsample_bylevel", "rate_drop", "skip_drop", "trainsize", "repl"),
        ),
    ),
}


@dataclass(frozen=True, eq=False)
class Problem:
    """An objective over a space, with the losses that count as normalized regret 0 and 1.

    ``table`` has the candidates where only those were evaluated. Without one, ``best`` is a bound from what is known
    beforehand: an optimizer may find better, where it is not the known minimum.
    """

    family: str
    space: SearchSpace
    objective: Objective
    n_trials: int
    best: float
    reference: float
    table: Table | None = None

    def initial(self, n: int, seed: int) -> tuple[Configuration, ...]:
        """Return the n configurations that all optimizers start from: candidates at random, or scrambled Sobol."""
        if self.table is not None:
            drawn = np.random.default_rng([seed, n]).choice(len(self.table.candidates), n, replace=False)
            return tuple(self.table.candidates[i] for i in drawn)
        sequence = qmc.Sobol(len(self.space.encoding.columns), rng=np.random.default_rng([seed, n]))
        return self.space.from_unit_cube(sequence.random_base2((n - 1).bit_length())[:n])


def names(part: str, shared: Path) -> list[str]:
    """Return the problems of a part, in their order; those of a table or surrogate begin with its name and a slash."""
    if part == "functions":
        return sorted(FUNCTIONS)
    if part == "yahpo":
        return [f"{name}/{task}" for name in YAHPO for task in _yahpo_tasks(shared, name)]
    known = ["oboe"] if part == "oboe" else list(RUNS)
    return [f"{name}/{table.task.id}" for name in known for table in _past(shared, name)[2] if not table.is_constant]


def problem(part: str, name: str, shared: Path) -> Problem:
    """Return one problem.

    Raises:
        InputError: when what it needs is not there.
    """
    if part == "functions":
        space, objective, best = FUNCTIONS[name]()
        return _sampled(name, space, objective, best)
    group, _, task = name.partition("/")
    if part == "yahpo":
        return _yahpo(shared, group, task)
    bounded, space, found = _past(shared, group)
    table = next(t for t in found if t.task.id == task)
    if not bounded:
        raise InputError("The reference of these tables is the largest loss, so their metric needs bounds.")
    loss = dict(zip(table.candidates, table.losses.tolist(), strict=True))
    best, worst = float(np.nanmin(table.losses)), float(np.nanmax(table.losses))
    return Problem(table.task.family, space, loss.__getitem__, len(loss) // SHARE, best, worst, table)


@lru_cache
def _past(shared: Path, name: str) -> tuple[bool, SearchSpace, list[Table]]:
    past = load_oboe(shared) if name == "oboe" else _runs(shared / "data" / "openml_hyperparameters", name)
    return past.metric.bounded, infer_space(past.configurations), tables_of(past)


def _runs(folder: Path, name: str) -> MetaDataset:
    with tempfile.TemporaryDirectory() as work, KnowledgeBase.open(Path(work) / "kb", read_only=False) as kb:
        batches = read_runs(
            folder / f"{name}.arff",
            metric="accuracy",
            algorithm=name,
            tasks=folder / "tasks.csv",
            value_column=RUNS[name],
        )
        kb.append_all(batches)
        store_families(kb)
        return kb.meta_dataset()


def _sampled(family: str, space: SearchSpace, objective: Objective, best: float) -> Problem:
    """Return a problem whose reference is the median loss of random configurations, as of an unbounded metric."""
    losses = np.array([objective(c) for c in space.sample(N_RANDOM, np.random.default_rng(0))])
    return Problem(family, space, objective, N_TRIALS, min(best, float(losses.min())), float(np.median(losses)))


@lru_cache
def _surrogate(shared: Path, name: str) -> tuple[Any, dict[str, Any], dict[str, dict[str, int]]]:
    """Return a surrogate's session, the description of its space, and its numbers of choices."""
    folder = shared / "data" / "yahpo" / name
    try:
        runtime: Any = import_module("onnxruntime")
    except ImportError as error:
        raise InputError("YAHPO's surrogates run with onnxruntime, which is not installed.") from error
    if not (folder / "model.onnx").is_file():
        raise InputError(f"There is no {folder / 'model.onnx'}.")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    space, encoding = (json.loads((folder / f"{n}.json").read_text()) for n in ("config_space", "encoding"))
    return session, space, encoding


def _yahpo_tasks(shared: Path, name: str) -> list[str]:
    _, space, _ = _surrogate(shared, name)
    column = YAHPO[name].task
    return sorted(next(h["choices"] for h in space["hyperparameters"] if h["name"] == column), key=int)


def _yahpo(shared: Path, name: str, task: str) -> Problem:
    session, described, encoding = _surrogate(shared, name)
    surrogate = YAHPO[name]
    fixed: dict[str, Any] = {surrogate.task: task, **surrogate.fixed}
    own = {h["name"]: _hyperparameter(h) for h in described["hyperparameters"] if h["name"] not in fixed}
    space = ConfigurationSpace(space=list(own.values()))
    space.add(
        *(
            InCondition(own[c["child"]], own[c["parent"]], c["values"] if c["type"] == "IN" else [c["value"]])
            for c in described["conditions"]
        )
    )

    def objective(configuration: Configuration) -> float:
        values = {**configuration.hyperparameters, **fixed}
        choices = [encoding[n][values.get(n, "#na#")] for n in surrogate.choices]
        numbers = [float(values.get(n, 0.0)) for n in surrogate.numbers]
        inputs = {"x_cat": np.array([choices], dtype=np.int32), "x_cont": np.array([numbers], dtype=np.float32)}
        return float(session.run(None, inputs)[0][0, surrogate.outcome])

    return _sampled(task, SearchSpace(name, space), objective, np.inf)


def _hyperparameter(described: dict[str, Any]) -> Any:
    if described["type"] == "categorical":
        return Categorical(described["name"], described["choices"])
    kind: Any = Integer if described["type"] == "uniform_int" else Float
    return kind(described["name"], (described["lower"], described["upper"]), log=described["log"])
