"""The whole chain: what `metalearn optimize` gains from its warm start, on the test parts of real datasets.

    python -m benchmarks.optimize_chain [--quick] [--out FILE] [--optimizer auto] [--datasets A,B] [--seeds 3]
        [--trials 50] [--seconds 60] [--cache DIR]

The datasets are every sixth of `datasets/index.csv` by rows, from the third on. A fifth of the rows of each, another
fifth for each seed, is its test part, which nothing sees that chooses. On the rest run, for so many trials or seconds
of searching, whichever end first: `metalearn` begun with 5 recommendations from the bundled knowledge base without the
dataset's family, the same cold, and Optuna's TPE (multivariate, grouped) on the same space with the same objective. The
loss, 1 - balanced accuracy or 1 - R2, is that on the test part of the configuration that was best in cross-validation
so far, fitted to the rest; where there is none yet, or it cannot be fitted, the worst that is known on this test part.
Beside it stands what the methods search by, the loss of that configuration in cross-validation.
Means are over seeds, then over datasets, with 95 % bootstrap intervals over datasets. Finished runs are kept in the
cache: what was stopped goes on where it was.
"""

import csv
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from joblib import Memory
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.common import arguments, keep
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Dataset, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.evaluation.report import table
from metalearn.learners.evaluate import Fits
from metalearn.learners.objective import CashObjective, base_memory, measure
from metalearn.learners.space import space_of
from metalearn.learners.splits import TEST, outer_splits, take_rows, validation_splits
from metalearn.optimizing import Budget, Search, optimize
from metalearn.sources.files import load_dataset
from metalearn.store import KnowledgeBase

Floats = NDArray[np.float64]
# A finished run: of each incumbent the trial and the second when it was found, its loss in cross-validation and that
# on the test part; and how many trials and seconds the run took.
Run = dict[str, Any]
METHODS = ("warm start", "cold", "Optuna TPE")
WARM, COLD, PEER = METHODS
EVERY, FROM = 6, 2
WARM_STARTS = 5
AT_TRIALS, AT_SHARES = (1, 5, 10, 25, 50), (1 / 12, 1 / 4, 1 / 2, 1.0)
# A final fit may take so long, whatever a trial may.
TEST_SECONDS = 300.0
N_DRAWS = 2000


class HeldOut(KnowledgeBase):
    """The bundled knowledge base as if a family had never been evaluated."""

    family = ""

    def meta_dataset(self, **options: Any) -> MetaDataset:
        """Load as ever, without the family."""
        return super().meta_dataset(**options).without_family(self.family)


def main() -> None:
    """Run what is not in the cache yet, and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--optimizer", default="auto")
    parser.add_argument("--datasets", help="Only these, by name.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "metalearn" / "optimize_chain")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.trials, options.seconds = 1, 10, 15.0
    run = Memory(options.cache, verbose=0).cache(run_once)
    runs: dict[str, dict[str, list[Run]]] = {}
    for name, path, target in chosen(options.shared / "datasets", options.datasets)[: 2 if options.quick else None]:
        runs[name] = {method: [] for method in METHODS}
        for seed in range(options.seeds):
            for method in METHODS:
                begin = perf_counter()
                optimizer = "" if method == PEER else options.optimizer
                found = run(str(path), target, method, optimizer, seed, options.trials, options.seconds)
                runs[name][method].append(found)
                took = perf_counter() - begin
                print(f"{name}, seed {seed}, {method}: {found['n_trials']} trials, {took:.0f} s", flush=True)
    text = report(runs, options.optimizer, options.trials, options.seconds)
    keep(options, text)
    print(text)


def chosen(folder: Path, names: str | None) -> list[tuple[str, Path, str]]:
    """Return name, file and target of the datasets, by rows."""
    with (folder / "index.csv").open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: (int(row["n_rows"]), row["name"]))
    kept = rows[FROM::EVERY] if names is None else [row for row in rows if row["name"] in names.split(",")]
    return [(row["name"], folder / row["file"], row["target_column"]) for row in kept]


def run_once(path: str, target: str, method: str, optimizer: str, seed: int, trials: int, seconds: float) -> Run:
    """Run a method on the rest of a dataset, and judge its incumbents on the test part."""
    whole = load_dataset(path, target)
    parts = outer_splits(whole, seed)[seed]
    rest = take_rows(whole, np.flatnonzero(parts != TEST))
    search, budget = Search(optimizer, seed=seed), Budget(trials, seconds)
    if method == PEER:
        found = with_optuna(rest, seed, budget)
    else:
        found = with_metalearn(
            rest, family_of(whole), search if method == WARM else replace(search, warm_start=0), budget
        )
    fits = Fits(whole, {seed: parts})
    for incumbent in found["incumbents"]:
        incumbent["test"] = test_loss(fits, Configuration(**incumbent.pop("configuration")), seed)
    return found


def with_metalearn(rest: Dataset, family: str, search: Search, budget: Budget) -> Run:
    """Run `metalearn optimize`, its knowledge base without a family."""
    with HeldOut.open() as kb:
        kb.family = family
        found = optimize(rest, search, budget, kb=kb)
    incumbents = [_incumbent(best.n_trials, best.elapsed_seconds, best.trial) for best in found.result.incumbents]
    before = sum(found.seconds.get(stage, 0.0) for stage in ("describe", "load", "fit", "recommend"))
    return {"incumbents": incumbents, "n_trials": len(found.result.trials), "seconds_before": before}


def with_optuna(rest: Dataset, seed: int, budget: Budget) -> Run:
    """Run Optuna's TPE on the same space, with the same objective and limits."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True))
    space, _ = space_of(rest)
    objective = CashObjective(rest, validation_splits(rest, seed), seconds=budget.of_a_trial)
    incumbents: list[dict[str, Any]] = []
    base_memory()  # starts what fits are forked from, as ours does before the search
    begin, number = perf_counter(), 0
    while number < (budget.trials or np.inf) and perf_counter() - begin < (budget.seconds or np.inf):
        asked, number = study.ask(), number + 1
        configuration = suggested(asked, space)
        outcome = objective(Trial(configuration))
        if outcome.status != "ok":
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
            continue
        study.tell(asked, outcome.value)
        trial = Trial(configuration, loss=outcome.value, status="ok")
        if not incumbents or outcome.value < incumbents[-1]["validation"]:
            incumbents.append(_incumbent(number, perf_counter() - begin, trial))
    return {"incumbents": incumbents, "n_trials": number, "seconds_before": 0.0}


