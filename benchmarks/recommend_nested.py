"""How much of the default recommender's figures on OBOE's matrix comes from having chosen its constants there.

    python -m benchmarks.recommend_nested [--quick] [--out FILE] [--workers 2]

Nested cross-validation over families, sequential, one seed: on four fifths of the 238 datasets with meta-features the
variant of ``task_mixture`` with the least area is chosen by five folds of these; it is tested on the other fifth, and
beside it the constants that ship. Each variant moves one constant. Mean normalized regret in % with 95 % bootstrap
intervals over families, and its area over log k.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks.common import arguments, cell, keep, progress
from benchmarks.recommend import every, load
from benchmarks.recommend_experience import Once
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.parallel import executor
from metalearn.core.protocols import Recommender
from metalearn.evaluation.benchmark import Settings, run_bench
from metalearn.evaluation.report import table
from metalearn.evaluation.scores import Floats, log_k_weights
from metalearn.evaluation.splits import folds
from metalearn.recommenders.task_mixture import TaskMixture

SHIPPED = "the constants that ship"
# Each is halved and doubled.
MOVED = ("spread", "shrinkage", "temper", "half_say", "uniform_share")
N_OUTER, N_INNER = 5, 5
KS = np.array(Settings().ks)


def variants() -> dict[str, Recommender]:
    """Return what is chosen from: the shipped constants, and each of them moved."""
    shipped = TaskMixture()
    moved = {
        f"{name} {value:.3g}": replace(shipped, **{name: value})
        for name in MOVED
        for value in (0.5 * getattr(shipped, name), 2.0 * getattr(shipped, name))
    }
    return {name: Once(recommender) for name, recommender in {SHIPPED: shipped, **moved}.items()}


def regrets(past: MetaDataset, names: list[str], settings: Settings, **how: object) -> dict[str, Floats]:
    """Return the normalized regrets (T, K) of some of the variants."""
    known = variants()
    results = run_bench(past, {name: known[name] for name in names}, settings, **how)  # type: ignore[arg-type]
    return {name: scores["normalized_regret"] for name, scores in results.scores.items()}


def main() -> None:
    """Choose in each outer fold, test there, and write the table."""
    parser = arguments(__doc__)
    parser.add_argument("--workers", default="2")
    options = parser.parse_args()
    past = load(options.shared)
    past = past.select(past.described & every(6 if options.quick else 1, past))
    n_outer, n_inner = (2, 2) if options.quick else (N_OUTER, N_INNER)
    inner, outer = Settings(protocol="sequential", n_folds=n_inner), Settings(protocol="sequential")
    weights, chosen = log_k_weights(KS), Counter[str]()
    found: dict[str, list[Floats]] = {"chosen in the other folds": [], SHIPPED: []}
    families: list[str] = []
    with executor(options.workers, processes=True) as (jobs, n_workers):
        how = {"executor": jobs, "n_workers": n_workers}
        outer_folds = folds(past, "family", n_outer)
        for number in progress(range(n_outer)):
            fold = outer_folds[number]
            split = fold.split(past)
            held_out = past.select(~fold.learned)
            areas = {
                name: float((values @ weights).mean())
                for name, values in regrets(split.training, list(variants()), inner, **how).items()
            }
            best = min(areas, key=lambda name: areas[name])
            tested = regrets(split.training, list(dict.fromkeys((best, SHIPPED))), outer, test=held_out, **how)
            for name, values in zip(found, (tested[best], tested[SHIPPED]), strict=True):
                found[name].append(values)
            chosen[best] += 1
            families += [task.family for task in held_out.tasks]
    keep(options, report({name: np.concatenate(values) for name, values in found.items()}, families, chosen))


def report(found: Mapping[str, Floats], families: list[str], chosen: Mapping[str, int]) -> str:
    """Return the table, and how often each variant was chosen."""
    first, second = found.values()
    rows = [
        (name, *(cell(column, families, signed=name == "difference") for column in columns_of(values)))
        for name, values in {**found, "difference": first - second}.items()
    ]
    often = ", ".join(f"{name} ({n})" for name, n in sorted(chosen.items(), key=lambda item: (-item[1], item[0])))
    heads = ("", *(f"k = {k}" for k in KS), "area")
    return f"{len(families)} datasets, {len(set(families))} families.\n\n{table(heads, rows)}\n\nChosen: {often}."


def columns_of(values: Floats) -> list[Floats]:
    """Return regrets (T,) at each k, and their areas (T,)."""
    return [*values.T, values @ log_k_weights(KS)]


if __name__ == "__main__":
    main()
