"""Options that have the same name and meaning in every command."""

from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Literal

import typer

from metalearn.core.parallel import check_workers, executor
from metalearn.errors import InputError

ReadKb = Annotated[
    str | None,
    typer.Option(
        "--kb",
        metavar="KB",
        help="Knowledge base: a .duckdb file, a snapshot's folder or its URL. [default: the bundled one]",
    ),
]
WriteKb = Annotated[Path, typer.Option("--kb", metavar="FILE", help="Knowledge base to write into; made if absent.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait while another process holds the knowledge base, instead of an error.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of everything that is drawn.")]
Metric = Annotated[
    str | None, typer.Option("--metric", metavar="M", help="What to be good at. [default: the most evaluated]")
]
TaskTypeOption = Annotated[
    Literal["classification", "regression"] | None,
    typer.Option("--task-type", help="[default: told from the target; of a knowledge base: the one with most tasks]"),
]


def _workers(text: str) -> str:
    """Refuse a wrong value as a usage error, before anything is loaded."""
    try:
        check_workers(text)
    except InputError as error:
        raise typer.BadParameter(str(error)) from None
    return text


Workers = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar="W",
        callback=_workers,
        help="Processes, or a Dask scheduler's address (tcp://host:8786).",
    ),
]
Target = Annotated[str | None, typer.Option("--target", metavar="COL", help="The column to predict.")]


def listed(text: str | None) -> tuple[str, ...] | None:
    """Split a comma-separated option.

    >>> listed("knn, auto"), listed(None)
    (('knn', 'auto'), None)
    """
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def pool(workers: str) -> AbstractContextManager[tuple[Executor | None, int]]:
    """Give the processes of ``--workers`` and their number; none for one, which is this process."""
    return nullcontext((None, 1)) if workers == "1" else executor(workers, processes=True)


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Split a comma-separated option of whole numbers; anything else is a usage error.

    >>> numbers("1,5,10", "--k")
    (1, 5, 10)
    """
    try:
        return tuple(int(part) for part in listed(text) or ())
    except ValueError:
        raise typer.BadParameter(
            f"give whole numbers separated by commas, such as 1,5,10; got {text!r}", param_hint=option
        ) from None
