"""Which limit is to blame where nothing is left."""

import pytest

from metalearn.core.records import Configuration, Constraints
from metalearn.recommenders.eligibility import Limits

A, B = Configuration("s", "a"), Configuration("t", "b")
QUICK = {A.id: 2.0, B.id: 3.0}


@pytest.mark.parametrize(
    ("constraints", "unusable", "heavy", "tried", "why"),
    [
        (Constraints(algorithms=("c", "d")), {}, {}, (), "--algorithms c,d: none is known here; known are a, b"),
        (Constraints(exclude=("a", B.id)), {}, {}, (), f"--exclude a,{B.id} leaves none of the 2 known configurations"),
        (Constraints(space="u"), {}, {}, (), "--space u: none of the 2 known configurations is valid in it"),
        (Constraints(("a",)), {"a": "it is old", "c": "?"}, {}, (), "a is left out: it is old"),
        (Constraints(), {}, {A.id: 0.5, B.id: 0.25}, (), "--memory is less than the 0.25 GB that the smallest"),
        (Constraints(), {}, {A.id: 0.5}, (B.id,), "--history has all of the 1 known configurations that are allowed"),
        (
            Constraints(seconds=1, total_seconds=5),
            {},
            {},
            (),
            "--seconds-each leaves nothing: the quickest is predicted to take 2 s",
        ),
        (
            Constraints(("b",), seconds=9, total_seconds=1),
            {},
            {},
            (),
            "--seconds-total leaves nothing: the quickest is predicted to take 3 s",
        ),
        (Constraints(), {}, {}, (), "none of the 2 known configurations is allowed"),
    ],
)
def test_the_first_limit_that_leaves_nothing_of_what_the_others_leave(constraints, unusable, heavy, tried, why):
    assert Limits(constraints, unusable, heavy, tried, QUICK).blame([A, B]).startswith(why)
