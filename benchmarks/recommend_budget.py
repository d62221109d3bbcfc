"""How good is the best configuration found within so many seconds? On OBOE's matrix of losses and its runtimes.

    python -m benchmarks.recommend_budget [--quick] [--out FILE] [--workers 2]

On the 238 datasets with meta-features, in ten folds of families, one seed. A method is asked for one configuration at a
time, told what is left of the budget, and what the last one gave and took by the published runtimes; a run that
outlasts the budget gives nothing. It sees runtimes of past tasks alone. ``auto`` and ``portfolio`` choose by what they
gain a predicted second; "in the order of old" they choose as if time did not matter, among what is predicted to fit.
OBOE's method is ``matrix_factorization`` with half the budget for probes, as in its paper. Mean normalized regret in %
with 95 % bootstrap intervals over families; nothing found counts as 1.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np

from benchmarks.common import arguments, cell, keep
from benchmarks.recommend import every, load
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import FittedRecommender, Recommender
from metalearn.core.records import Constraints, Trial
from metalearn.core.registry import create
from metalearn.evaluation.replay import Table, tables
from metalearn.evaluation.report import table
from metalearn.evaluation.scores import Floats
from metalearn.evaluation.splits import folds
from metalearn.recommenders.matrix_factorization import MatrixFactorization

BUDGETS = (1, 2, 4, 8, 16, 32, 64)
N_FOLDS = 10
# How a method is told of the time: what is left in all, or as a limit on the next configuration.
IN_ALL, EACH = "in all", "each"


def of_oboe(budget: float) -> Recommender:
    """Return OBOE's method, with half the budget for as many probes as it pays."""
    return MatrixFactorization(n_probes=1000, budget_seconds=budget / 2, side_information=False)


METHODS: Mapping[str, tuple[Callable[[float], Recommender], str]] = {
    "auto": (lambda _: create("recommender", "auto"), IN_ALL),
    "auto, in the order of old": (lambda _: create("recommender", "auto"), EACH),
    "portfolio": (lambda _: create("recommender", "portfolio"), IN_ALL),
    "portfolio, in the order of old": (lambda _: create("recommender", "portfolio"), EACH),
    "OBOE": (of_oboe, EACH),
    "a3r": (lambda _: create("recommender", "a3r"), EACH),
    "random": (lambda _: create("recommender", "random"), EACH),
}


def main() -> None:
    """Run all methods under all budgets and write the table."""
    parser = arguments(__doc__)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    past = load(options.shared, runtimes=True)
    past = past.select(past.described & every(12 if options.quick else 1, past))
    families = [task.family for task in past.tasks]
    with ProcessPoolExecutor(options.workers) as pool:
        n_folds = 2 if options.quick else N_FOLDS
        found = pool.map(partial(within_budgets, past=past, n_folds=n_folds), METHODS)
        regrets = dict(zip(METHODS, found, strict=True))
    best = min(set(regrets) - {"auto"}, key=lambda name: float(regrets[name].mean()))
    rows = [[name, *(cell(v, families) for v in values.T)] for name, values in regrets.items()]
    differences = (regrets["auto"] - regrets[best]).T
    rows.append([f"auto - {best}", *(cell(v, families, signed=True) for v in differences)])
    text = table(("method", *(f"{b} s" for b in BUDGETS)), rows)
    keep(options, text)
    print(text)


def within_budgets(name: str, past: MetaDataset, n_folds: int) -> Floats:
    """Return the regrets (T, number of budgets) of a method."""
    make, told = METHODS[name]
    rows, seconds = tables(past), past.cost_matrix()
    regrets = np.zeros((len(rows), len(BUDGETS)))
    for fold in folds(past, "family", n_folds):
        training = past.select(fold.learned)
        of_budget = {budget: make(budget) for budget in BUDGETS}
        same = len(set(of_budget.values())) == 1
        fitted: FittedRecommender | None = None
        for column, (budget, method) in enumerate(of_budget.items()):
            if fitted is None or not same:
                fitted = method.meta_fit(training, rng=np.random.default_rng(0))
            for t in fold.test_tasks:
                cost = dict(zip((c.id for c in past.configurations), seconds[t].tolist(), strict=True))
                regrets[t, column] = within(fitted, rows[t], cost, budget, told)
    return regrets


def within(fitted: FittedRecommender, row: Table, cost: Mapping[str, float], budget: float, told: str) -> float:
    """Return the smallest regret found on a task within the budget."""
    position = {c.id: i for i, c in enumerate(row.candidates)}
    history: list[Trial] = []
    left, best = float(budget), 1.0
    while best > 0:
        limit = Constraints(total_seconds=left) if told == IN_ALL else Constraints(seconds=left)
        answer = fitted.recommend(row.task, 1, history=history, candidates=row.candidates, constraints=limit)
        if not answer:
            break
        configuration = answer[0].configuration
        left -= cost[configuration.id]
        if left < 0:
            break
        i = position[configuration.id]
        trial = Trial(configuration, loss=float(row.losses[i]), cost_seconds=cost[configuration.id], status="ok")
        history.append(trial if np.isfinite(row.losses[i]) else replace(trial, loss=None, status="crashed"))
        best = min(best, float(row.regrets[i]))
    return best


if __name__ == "__main__":
    main()
