"""Loss against spent budget on real learning curves: multi-fidelity methods, random search, and the peers.

    python -m benchmarks.multi_fidelity [--quick] [--out FILE] [--seeds 3] [--methods A,B]

TaskSet (training losses of recurrent networks), LCDB (error rates of learners over training sizes) and the surrogate of
LCBench. What a method may choose from is a table of configurations: every method asks in the whole space and gets the
nearest configuration of the table that it has not tried, in the encoded space; those marked "(pool)" score the table's
configurations themselves. The budget counts full evaluations; training that can be resumed is charged for the steps
that are added, training on more rows anew. Methods see validation losses; the incumbent is the configuration with the
smallest one at the largest fidelity reached so far, and is scored by its test loss after full training: normalized
regret in the table, in %, mean over seeds and then over tasks, with 95 % bootstrap intervals over tasks.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import arguments, cell, keep
from benchmarks.multi_fidelity_peers import ETA, Optimize, peers
from benchmarks.multi_fidelity_tables import CurveTable, tables
from metalearn.core.registry import create, names
from metalearn.evaluation.report import table as markdown
from metalearn.evaluation.scores import N_DRAWS
from metalearn.optimizers.asha import ASHA
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.bohb import BOHB
from metalearn.optimizers.hyperband import Hyperband
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.state import Method
from metalearn.optimizers.successive_halving import SuccessiveHalving
from metalearn.optimizers.unlisted import Unlisted

Floats = NDArray[np.float64]
BUDGETS = np.array([1, 2, 4, 8, 16, 32, 64])
# Where the curves are read off: from the cheapest evaluation on.
GRID = np.geomspace(1 / 27, BUDGETS[-1], 400)
MIN_FIDELITY = 1 / 27
RANDOM = "random"
N_LCBENCH, N_LCDB = 5, 24


def main() -> None:
    """Run all methods on all tables and write the results."""
    parser = arguments(__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--methods", default="", help="names, by commas; default: all")
    options = parser.parse_args()
    others, absent = peers()
    methods = ours() | others
    wanted = [name for name in options.methods.split(",") if name] or list(methods)
    texts = [f"Left out: {name} ({why})." for name, why in absent.items()]
    sizes = (2, 2) if options.quick else (N_LCBENCH, N_LCDB)
    n_seeds = min(options.seeds, 2) if options.quick else options.seeds
    for source, found in tables(options.shared, *sizes):
        if isinstance(found, str):
            texts.append(f"## {source}\n\nLeft out: {found}.")
            continue
        used = found[:2] if options.quick else found
        curves, seconds = run(used, {name: methods[name] for name in wanted}, n_seeds)
        texts.append(report(source, curves, seconds, [table.name for table in used], n_seeds))
        keep(options, "\n\n".join(texts))
    print("\n\n".join(texts))


def ours() -> dict[str, Optimize]:
    """Return our methods by name."""
    found: dict[str, Method] = {
        RANDOM: RandomSearch(),
        "successive_halving": SuccessiveHalving(eta=ETA, min_fidelity=MIN_FIDELITY),
        "hyperband": Hyperband(eta=ETA, min_fidelity=MIN_FIDELITY),
        "asha": ASHA(eta=ETA, min_fidelity=MIN_FIDELITY),
    }
    if "tpe" in names("optimizer"):
        tpe: Method = create("optimizer", "tpe")
        found |= {
            "tpe, full fidelity": Unlisted(tpe),
            "bohb": BOHB(base=Unlisted(tpe), eta=ETA, min_fidelity=MIN_FIDELITY),
            "bohb (pool)": BOHB(base=tpe, eta=ETA, min_fidelity=MIN_FIDELITY),
            "asha with tpe": ASHA(base=Unlisted(tpe), eta=ETA, min_fidelity=MIN_FIDELITY, random_share=1 / 3),
        }
    return {name: partial(ask_and_tell, method) for name, method in found.items()}


@dataclass
class TableRun:
    """Evaluations of a table's rows in their order: what was spent after each, which row, which column."""

    table: CurveTable
    spent: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)
    reached: dict[int, int] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether the budget is spent."""
        return bool(self.spent) and self.spent[-1] >= BUDGETS[-1]

    def evaluate(self, row: int, fidelity: float) -> float:
        """Return the validation loss of a row, NaN where training failed, and charge for it."""
        column = self.table.column(fidelity)
        cost = self.table.cost(column, self.reached.get(row))
        self.spent.append((self.spent[-1] if self.spent else 0.0) + cost)
        self.rows.append(row)
        self.columns.append(column)
        self.reached[row] = column
        return float(self.table.validation[row, column])

    def regrets(self) -> Floats:
        """Return the incumbent's regret at each budget of the grid, 1 before there is one."""
        rows, columns = np.array(self.rows), np.array(self.columns)
        losses = self.table.validation[rows, columns]
        best, found = (-1, np.inf), []
        regret = 1.0
        for row, column, loss in zip(rows, columns, losses, strict=True):
            if np.isfinite(loss) and (-column, loss) < (-best[0], best[1]):
                best, regret = (column, loss), self.table.regrets[row]
            found.append(regret)
        last = np.searchsorted(self.spent, GRID + 1e-9, side="right")
        return np.concatenate([[1.0], found])[last]