def suggested(asked: Any, space: SearchSpace) -> Configuration:
    """Return the configuration that an Optuna trial suggests, hyperparameter by hyperparameter, parents first."""
    vector = np.full(len(space.cube.hyperparameters), np.nan)
    for j, hyperparameter in enumerate(space.cube.hyperparameters):
        conditions = space.config_space.parent_conditions_of[hyperparameter.name]
        if all(condition.satisfied_by_vector(vector) for condition in conditions):
            choices = space.encoding.columns[j].choices
            if choices:
                vector[j] = asked.suggest_categorical(hyperparameter.name, range(len(choices)))
                continue
            whole = "Integer" in type(hyperparameter).__name__
            suggest = asked.suggest_int if whole else asked.suggest_float
            own: Any = hyperparameter
            value = suggest(own.name, own.lower, own.upper, log=own.log)
            vector[j] = float(np.clip(own.to_vector(value), 0, 1))
    return space.decode((vector / space.cube.scales)[None])[0]


def family_of(dataset: Dataset) -> str:
    """Return the family of a dataset in the bundled knowledge base, by content or else by name."""
    with KnowledgeBase.open() as kb:
        rows = kb.dataset_rows()
    for place, own in ((2, dataset.fingerprint), (1, dataset.name)):
        for row in rows:
            if row[place] == own:
                return row[3]
    return dataset.id


def test_loss(fits: Fits, configuration: Configuration, seed: int) -> float | None:
    """Return the loss on the test part of a configuration fitted to the rest; None where that fails."""
    outcome = fits.outcome(configuration, fits.plan(configuration, seed, TEST), TEST_SECONDS)
    metric = measure(fits.dataset)
    return float(metric.loss(outcome.value.scores[metric.name])) if outcome.status == "ok" else None


def _incumbent(n_trials: int, seconds: float, trial: Trial) -> dict[str, Any]:
    of = trial.configuration
    fields = {"space": of.space, "algorithm": of.algorithm, "hyperparameters": dict(of.hyperparameters)}
    return {"n_trials": n_trials, "seconds": seconds, "validation": trial.loss, "configuration": fields}


def losses_at(runs: Mapping[str, list[Run]], by: str, places: Sequence[float], key: str = "test") -> Floats:
    """Return the loss (M, P) of each method's incumbent at places in trials or seconds, the mean over seeds."""
    known = [i[key] for of in runs.values() for run in of for i in run["incumbents"] if i[key] is not None]
    worst = max(known, default=1.0)

    def at(run: Run, place: float) -> float:
        found = [incumbent[key] for incumbent in run["incumbents"] if incumbent[by] <= place]
        return worst if not found or found[-1] is None else float(found[-1])

    return np.array([[np.mean([at(run, place) for run in runs[m]]) for place in places] for m in METHODS])


