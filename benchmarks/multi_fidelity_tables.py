"""Tables of real learning curves, and of a surrogate of some, as objectives that can be evaluated at any fidelity."""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.core.records import Configuration
from metalearn.core.spaces import SearchSpace

Floats = NDArray[np.float64]
# Settings drawn for each task of the surrogate.
N_DRAWN = 1000
# The surrogate's continuous inputs after the epoch, in its order, and its outcomes.
INPUTS = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
VALIDATION_LOSS, TEST_LOSS = 2, 4


@dataclass(frozen=True, eq=False)
class CurveTable:
    """Losses of C configurations at B fidelities, on validation (C, B) and test data (C, B); NaN where one failed.

    Training goes on from where it was stopped if it ``resumes``, as steps do and training rows do not. ``steps`` is
    what fidelity 1 counts as for peers that count steps.
    """

    name: str
    space: SearchSpace
    configurations: tuple[Configuration, ...]
    fidelities: Floats
    validation: Floats
    test: Floats
    resumes: bool
    steps: int
    bounded: bool

    @cached_property
    def encoded(self) -> Floats:
        """The configurations (C, d)."""
        return self.space.encode(self.configurations)

    @cached_property
    def place(self) -> dict[str, int]:
        """The row of each configuration, by its id."""
        return {c.id: i for i, c in enumerate(self.configurations)}

    @cached_property
    def regrets(self) -> Floats:
        """Normalized regrets (C,) in [0, 1] of the test losses at fidelity 1, 1 where training failed."""
        final = np.where(np.isfinite(self.test[:, -1]), self.test[:, -1], np.inf)
        oracle = final.min()
        reference = final[np.isfinite(final)].max() if self.bounded else np.median(final)
        return np.asarray(np.clip((final - oracle) / (reference - oracle), 0.0, 1.0))

    def column(self, fidelity: float) -> int:
        """Return the first of the B fidelities that is not below one."""
        return min(int(np.searchsorted(self.fidelities, fidelity - 1e-9)), len(self.fidelities) - 1)

    def cost(self, column: int, before: int | None) -> float:
        """Return what an evaluation costs, in units of full ones, after one at the column ``before``."""
        done = self.fidelities[before] if before is not None and self.resumes else 0.0
        return float(max(self.fidelities[column] - done, 0.0))


def tables(shared: Path, n_lcbench: int, n_lcdb: int) -> Iterator[tuple[str, list[CurveTable] | str]]:
    """Yield the sources by name, each as its tables, or as the reason why it is left out."""
    data = shared / "data"
    sources: Mapping[str, Callable[[], list[CurveTable]]] = {
        "TaskSet": partial(taskset, data / "taskset"),
        "lcbench surrogate": partial(lcbench, data / "yahpo" / "lcbench", n_lcbench),
        "LCDB": partial(lcdb, data / "lcdb", n_lcdb),
    }
    for name, read in sources.items():
        try:
            yield name, read()
        except (ImportError, OSError) as error:
            yield name, str(error)


def taskset(folder: Path) -> list[CurveTable]:
    """Return TaskSet's tasks: 1,000 settings of Adam, evaluated every 200 of 10,000 steps.

    Betas are drawn so that 1 - beta is log-uniform, so that is what the space holds.
    """
    from ConfigSpace import ConfigurationSpace, Float

    files = sorted(folder.glob("*.json.gz"))
    read = [json.loads(gzip.decompress(file.read_bytes())) for file in files]
    settings_of_all = [
        {f"one_minus_{k}" if k.startswith("beta") else k: 1 - v if k.startswith("beta") else v for k, v in hp.items()}
        for hp in (setting["hp"] for setting in read[0])
    ]
    values = {name: [hp[name] for hp in settings_of_all] for name in settings_of_all[0]}
    numbers = [Float(name, (0.999 * min(v), 1.001 * max(v)), log=True) for name, v in values.items()]
    space = SearchSpace("taskset", ConfigurationSpace(space=numbers))
    configurations = tuple(Configuration("taskset", "taskset", hp) for hp in settings_of_all)

    def losses(settings: Any, split: str) -> Floats:
        found = np.array([setting[split]["loss"][1:] for setting in settings], dtype=np.float64)
        return np.where(np.isfinite(found), found, np.nan)

    steps = np.arange(1, 51) / 50
    return [
        CurveTable(
            file.name.split(".")[0],
            space,
            configurations,
            steps,
            losses(settings, "valid"),
            losses(settings, "test"),
            resumes=True,
            steps=50,
            bounded=False,
        )
        for file, settings in zip(files, read, strict=True)
    ]


