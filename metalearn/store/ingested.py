"""What a knowledge base holds of one source already: see ``core.protocols.Ingested``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb


class StoredOf:
    """The rows of one source in an open knowledge base, for the source to go on from."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", source: str) -> None:
        self._connection, self._source = connection, source

    def cursors(self) -> dict[str, str]:
        """Return the cursors of the source's partitions, by partition."""
        return dict(self._rows("SELECT partition, cursor FROM ingestions WHERE source = $source ORDER BY partition"))

    def tasks(self) -> set[str]:
        """Return the ids of the tasks that the source has described: it brought them, or their meta-features."""
        text = "SELECT id FROM tasks WHERE source = $source"
        described = "SELECT DISTINCT task_id FROM meta_features WHERE extractor = $source"
        return {row[0] for row in self._rows(f"{text} UNION {described}")}

    def runs(self, task_id: str) -> set[str]:
        """Return the source's ids of the runs on a task that are stored."""
        text = "SELECT DISTINCT source_run_id FROM evaluations WHERE source = $source AND task_id = $task"
        return {row[0] for row in self._rows(text, task=task_id)}

    def flows(self, ids: Sequence[int]) -> dict[int, tuple[str, str, str, str]]:
        """Return name, class name, version and dependencies of those of the flows that are stored, by id."""
        text = "SELECT id, name, class_name, version, dependencies FROM flows WHERE source = $source AND id IN $ids"
        return {row[0]: row[1:] for row in self._rows(text, ids=list(ids))} if ids else {}

    def setups(self, ids: Sequence[int]) -> dict[int, str]:
        """Return the hyperparameters, as JSON of the source's texts, of those of the setups that are stored, by id."""
        text = "SELECT id, hyperparameters FROM setups WHERE source = $source AND id IN $ids"
        return dict(self._rows(text, ids=list(ids))) if ids else {}

    def quarantined(self) -> list[tuple[str, str]]:
        """Return raw text and reason of the source's rows in quarantine."""
        return self._rows("SELECT raw, reason FROM quarantine WHERE source = $source ORDER BY ALL")

    def refusals(self) -> list[tuple[str, int]]:
        """Return why rows of the source are in quarantine, numbers left out, and how many for each reason."""
        reason = "regexp_replace(reason, '[0-9]+(\\.[0-9]+)?', '#', 'g')"
        text = f"SELECT {reason} AS why, count(*) AS n FROM quarantine WHERE source = $source GROUP BY why"
        return self._rows(f"{text} ORDER BY n DESC, why")

    def _rows(self, text: str, **parameters: Any) -> list[Any]:
        return self._connection.execute(text, {"source": self._source, **parameters}).fetchall()
