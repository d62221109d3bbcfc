"""The exceptions: one tree, as it is drawn, and whole after a trip through a process pool."""

import pickle
import re

import pytest

from metalearn import errors
from metalearn.errors import MetalearnError, MissingDependencyError, UnknownNameError

TREE = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, MetalearnError)]


def test_the_tree_is_drawn_as_it_is():
    drawn = re.findall(r"(\w+Error)(?:\((\w+)\))?", errors.__doc__)
    assert [name for name, _ in drawn] == [c.__name__ for c in TREE]
    built_in = [[b.__name__ for b in c.__bases__ if not issubclass(b, MetalearnError)] for c in TREE[1:]]
    assert [[other] if other else [] for _, other in drawn[1:]] == built_in


@pytest.mark.parametrize(
    "error", [UnknownNameError("metric", "acuracy", ["accuracy"]), MissingDependencyError("torch", "torch")], ids=str
)
def test_an_error_survives_pickling(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_a_name_may_be_given_as_a_number():
    assert str(UnknownNameError("metric", 1, ["1", "r2"])) == "There is no metric 1; did you mean '1'? Known: 1, r2."


def test_where_nothing_is_known_that_is_said():
    assert str(UnknownNameError("option of random", "k", [])) == (
        "There is no option of random 'k'; there is none at all."
    )
