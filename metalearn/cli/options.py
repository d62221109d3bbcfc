"""Options that have the same name and meaning in every command."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from metalearn.cli.output import TABLE_ENDINGS
from metalearn.core.algorithms import algorithm_names
from metalearn.core.metrics import METRICS
from metalearn.core.parallel import check_workers
from metalearn.core.registry import names
from metalearn.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from metalearn.core.records import Constraints
    from metalearn.core.spaces import SearchSpace

ReadKb = Annotated[
    str | None,
    typer.Option(
        "--kb",
        metavar="KB",
        help="Knowledge base: a .duckdb file, a snapshot's folder or its URL. [default: the bundled one]",
    ),
]
WriteKb = Annotated[Path, typer.Option("--kb", metavar="FILE", help="Knowledge base to write into; made if absent.")]
ChangedKb = Annotated[Path, typer.Option("--kb", metavar="FILE", help="Knowledge base to change.")]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait while another process holds the knowledge base, instead of an error.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of everything that is drawn.")]
METRIC_HELP = f"What to be good at: {', '.join(METRICS)}."
Metric = Annotated[
    str | None, typer.Option("--metric", metavar="M", help=f"{METRIC_HELP} [default: the most evaluated]")
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
Algorithms = Annotated[
    str | None, typer.Option("--algorithms", metavar="A,B", help=f"Only these, of: {', '.join(algorithm_names())}.")
]
Exclude = Annotated[str | None, typer.Option("--exclude", metavar="A,B", help="Not these.")]
Space = Annotated[
    str | None,
    typer.Option("--space", metavar="FILE|NAME", help="Only what is valid in a search space (JSON), or is of it."),
]
RecommenderOption = Annotated[
    str,
    typer.Option(
        "--recommender",
        metavar="R",
        help=f"The method that recommends: {', '.join(names('recommender'))}; with options as in knn:n_neighbors=3; "
        "or a class of your own as in mine.MedianBest.",
    ),
]
Target = Annotated[str | None, typer.Option("--target", metavar="COL", help="The column to predict.")]
Server = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="OpenML's. [default: the openml client's own]")
]


def _writable(path: Path | None) -> Path | None:
    """Refuse a file of another format as a usage error, before the long work."""
    if path is not None and not path.name.endswith(TABLE_ENDINGS):
        raise typer.BadParameter(f"give a name that ends in {', '.join(TABLE_ENDINGS)}; got {path}")
    return path


Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", callback=_writable, help="Save the table: .parquet or .csv.")
]


def listed(text: str | None, option: str) -> tuple[str, ...] | None:
    """Split a comma-separated option, None where it is not given; one that names nothing is a usage error.

    >>> listed("knn, auto", "--recommenders"), listed(None, "--recommenders")
    (('knn', 'auto'), None)
    """
    if text is None:
        return None
    parts = tuple(part.strip() for part in text.split(",") if part.strip())
    if not parts:
        raise typer.BadParameter(f"give one at least, several with commas; got {text!r}", param_hint=option)
    return parts


def constraints_of(
    algorithms: str | None, exclude: str | None, space: str | None, **limits: float | None
) -> "Constraints":
    """Return what these options limit the configurations to; ``limits`` are the other fields of ``Constraints``.

    Raises:
        UnknownNameError: for an algorithm that is not known.
        typer.BadParameter: for a list that names nothing.
        InputError: for a file that is not there, or cannot be read as a search space.
    """
    from metalearn.core.records import Constraints

    only, without = listed(algorithms, "--algorithms"), listed(exclude, "--exclude") or ()
    for name in (*(only or ()), *without):
        if name not in algorithm_names():
            raise UnknownNameError("algorithm", name, algorithm_names())
    return Constraints(only, without, space=None if space is None else _space(space), **limits)


def _space(text: str) -> "SearchSpace | str":
    """Read a search space from a file; what is no file is the name of one."""
    from metalearn.core.spaces import SearchSpace

    if not (Path(text).is_file() or text.endswith(".json")):
        return text
    try:
        return SearchSpace.from_json(Path(text).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no file {text}; check the path.") from None
    except Exception as error:  # ConfigSpace raises whatever comes to it
        raise InputError(f"{text} cannot be read as a search space ({type(error).__name__}: {error}).") from error


def numbers(text: str | None, option: str) -> tuple[int, ...]:
    """Split a comma-separated option of whole numbers, none where it is not given; anything else is a usage error.

    >>> numbers("1,5,10", "--k")
    (1, 5, 10)
    """
    try:
        return tuple(int(part) for part in listed(text, option) or ())
    except ValueError:
        raise typer.BadParameter(
            f"give whole numbers separated by commas, such as 1,5,10; got {text!r}", param_hint=option
        ) from None
