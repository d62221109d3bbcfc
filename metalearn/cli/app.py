"""The application: the commands, assembled."""

from typing import Annotated

import typer

from metalearn import __version__
from metalearn.cli import evaluate, evaluate_optimizers, ingest, knowledge_base, metafeatures, optimize, recommend

app = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},  # the commands below inherit it
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Learn from past machine-learning experiments, and spend it on the next one.",
    epilog="Example: metalearn recommend data.csv --target class",
)
app.command(name="recommend", epilog=recommend.EXAMPLE)(recommend.recommend)
app.command(name="optimize", epilog=optimize.EXAMPLE)(optimize.optimize)
app.command(name="metafeatures", epilog=metafeatures.EXAMPLE)(metafeatures.metafeatures)
evaluate.app.command(name="optimizers", epilog=evaluate_optimizers.EXAMPLE)(evaluate_optimizers.optimizers)
app.add_typer(ingest.app, name="ingest")
app.add_typer(knowledge_base.app, name="kb")
app.add_typer(evaluate.app, name="evaluate")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    pass
