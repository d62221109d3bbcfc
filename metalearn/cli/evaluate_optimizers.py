"""``metalearn evaluate optimizers``: optimizers on tables of real evaluations."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metalearn.cli.evaluate import load_kbs
from metalearn.cli.options import Json, Metric, ReadKb, Seed, TaskTypeOption, Workers, listed, numbers
from metalearn.cli.output import print_json, print_table, progress
from metalearn.core.registry import names as registered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXAMPLE = "Example: metalearn evaluate optimizers --kb svm.duckdb --optimizers gp,random --trials 10,25,50"


def optimizers(
    kb: ReadKb = None,
    test_kb: Annotated[
        str | None,
        typer.Option("--test-kb", metavar="KB", help="Test on this one instead; --kb then only widens the space."),
    ] = None,
    optimizers: Annotated[
        str | None,
        typer.Option(
            "--optimizers",
            metavar="A,B",
            help=f"Which to compare, of: {', '.join(registered('optimizer'))}; or classes of your own "
            "as in mine.MyMethod. [default: all that leave fidelities alone]",
        ),
    ] = None,
    trials: Annotated[
        str,
        typer.Option("--trials", metavar="N,N", help="After how many to look, up to a fifth of a task's candidates."),
    ] = "5,10,25,50,100",
    protocol: Annotated[
        Literal["pool", "snap"],
        typer.Option("--protocol", help="Choose from the candidates, or ask in the whole space and get the nearest."),
    ] = "pool",
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="Runs of each optimizer on a task.")] = 5,
    metric: Metric = None,
    task_type: TaskTypeOption = None,
    workers: Workers = "1",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Replay published evaluations: how good is the best of the first trials of an optimizer?"""
    from metalearn.core.parallel import processes
    from metalearn.evaluation.optimizers import OptimizerSettings, evaluate_optimizers, full_fidelity_optimizers

    settings = OptimizerSettings(numbers(trials, "--trials"), protocol, seeds, seed)
    names = tuple(dict.fromkeys(listed(optimizers, "--optimizers") or full_fidelity_optimizers()))
    training, *tests = load_kbs([kb, test_kb] if test_kb else [kb], metric, task_type)
    with progress() as bar, processes(workers) as (jobs, n_workers):
        shown = bar.add_task("tasks", total=None)
        report = evaluate_optimizers(
            training,
            names,
            settings,
            test=tests[0] if tests else None,
            executor=jobs,
            n_workers=n_workers,
            on_progress=lambda done, total: bar.update(shown, completed=done, total=total),
        )
    if json:
        print_json(report)
    else:
        _print(report["protocol"], report["results"])


def _print(about: "Mapping[str, Any]", rows: "Iterable[Mapping[str, Any]]") -> None:
    title = f"Mean normalized regret in %, {about['name']}, {about['metric']}, {about['n_seeds']} seeds"
    shown = []
    for row in rows:
        mean, low, high, median = (
            f"{100 * row[name]:.2f}"
            for name in ("mean_normalized_regret", "ci_low", "ci_high", "median_normalized_regret")
        )
        solved = f"{100 * row['scores']['solved']['mean']:.0f}"
        shown.append((row["optimizer"], row["trials"], mean, f"[{low}, {high}]", median, solved, row["n_tasks"]))
    print_table(title, ("optimizer", "trials", "mean", "95 % interval", "median", "solved in %", "tasks"), shown)
