"""The named queries: one SQL file each, and the schema by numbered version."""

from functools import cache
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent / "sql"
# In the order in which foreign ids need them.
TABLES = (
    "metrics",
    "datasets",
    "tasks",
    "spaces",
    "configurations",
    "evaluations",
    "meta_features",
    "ingestions",
    "quarantine",
    "failures",
    "libraries",
    "flows",
    "setups",
)
EVALUATION_KEY = (
    "task_id",
    "configuration_id",
    "metric",
    "split",
    "resource",
    "fidelity",
    "fold",
    "seed",
    "source",
    "source_run_id",
)


def query(name: str, **parts: str) -> str:
    """Return the text of a query; ``parts`` fill in names of tables and columns, which SQL has no parameters for.

    >>> query("append_small", table="tasks").splitlines()[-1]
    'INSERT INTO tasks BY NAME SELECT DISTINCT * FROM batch ON CONFLICT DO NOTHING'
    """
    return _template(name).safe_substitute(parts)


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.sql").read_text(encoding="utf-8"))


def schema_versions() -> dict[int, str]:
    """Return the schema's scripts by version, each to be run on the one before."""
    return {int(path.stem.removeprefix("schema_")): path.stem for path in sorted(_FOLDER.glob("schema_*.sql"))}
