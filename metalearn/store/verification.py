"""Whether a knowledge base is sound."""

from pathlib import Path

from metalearn.store.connection import resolved
from metalearn.store.knowledge_base import KnowledgeBase
from metalearn.store.snapshots import is_snapshot, verify_snapshot


def verify(location: str | Path | None = None) -> list[str]:
    """Return one sentence for each problem of a knowledge base: files that differ from the manifest, else bad rows.

    >>> verify()
    []
    """
    where = resolved(location)
    damaged = list(verify_snapshot(where)) if is_snapshot(where) else []
    if damaged:
        return damaged
    with KnowledgeBase.open(where) as knowledge_base:
        return knowledge_base.inconsistencies()