def saved(runs: Mapping[str, list[Run]], key: str) -> tuple[float, float]:
    """Return how many trials earlier the warm start is where the cold one ends, and the share of seeds it gets there.

    The mean over seeds; below zero where it is there later. Where it does not get there, as if it did after its last.
    """
    found = []
    for warm, cold in zip(runs[WARM], runs[COLD], strict=True):
        end = cold["incumbents"][-1] if cold["incumbents"] else {"n_trials": cold["n_trials"], key: None}
        there = [i["n_trials"] for i in warm["incumbents"] if _value(i[key]) <= _value(end[key])]
        found.append((end["n_trials"] - min(there, default=warm["n_trials"] + 1), bool(there)))
    mean = np.mean(found, axis=0)
    return float(mean[0]), float(mean[1])


def _value(loss: float | None) -> float:
    return np.inf if loss is None else loss


def interval(values: Floats, statistic: Callable[..., Any] = np.mean) -> str:
    """Return a statistic of values (T,) with its bootstrap interval over datasets."""
    rng = np.random.default_rng(0)
    drawn = statistic(values[rng.integers(len(values), size=(N_DRAWS, len(values)))], axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{statistic(values, axis=0):.3g} [{low:.3g}, {high:.3g}]"


def report(runs: Mapping[str, dict[str, list[Run]]], optimizer: str, trials: int, seconds: float) -> str:
    """Return the tables as Markdown."""
    per_trial = [place for place in AT_TRIALS if place < trials] + [trials]
    sections = [
        _curves(runs, "n_trials", per_trial, "trials"),
        _curves(runs, "n_trials", per_trial, "trials", "validation"),
        _curves(runs, "seconds", [share * seconds for share in AT_SHARES], "s"),
        _savings(runs),
        _datasets(runs, trials),
    ]
    before = np.mean([run["seconds_before"] for of in runs.values() for run in of[WARM]])
    about = (__doc__ or "").split("\n\n", 2)[2]
    facts = (
        f"{len(runs)} datasets, {len(next(iter(runs.values()))[WARM])} seeds, {trials} trials or {seconds:g} s, "
        f"optimizer `{optimizer}`. Describing a dataset and recommending for it takes {before:.1f} s before the "
        f"search, the recommender's fit, anew for each family, included."
    )
    return "\n\n".join([about.strip(), facts, *sections])


def _curves(
    runs: Mapping[str, dict[str, list[Run]]], by: str, places: Sequence[float], unit: str, key: str = "test"
) -> str:
    losses = np.stack([losses_at(of, by, places, key) for of in runs.values()])  # (T, M, P)
    heads = ("", *(f"{place:g} {unit}" for place in places))
    rows = [(m, *(interval(losses[:, i, p]) for p in range(len(places)))) for i, m in enumerate(METHODS)]
    for other in (COLD, PEER):
        gaps = losses[:, METHODS.index(WARM)] - losses[:, METHODS.index(other)]
        rows.append((f"{WARM} - {other}", *(interval(gaps[:, p]) for p in range(len(places)))))
    placed = rankdata(losses.round(10), axis=1).mean(axis=0)
    rows += [(f"rank of {m}", *(f"{rank:.2f}" for rank in placed[i])) for i, m in enumerate(METHODS)]
    loss = "Test loss" if key == "test" else "Loss in cross-validation"
    title = f"## {loss} of the incumbent after so many {'trials' if by == 'n_trials' else 'seconds'}"
    return f"{title}\n\n{table(heads, rows)}"


def _savings(runs: Mapping[str, dict[str, list[Run]]]) -> str:
    rows = []
    for key, name in (("validation", "in cross-validation"), ("test", "on the test part")):
        found = np.array([saved(of, key) for of in runs.values()])
        rows.append((name, interval(found[:, 0], np.median), interval(found[:, 0]), interval(100 * found[:, 1])))
    heads = ("as good", "trials saved, median", "trials saved, mean", "gets there in %")
    return (
        "## Trials that the warm start saves\n\nHow many trials earlier it is as good as the cold one in the end, "
        "counted to the trial where the cold one was there itself; below zero where it takes more, or, as if after its "
        f"last trial, where it does not get there.\n\n{table(heads, rows)}"
    )


def _datasets(runs: Mapping[str, dict[str, list[Run]]], trials: int) -> str:
    rows = []
    for name, of in runs.items():
        losses = losses_at(of, "n_trials", [trials])[:, 0]
        done = "/".join(f"{np.mean([run['n_trials'] for run in of[m]]):.0f}" for m in METHODS)
        rows.append((name, *(f"{loss:.4f}" for loss in losses), f"{saved(of, 'validation')[0]:.1f}", done))
    heads = ("dataset", *METHODS, "trials saved (cross-validation)", "trials done")
    return f"## Each dataset\n\nTest losses at the end.\n\n{table(heads, rows)}"


if __name__ == "__main__":
    main()
