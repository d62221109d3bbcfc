"""Taking a source, a dataset or a task out of a knowledge base again, with all that only it needs."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from metalearn.errors import KnowledgeBaseError, did_you_mean
from metalearn.store.connection import reclaim_space, transaction
from metalearn.store.queries import TABLES, query

if TYPE_CHECKING:
    import duckdb

Kind = Literal["source", "dataset", "task"]
_NUMBERED = re.compile(r"openml-(?:task-|dataset-)?(\d+)")


def remove(connection: "duckdb.DuckDBPyConnection", kind: Kind, id_: str, *, dry_run: bool = False) -> dict[str, int]:
    """Take a source, dataset or task out, in one transaction, and return how many rows of each table went.

    See ``KnowledgeBase.remove``. With ``dry_run`` everything stays and the counts are those of what would go.

    Raises:
        KnowledgeBaseError: when there is no such source, dataset or task; names the nearest.
    """
    _require_known(connection, kind, id_)
    with connection.cursor() as own:  # temporary tables go with it
        try:
            with transaction(own):
                removed = _remove(own, kind, id_)
                if dry_run:
                    raise _DryRunError
        except _DryRunError:
            return removed
    reclaim_space(connection)
    return removed


class _DryRunError(Exception):
    """Rolls a transaction back."""


def _remove(connection: "duckdb.DuckDBPyConnection", kind: Kind, id_: str) -> dict[str, int]:
    removed: Counter[str] = Counter()
    parameters = {"id": id_, "names": _pattern(_names(connection, id_)), "source": id_ if kind == "source" else None}
    for name in ("remove_source" if kind == "source" else "remove_task", "remove_unused"):
        for statement in connection.extract_statements(query(name)):
            used = {name: parameters[name] for name in statement.named_parameters}
            found = connection.execute(statement, used).fetchall()
            if deleted := re.search(r"^DELETE FROM (\w+)", statement.query, re.MULTILINE):
                removed[deleted[1]] += found[0][0]
    return {table: removed[table] for table in TABLES if removed[table]}


def _names(connection: "duckdb.DuckDBPyConnection", id_: str) -> set[str]:
    """Return the ids of a task and its dataset, or of a dataset and its tasks."""
    text = "SELECT id, dataset_id FROM tasks WHERE $id IN (id, dataset_id)"
    return {id_, *(name for row in connection.execute(text, {"id": id_}).fetchall() for name in row)}


def _pattern(ids: Iterable[str]) -> str:
    """Return a regular expression for texts that hold one of the ids, or its number on OpenML as a whole number.

    >>> bool(re.search(_pattern(["openml-task-59"]), "function/accuracy/task/3,59"))
    True
    """
    known = sorted(ids)
    numbers = [matched[1] for id_ in known if (matched := _NUMBERED.fullmatch(id_))]
    return "|".join([*map(re.escape, known), *(rf"(?:^|[^0-9]){number}(?:[^0-9]|$)" for number in numbers)])


def _require_known(connection: "duckdb.DuckDBPyConnection", kind: Kind, id_: str) -> None:
    text = query("known_sources") if kind == "source" else f"SELECT id FROM {kind}s"
    known = [row[0] for row in connection.execute(text).fetchall()]
    if id_ not in known:
        hint = did_you_mean(id_, known) or "'metalearn kb info' shows what it holds."
        raise KnowledgeBaseError(f"The knowledge base holds no {kind} {id_!r}; {hint.strip()}")
