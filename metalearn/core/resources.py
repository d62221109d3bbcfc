"""The one place that finds folders: ``metadata/``, which ships beside the code, and the user's cache."""

import os
from functools import cache
from pathlib import Path

from metalearn.errors import MetalearnError

_PACKAGE = Path(__file__).resolve().parent.parent


@cache
def metadata_path(*parts: str) -> Path:
    """Return a path below ``metadata/``: the source tree's, where it stands beside the package, else the wheel's.

    Raises:
        MetalearnError: when neither holds it; names both.

    >>> metadata_path("algorithms.json").name
    'algorithms.json'
    """
    candidates = [folder.joinpath(*parts) for folder in (_PACKAGE.parent / "metadata", _PACKAGE / "metadata")]
    for path in candidates:
        if path.exists():
            return path
    raise MetalearnError(
        f"metalearn's own data is missing: neither {candidates[0]} nor {candidates[1]} exists; reinstall metalearn."
    )


def cache_folder() -> Path:
    """Return the folder that ``METALEARN_CACHE`` names, else ``metalearn`` in the user's cache folder."""
    usual = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "metalearn")
    return Path(os.environ.get("METALEARN_CACHE") or usual).expanduser()
