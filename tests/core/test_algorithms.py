"""Canonical algorithm names."""

import json
import re
from collections import Counter

from metalearn.core.algorithms import algorithm_names, canonical_algorithm
from metalearn.core.resources import metadata_path


def test_no_alias_stands_for_two_algorithms_and_names_are_snake_case():
    known = json.loads(metadata_path("algorithms.json").read_text(encoding="utf-8"))
    aliases = Counter(alias for name, entry in known.items() for alias in {name, *entry["aliases"]})
    assert [alias for alias, n in aliases.items() if n > 1] == []
    assert algorithm_names() == tuple(sorted(known))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in known)


def test_a_canonical_name_stays_and_an_unknown_one_too():
    assert {canonical_algorithm(name) for name in algorithm_names()} == set(algorithm_names())
    assert canonical_algorithm("My Own") == "My Own"
