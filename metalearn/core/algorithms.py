"""Canonical algorithm names: what OBOE's codes and OpenML's flow classes are called here."""

import json
from functools import cache
from types import MappingProxyType

from metalearn.core.resources import metadata_path


@cache
def _aliases() -> MappingProxyType[str, str]:
    known = json.loads(metadata_path("algorithms.json").read_text(encoding="utf-8"))
    return MappingProxyType({alias: name for name, entry in known.items() for alias in (name, *entry["aliases"])})


def canonical_algorithm(name: str) -> str:
    """Return the canonical snake_case name of an algorithm; an unknown one stays as it is.

    >>> canonical_algorithm("sklearn.svm.SVC"), canonical_algorithm("kSVM"), canonical_algorithm("weka.J48")
    ('svc', 'svc', 'weka.J48')
    """
    return _aliases().get(name, name)


def algorithm_names() -> tuple[str, ...]:
    """Return the canonical names, sorted."""
    return tuple(sorted(set(_aliases().values())))
