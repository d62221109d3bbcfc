"""``metalearn evaluate``: the bench."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from metalearn.cli.options import Json, Metric, ReadKb, Seed, TaskTypeOption, Workers, listed, numbers
from metalearn.cli.output import print_json, print_table, progress
from metalearn.core.registry import names as registered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metalearn.core.meta_dataset import MetaDataset
    from metalearn.evaluation.cache import AnswerCache
    from metalearn.evaluation.results import Results

app = typer.Typer(no_args_is_help=True, help="Compare methods on a knowledge base.")
_USUAL = "auto,average_rank,knn,portfolio,random"


@app.command(epilog="Example: metalearn evaluate recommenders --kb oboe.duckdb --recommenders knn,portfolio --k 1,5,10")
def recommenders(
    kb: ReadKb = None,
    test_kb: Annotated[
        str | None,
        typer.Option(
            "--test-kb", metavar="KB", help="Test on this one instead, and learn from --kb less its families."
        ),
    ] = None,
    recommenders: Annotated[
        str,
        typer.Option(
            "--recommenders",
            metavar="A,B",
            help=f"Which to compare, of: {', '.join(registered('recommender'))}; with options, as in "
            "knn:n_neighbors=3, or 3/5/10 to choose by nested folds; or classes of your own as in mine.MedianBest.",
        ),
    ] = _USUAL,
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
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds", metavar="N", min=2, help="Leave out families, or datasets, in N folds. [default: one by one]"
        ),
    ] = None,
    curves: Annotated[
        Path | None,
        typer.Option("--curves", metavar="FILE", help="Write all scores of each task to this Parquet file."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write tables, figures and tests to this .html or .md file."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline", metavar="A", help="What the report compares to. [default: average_rank, or the first]"
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache",
            metavar="DIR",
            help="Keep finished folds here. [default: METALEARN_CACHE, or the user's cache folder, for snapshots only]",
        ),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither read nor keep finished folds.")] = False,
    metric: Metric = None,
    task_type: TaskTypeOption = None,
    workers: Workers = "1",
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Replay published evaluations: how good is the best of the first k recommended configurations?"""
    from metalearn.core.parallel import processes
    from metalearn.evaluation.benchmark import Settings, run_bench
    from metalearn.evaluation.results import summary

    names = _names(recommenders, baseline)
    settings = Settings(numbers(k, "--k"), protocol, leave_out, seed, folds)
    _check_files(curves, report)
    training, *tests = load_kbs([kb, test_kb] if test_kb else [kb], metric, task_type)
    test = tests[0] if tests else None
    with progress() as bar, processes(workers) as (jobs, n_workers):
        shown = bar.add_task("folds", total=None)
        results = run_bench(
            training,
            names,
            settings,
            test=test,
            executor=jobs,
            n_workers=n_workers,
            cache=None if no_cache else _cache(cache, training, test),
            on_progress=lambda done, total: bar.update(shown, completed=done, total=total),
        )
    _write(results, curves, report, baseline)
    if json:
        print_json(summary(results))
    else:
        _print(results)


def _names(recommenders: str, baseline: str | None) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(listed(recommenders, "--recommenders") or ()))
    if baseline is not None and baseline not in names:
        raise typer.BadParameter(f"{baseline!r} is not among --recommenders", param_hint="--baseline")
    return names


def _check_files(curves: Path | None, report: Path | None) -> None:
    """Refuse what cannot be written before the long work, not after it."""
    from metalearn.evaluation.report import check_report

    if curves is not None and not curves.resolve().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {curves.resolve().parent}", param_hint="--curves")
    if report is not None:
        check_report(report)


def load_kbs(locations: "Sequence[str | None]", metric: str | None, task_type: Any) -> "list[MetaDataset]":
    """Load one or two knowledge bases, with families that hold across them."""
    from metalearn.store import KnowledgeBase, related_datasets

    with ExitStack() as stack:
        opened = [stack.enter_context(KnowledgeBase.open(location)) for location in locations]
        families = related_datasets(*opened)
        loaded = [kb.meta_dataset(metric=metric, task_type=task_type) for kb in opened]
        return [meta_dataset.with_families(families) for meta_dataset in loaded]


def _cache(folder: Path | None, training: "MetaDataset", test: "MetaDataset | None") -> "AnswerCache | None":
    """Return the cache asked for, else the user's where nothing can change any more; of other things it would fill."""
    from metalearn.core.resources import cache_folder
    from metalearn.evaluation.cache import AnswerCache

    frozen = all(m.snapshot_id for m in (training, test) if m is not None)
    return AnswerCache.of(folder or cache_folder(), training, test) if folder or frozen else None


def _write(results: "Results", curves: Path | None, report: Path | None, baseline: str | None) -> None:
    from metalearn.evaluation.report import write_report
    from metalearn.evaluation.results import curves_table

    if curves is not None:
        import pyarrow.parquet as pq

        pq.write_table(curves_table(results), curves)
    if report is not None:
        write_report(results, report, baseline=baseline)


def _print(results: "Results") -> None:
    import numpy as np

    about = results.about
    title = f"Mean normalized regret in %, {about['name']}, {about['n_tasks']} tasks, {about['metric']}"
    rows = []
    for label, scores in results.scores.items():
        for k, regrets in zip(results.ks, scores["normalized_regret"].T, strict=True):
            mean, low, high, median = (f"{100 * v:.2f}" for v in (*results.interval(regrets), np.median(regrets)))
            solved, ndcg = (scores[name][:, results.ks.index(k)].mean() for name in ("solved", "ndcg"))
            rows.append((label, k, mean, f"[{low}, {high}]", median, f"{100 * solved:.0f}", f"{ndcg:.3f}"))
    print_table(title, ("recommender", "k", "mean", "95 % interval", "median", "solved in %", "NDCG"), rows)
