"""A knowledge base as the calls of a user take it: an open one, where one is, or the bundled one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metalearn.store.knowledge_base import KnowledgeBase


@contextmanager
def opened(kb: KnowledgeBase | str | Path | None) -> Iterator[KnowledgeBase]:
    """Give the knowledge base for the block, and close it afterwards unless it was open before.

    Raises:
        KnowledgeBaseError: as ``KnowledgeBase.open``.

    >>> with KnowledgeBase.open() as bundled, opened(bundled) as kb:
    ...     kb is bundled
    True
    """
    if isinstance(kb, KnowledgeBase):
        yield kb
    else:
        with KnowledgeBase.open(kb) as found:
            yield found
