"""Fitted recommenders on disk, so that none is fitted twice to the same snapshot.

An entry is a folder named by a key: the recommender with its options, the snapshot, task type, metric, split and
extractor, the seed, and the version of metalearn. It holds what was learned; the past tasks come from the snapshot.
Some entries ship (``metadata/recommenders``), others are in the user's cache: ``$METALEARN_CACHE``, else
``$XDG_CACHE_HOME/metalearn``, else ``~/.cache/metalearn``. It may be deleted at any time.
"""

import hashlib
import json
import logging
import shutil
import tempfile
from contextlib import suppress
from dataclasses import is_dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.protocols import FittedRecommender, Recommender
from metalearn.core.resources import cache_folder, metadata_path
from metalearn.errors import MetalearnError
from metalearn.recommenders.past_tasks import PastTasks
from metalearn.recommenders.ranking import Ordering

_LOG = logging.getLogger(__name__)
KEY = "key.json"


def fitted(method: Recommender, past: MetaDataset, *, seed: int = 0) -> FittedRecommender:
    """Return a recommender meta-fitted to past tasks: read where there is an entry, else fitted, and kept.

    Kept is what a method of the library fitted to a snapshot, as an ``Ordering``; a knowledge base in a file changes,
    and is not cached. An entry that cannot be read is replaced, with a warning to the log; a cache that cannot be
    written is passed over.

    >>> from metalearn.recommenders.portfolio import GreedyPortfolio
    >>> type(fitted(GreedyPortfolio(), MetaDataset.from_matrix([], [], []))).__name__
    'FittedPortfolio'
    """
    own = type(method).__module__.startswith("metalearn.")  # the key tells the version of no other code
    if not (past.snapshot_id and own and is_dataclass(method)):  # another's repr need not tell its options
        return method.meta_fit(past, rng=np.random.default_rng(seed))
    key = key_of(method, past, seed=seed)
    for folder in _folders():
        entry = folder / digest(key)
        if (entry / KEY).exists():
            try:
                return read(entry, past)
            except Exception as error:  # whatever a damaged file makes the libraries raise
                _LOG.warning("%s cannot be read (%s: %s) and is made again", entry, type(error).__name__, error)
    found = method.meta_fit(past, rng=np.random.default_rng(seed))
    if isinstance(found, Ordering):
        with suppress(OSError):
            write(found, key, user_cache() / digest(key))
    return found


def key_of(method: Recommender, past: MetaDataset, *, seed: int) -> dict[str, Any]:
    """Return everything that a fit depends on, as plain data."""
    return {
        "recommender": repr(method),
        "class": f"{type(method).__module__}:{type(method).__qualname__}",
        "snapshot": past.snapshot_id,
        "task_type": past.tasks[0].type if past.tasks else None,
        "metric": past.metric.name,
        "split": past.split,
        "extractor": past.extractor,
        "shape": [len(past), len(past.tasks), len(past.configurations), len(past.feature_names)],
        "seed": seed,
        "version": version("metalearn"),
    }


def digest(key: dict[str, Any]) -> str:
    """Return the name of a key's entry: 16 hex digits."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]


def write(found: Ordering, key: dict[str, Any], entry: Path) -> None:
    """Write what was learned into the folder ``entry``, replacing an older one; it is there whole or not at all.

    Raises:
        OSError: where nothing can be written.
    """
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix="part-") as folder:
        new, old = Path(folder, "new"), Path(folder, "old")
        new.mkdir()
        found.save_learned(new)
        kind = f"{type(found).__module__}:{type(found).__qualname__}"
        (new / KEY).write_text(json.dumps(key | {"fitted": kind}, indent=1) + "\n", encoding="utf-8")
        with suppress(FileNotFoundError):
            entry.rename(old)
        new.rename(entry)


def read(entry: Path, past: MetaDataset) -> Ordering:
    """Read what ``write`` wrote of a recommender that was fitted to these past tasks.

    Raises:
        TypeError: when the entry is of something else; and whatever a damaged file makes the libraries raise.
    """
    module, _, name = json.loads((entry / KEY).read_text(encoding="utf-8"))["fitted"].partition(":")
    kind = getattr(import_module(module), name)
    if not issubclass(kind, Ordering):
        raise TypeError(f"{module}:{name} is no recommender")
    found: Ordering = kind.load_learned(entry, PastTasks(past))
    return found


def user_cache() -> Path:
    """Return the folder of the user's entries; it need not exist."""
    return cache_folder() / "recommenders"


def clear(folder: Path) -> None:
    """Delete the entries of a folder, and nothing else that is in it."""
    for entry in folder.glob(f"*/{KEY}"):
        shutil.rmtree(entry.parent)


def _folders() -> list[Path]:
    """Return where entries are: those that ship, and the user's."""
    try:
        return [metadata_path("recommenders"), user_cache()]
    except MetalearnError:  # none ship
        return [user_cache()]