def lcdb(folder: Path, n: int) -> list[CurveTable]:
    """Return n datasets of LCDB, every so-many-th by id: error rates of 28 learners at up to 137 training sizes.

    Full fidelity is the largest size that at least half of the learners have a value at.
    """
    from ConfigSpace import Categorical, ConfigurationSpace

    axes = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    space = SearchSpace("lcdb", ConfigurationSpace(space=[Categorical("learner", axes["learners"])]))
    configurations = tuple(Configuration("lcdb", "lcdb", {"learner": learner}) for learner in axes["learners"])
    files = sorted(folder.glob("er/*.json"), key=lambda file: int(file.stem))
    found = []
    for file in _every(files, n):
        means = [[[_number(v) for v in anchor] for anchor in stats[0]] for stats in json.loads(file.read_bytes())]
        errors = np.array(means)
        reached = np.flatnonzero(np.isfinite(errors[..., 1]).mean(axis=0) >= 0.5)
        errors, sizes = errors[:, : reached[-1] + 1], np.array(axes["anchors"][: reached[-1] + 1], dtype=np.float64)
        found.append(
            CurveTable(
                f"openml-{file.stem}",
                space,
                configurations,
                sizes / sizes[-1],
                errors[..., 1],
                errors[..., 2],
                resumes=False,
                steps=27,
                bounded=True,
            )
        )
    return found


def lcbench(folder: Path, n: int) -> list[CurveTable]:
    """Return n tasks of the surrogate of LCBench, every so-many-th by id: 1,000 settings drawn at random, 52 epochs.

    Raises:
        ImportError: where onnxruntime is not installed.
    """
    from ConfigSpace import ConfigurationSpace, Float, Integer

    onnxruntime = import_module("onnxruntime")
    described = json.loads((folder / "config_space.json").read_text(encoding="utf-8"))["hyperparameters"]
    task_ids = next(h["choices"] for h in described if h["name"] == "OpenML_task_id")
    numbers = [h for h in described if h["name"] not in ("OpenML_task_id", "epoch")]
    kinds: dict[str, Any] = {"uniform_float": Float, "uniform_int": Integer}
    made = [kinds[h["type"]](h["name"], (h["lower"], h["upper"]), log=h["log"]) for h in numbers]
    space = SearchSpace("lcbench", ConfigurationSpace(space=made))
    configurations = tuple(dict.fromkeys(space.sample(N_DRAWN, np.random.default_rng(0))))
    values = np.array([[c.hyperparameters[name] for name in INPUTS] for c in configurations], dtype=np.float32)
    codes = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))["OpenML_task_id"]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = onnxruntime.InferenceSession(str(folder / "model.onnx"), options)
    epochs = np.arange(1, 53)
    continuous = np.concatenate(
        [np.tile(epochs, len(values))[:, None].astype(np.float32), np.repeat(values, len(epochs), axis=0)], axis=1
    )

    def losses(task: Any) -> Floats:
        category = np.full((len(continuous), 1), codes[str(task)], dtype=np.int32)
        (outcomes,) = model.run(None, {"x_cat": category, "x_cont": continuous})
        return np.asarray(outcomes, dtype=np.float64).reshape(len(values), len(epochs), -1)

    return [
        CurveTable(
            f"lcbench-{task}",
            space,
            configurations,
            epochs / 52,
            found[..., VALIDATION_LOSS],
            found[..., TEST_LOSS],
            resumes=True,
            steps=52,
            bounded=False,
        )
        for task in _every(sorted(task_ids, key=int), n)
        for found in [losses(task)]
    ]


def _every(items: Sequence[Any], n: int) -> list[Any]:
    """Return n items at equal distances, or all where there are fewer."""
    return [items[i] for i in sorted(set(np.linspace(0, len(items) - 1, n).astype(int).tolist()))]


def _number(value: float | None) -> float:
    return np.nan if value is None else value
