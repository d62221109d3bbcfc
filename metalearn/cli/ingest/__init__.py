"""``metalearn ingest``: published runs go in."""

from collections.abc import Callable

import typer

from metalearn.cli.ingest import histories, openml, published, tables

app = typer.Typer(no_args_is_help=True, help="Put published runs and meta-features into a knowledge base.")
_COMMANDS: dict[Callable[..., None], str] = {
    tables.matrix: "matrix --kb oboe.duckdb error_matrix.csv --runtimes runtime_matrix.csv",
    tables.runs: "runs --kb svm.duckdb svm.arff --algorithm svc --metric accuracy",
    tables.metafeatures: "metafeatures --kb oboe.duckdb metafeatures.csv --extractor pmf",
    openml.openml: "openml --kb openml.duckdb --suite 99 --measure balanced_accuracy",
    published.aslib: "aslib --kb autosklearn.duckdb r2_regression_dense",
    published.curves: "curves --kb lcdb.duckdb lcdb",
    published.taskset: "taskset --kb taskset.duckdb taskset",
    histories.optuna: "optuna --kb svm.duckdb sqlite:///svm.db --study svm --task 59 --metric accuracy --algorithm svc",
    histories.smac: "smac --kb svm.duckdb smac3_output/svm/0 --task 59 --metric error_rate --algorithm svc",
    histories.ray: "ray --kb mlp.duckdb ray_results/mlp --task 59 --metric accuracy --algorithm mlp --full 100",
    histories.syne: "syne --kb mlp.duckdb syne-tune/mlp --task 59 --metric accuracy --algorithm mlp",
    histories.journal: "journal --kb iris.duckdb iris.jsonl --task 59 --metric balanced_accuracy",
}
for _command, _example in _COMMANDS.items():
    app.command(epilog=f"Example: metalearn ingest {_example}")(_command)
