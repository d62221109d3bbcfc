"""``metalearn ingest``: published runs go in."""

import typer

from metalearn.cli.ingest import openml, tables

app = typer.Typer(no_args_is_help=True, help="Put published runs and meta-features into a knowledge base.")
app.command(epilog="Example: metalearn ingest matrix --kb oboe.duckdb error_matrix.csv --runtimes runtime_matrix.csv")(
    tables.matrix
)
app.command(epilog="Example: metalearn ingest runs --kb svm.duckdb svm.arff --algorithm svc --metric accuracy")(
    tables.runs
)
app.command(epilog="Example: metalearn ingest metafeatures --kb oboe.duckdb metafeatures.csv --extractor pmf")(
    tables.metafeatures
)
app.command(epilog="Example: metalearn ingest openml --kb openml.duckdb --suite 99 --measure balanced_accuracy")(
    openml.openml
)
