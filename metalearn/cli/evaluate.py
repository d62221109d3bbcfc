"""``metalearn evaluate``: the bench."""

from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metalearn.cli.options import Json, Metric, ReadKb, Seed, TaskTypeOption, Workers, listed, numbers
from metalearn.cli.output import print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metalearn.core.meta_dataset import MetaDataset

app = typer.Typer(no_args_is_help=True, help="Compare methods on a knowledge base.")
_ALL = "auto,average_rank,knn,portfolio,random"


@app.callback()
def _keep_subcommands() -> None:
    """Keep ``recommenders`` a subcommand while it is the only one."""


@app.command(epilog="Example: metalearn evaluate recommenders --kb oboe.duckdb --recommenders knn,portfolio --k 1,5,10")
def recommenders(
    kb: ReadKb = None,
    test_kb: Annotated[
        str | None,
        typer.Option(
            "--test-kb", metavar="KB", help="Test on this one instead, and learn from --kb less its families."
        ),
    ] = None,
    recommenders: Annotated[str, typer.Option("--recommenders", metavar="A,B", help="Which to compare.")] = _ALL,
    k: Annotated[
        str, typer.Option("--k", metavar="K,K", help="After how many recommendations to look.")
    ] = "1,2,3,5,10,20",
    protocol: Annotated[
        Literal["zero_shot", "sequential"],
        typer.Option("--protocol", help="Ask once for all, or one at a time, telling each loss."),
    ] = "zero_shot",
    leave_out: Annotated[
        Literal["dataset", "family"], typer.Option("--leave-out", help="What of a test task's kin is not learned from.")
    ] = "family",
    metric: Metric = None,
    task_type: TaskTypeOption = None,
    workers: Workers = "1",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Replay published evaluations: how good is the best of the first k recommended configurations?"""
    from metalearn.core.parallel import executor
    from metalearn.evaluation.benchmark import Settings, evaluate_recommenders

    names = listed(recommenders) or ()
    settings = Settings(numbers(k, "--k"), protocol, leave_out, seed)
    training, *tests = _load([kb, test_kb] if test_kb else [kb], metric, task_type)
    test = tests[0] if tests else None
    pool: Any = executor(workers, processes=True) if workers != "1" else nullcontext((None, 1))
    with pool as (jobs, _), progress() as bar:
        shown = bar.add_task("recommenders", total=len(names))
        report = evaluate_recommenders(
            training, names, settings, test=test, executor=jobs, on_done=lambda _: bar.advance(shown)
        )
    if json:
        print_json(report)
    else:
        _print(report)


def _load(locations: "Sequence[str | None]", metric: str | None, task_type: Any) -> "list[MetaDataset]":
    """Load one or two knowledge bases, with families that hold across them."""
    from metalearn.store import KnowledgeBase, related_datasets

    with ExitStack() as stack:
        opened = [stack.enter_context(KnowledgeBase.open(location)) for location in locations]
        families = related_datasets(*opened)
        loaded = [kb.meta_dataset(metric=metric, task_type=task_type) for kb in opened]
        return [meta_dataset.with_families(families) for meta_dataset in loaded]


def _print(report: dict[str, Any]) -> None:
    about = report["protocol"]
    title = f"Mean normalized regret in %, {about['name']}, {about['n_tasks']} tasks, {about['metric']}"
    rows = [
        (
            row["recommender"],
            row["k"],
            f"{100 * row['mean_normalized_regret']:.2f}",
            f"[{100 * row['ci_low']:.2f}, {100 * row['ci_high']:.2f}]",
            f"{100 * row['median_normalized_regret']:.2f}",
        )
        for row in report["results"]
    ]
    print_table(title, ("recommender", "k", "mean", "95 % interval", "median"), rows)