def ask_and_tell(method: Method, table: CurveTable, run: TableRun, seed: int) -> None:
    """Run one of ours."""
    rng = np.random.default_rng(seed)
    optimizer = AskTell(table.space, method, candidates=table.configurations, rng=rng)
    while not run.over and (asked := optimizer.ask()):
        loss = run.evaluate(table.place[asked[0].configuration.id], asked[0].fidelity)
        ok = np.isfinite(loss)
        optimizer.tell([replace(asked[0], loss=loss if ok else None, status="ok" if ok else "crashed")])


def run(
    used: Sequence[CurveTable], methods: Mapping[str, Optimize], n_seeds: int
) -> tuple[dict[str, Floats], dict[str, float]]:
    """Return regrets (T, len(GRID)) by method, means over seeds, and seconds a run."""
    curves = {name: np.zeros((len(used), len(GRID))) for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    for t, table in enumerate(used):
        print(".", end="", file=sys.stderr, flush=True)
        for name, optimize in methods.items():
            start = time.process_time()
            for seed in range(n_seeds):
                tried = TableRun(table)
                optimize(table, tried, n_seeds * t + seed)  # one draw for all tasks would be no sample of draws
                curves[name][t] += tried.regrets() / n_seeds
            seconds[name] += (time.process_time() - start) / (n_seeds * len(used))
    return curves, seconds


def report(
    source: str, curves: Mapping[str, Floats], seconds: Mapping[str, float], tasks: Sequence[str], n_seeds: int
) -> str:
    """Return the tables of regrets and of speed-ups as Markdown."""
    at = np.searchsorted(GRID, BUDGETS - 1e-9)
    after = [
        (name, *(cell(values[:, i], tasks) for i in at), f"{seconds[name]:.2f}") for name, values in curves.items()
    ]
    text = (
        f"## {source}: {len(tasks)} tasks, {n_seeds} seeds\n\n"
        "Mean normalized test regret in % after so many full evaluations.\n\n"
        f"{markdown(('method', *BUDGETS, 'CPU s a run'), after)}"
    )
    if RANDOM not in curves:
        return text
    sooner = [
        (name, *(median(s) for s in speed_ups(values, curves[RANDOM]).T))
        for name, values in curves.items()
        if name != RANDOM
    ]
    return (
        f"{text}\n\nHow many times sooner than random search what that has after so many full evaluations is reached: "
        "median over tasks [95 % bootstrap]; 0 where it is not reached within 64. BOHB's paper says 20 early on.\n\n"
        f"{markdown(('method', *BUDGETS), sooner)}"
    )


def speed_ups(values: Floats, random: Floats) -> Floats:
    """Return (T, len(BUDGETS)): the budget over what a method needs to be, and stay, as good as random search with it.

    0 where it needs more than the largest budget, NaN where random search has found nothing that is better than 1.
    """
    wanted = random[:, np.searchsorted(GRID, BUDGETS - 1e-9)]
    stays = np.flip(np.maximum.accumulate(np.flip(values, axis=1), axis=1), axis=1)
    good = stays[:, None, :] <= wanted[:, :, None] + 1e-12
    found = np.where(good.any(axis=2), BUDGETS / GRID[good.argmax(axis=2)], 0.0)
    return np.where(wanted < 1, found, np.nan)


def median(values: Floats) -> str:
    """Return a median over the tasks where there is a value, with its bootstrap interval."""
    values = values[np.isfinite(values)]
    if not len(values):
        return "-"
    drawn = np.random.default_rng(0).choice(values, (N_DRAWS, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return f"{np.median(values):.1f} [{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    main()
