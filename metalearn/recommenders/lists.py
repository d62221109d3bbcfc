"""What becomes of an ordered list: how much of it fits into a time budget, and the library's default in it."""

from collections.abc import Sequence
from dataclasses import replace

from metalearn.core.records import Evidence, Recommendation

# A list goes on with the default from its second place, if it is not there by then.
DEFAULT_PLACE = 2
DEFAULT = Evidence("default")


def affordable(seconds: Sequence[float | None], limit: float | None) -> list[int]:
    """Return the places of those of n costs that fit into ``limit`` together, taken in order; None costs nothing.

    What does not fit is passed over for what comes after it, so the choice is the same for any longer list.

    >>> affordable([5.0, 7.0, None, 4.0, 2.0], 10.0)
    [0, 2, 3]
    """
    if limit is None:
        return list(range(len(seconds)))
    kept, spent = [], 0.0
    for place, cost in enumerate(seconds):
        if spent + (cost or 0.0) <= limit:
            spent += cost or 0.0
            kept.append(place)
    return kept


def with_default(items: Sequence[Recommendation], default: Recommendation | None) -> list[Recommendation]:
    """Return a list of recommendations with a default at the second place, unless it is at the first or second.

    It is marked by evidence of the kind ``default``. Nothing changes in a list that is empty.

    >>> from metalearn.core.records import Configuration
    >>> a, b, c = (Recommendation(Configuration("s", name)) for name in "abc")
    >>> [item.configuration.algorithm for item in with_default([a, b, c], c)]
    ['a', 'c', 'b']
    """
    first, rest = items[: DEFAULT_PLACE - 1], items[DEFAULT_PLACE - 1 :]
    if default is None or default.configuration in [item.configuration for item in items[:DEFAULT_PLACE]] or not first:
        return list(items)
    marked = replace(default, evidence=(DEFAULT, *(e for e in default.evidence if e.kind != "no past task")))
    return [*first, marked, *(item for item in rest if item.configuration != default.configuration)]
