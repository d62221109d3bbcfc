"""The ``openml`` client with patience: what it answers as plain values, and one error where it does not.

The client retries some failures, misses others (well-formed error pages, cut XML, a connection that hangs) and keeps
broken answers in its cache. Here its own retries are switched off, and one policy covers all of them. Its
configuration is global: it is set for the duration of each call and restored.

https://openml.github.io/openml-python (0.15.1; what 0.16 changes is not used).
"""

import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from xml.parsers import expat

from metalearn.errors import SourceError

if TYPE_CHECKING:
    import pandas as pd

Answer = TypeVar("Answer")

# The client retries these itself, but only these: "database connection error".
_BUSY = 107
# Unknown dataset, task, flow or setup; data features or qualities that are not there (yet).
_ABSENT = frozenset({111, 112, 151, 181, 271, 272, 273, 274, 281, 361, 362, 363, 364})
_NO_ACCESS = 112
_LONGEST_PAUSE_SECONDS = 60.0
# The server allows 1,000 setups an answer; their ids must fit into a URL.
_SETUPS_PER_CALL = 300


class AbsentError(SourceError):
    """What was asked for does not exist on the server, or not for us."""


@dataclass(frozen=True)
class OpenMLTask:
    """A task as the server describes it; ``type`` is OpenML's number (1 classification, 2 regression)."""

    dataset_id: int
    type: int
    target: str
    procedure: str


@dataclass(frozen=True)
class OpenMLDataset:
    """A dataset as the server describes it, with its qualities (empty where none were computed)."""

    name: str
    version: int
    qualities: Mapping[str, float]


@dataclass(frozen=True)
class OpenMLClient:
    """Asks one OpenML server, the client's configured one by default.

    Each call is tried ``attempts`` times, with pauses that double from ``pause_seconds``; an attempt that takes
    longer than ``timeout_seconds`` has failed. ``cache`` is the root of the client's cache (its own by default).
    Every method raises ``AbsentError`` for what does not exist and ``SourceError`` when the server gives no answer.
    """

    server: str | None = None
    cache: Path | None = None
    attempts: int = 5
    pause_seconds: float = 1.0
    timeout_seconds: float = 300.0
