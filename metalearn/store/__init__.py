"""The knowledge base: a DuckDB file to write into, Parquet snapshots to share. Only this package runs SQL."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metalearn.store.knowledge_base import Counts, KnowledgeBase, verify

__all__ = ["Counts", "KnowledgeBase", "verify"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'metalearn.store' has no attribute {name!r}")
    from metalearn.store import knowledge_base

    return getattr(knowledge_base, name)
