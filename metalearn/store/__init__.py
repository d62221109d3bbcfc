"""The knowledge base: a DuckDB file to write into, Parquet snapshots to share. Only this package runs SQL."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metalearn.store.appending import Counts
    from metalearn.store.kinship import related_datasets, store_families
    from metalearn.store.knowledge_base import KnowledgeBase
    from metalearn.store.opening import opened
    from metalearn.store.verification import verify

_HOMES = {
    "Counts": "metalearn.store.appending",
    "KnowledgeBase": "metalearn.store.knowledge_base",
    "opened": "metalearn.store.opening",
    "related_datasets": "metalearn.store.kinship",
    "store_families": "metalearn.store.kinship",
    "verify": "metalearn.store.verification",
}
__all__ = ["Counts", "KnowledgeBase", "opened", "related_datasets", "store_families", "verify"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'metalearn.store' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
