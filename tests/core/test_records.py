"""Records: canonical ids, checked fields, hashing and pickling."""

import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metalearn.core.records import Configuration, Task, Trial, canonical_value
from metalearn.errors import ConfigurationError, InputError

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
HYPERPARAMETERS = st.dictionaries(st.text(), VALUES, max_size=5)


def test_the_id_is_the_hash_of_sorted_json_without_spaces():
    text = '{"algorithm":"svc","hyperparameters":{"C":0.5,"kernel":"rbf","shrinking":true},"space":"sklearn"}'
    configuration = Configuration("sklearn", "svc", {"kernel": "rbf", "shrinking": True, "C": 0.5})
    assert configuration.id == hashlib.sha256(text.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        (1.0, 1),
        (np.float64(0.25), 0.25),
        (np.int64(3), 3),
        (np.str_("rbf"), "rbf"),
        ((1.0, 2), [1, 2]),
        (np.array([50.0, 20.5]), [50, 20.5]),
        (None, None),
    ],
)
def test_values_become_python_scalars(value, canonical):
    assert canonical_value(value) == canonical
    assert type(canonical_value(value)) is type(canonical)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": 1}, object()])
def test_values_that_have_no_canonical_form_are_refused(value):
    with pytest.raises(ConfigurationError, match="hyperparameter cannot be"):
        Configuration("sklearn", "svc", {"C": value})


@given(HYPERPARAMETERS)
def test_a_configuration_survives_pickling_and_knows_its_equals(hyperparameters):
    configuration = Configuration("s", "a", hyperparameters)
    copy = pickle.loads(pickle.dumps(configuration))
    assert copy == configuration
    assert hash(copy) == hash(configuration)
    assert dict(copy.hyperparameters) == dict(configuration.hyperparameters)
    shuffled = dict(reversed(hyperparameters.items()))
    assert Configuration("s", "a", shuffled).id == configuration.id


def test_a_configuration_cannot_be_changed():
    configuration = Configuration("s", "a", {"C": 1})
    with pytest.raises(TypeError):
        configuration.hyperparameters["C"] = 2
    with pytest.raises(AttributeError):
        configuration.algorithm = "b"


def test_a_task_is_hashable_and_survives_pickling():
    task = Task("t", "d", "classification", meta_features={"n_rows": 10.0})
    copy = pickle.loads(pickle.dumps(task))
    assert copy == task
    assert hash(copy) == hash(task)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"loss": 0.1}, "has a loss exactly when"),
        ({"status": "ok"}, "has a loss exactly when"),
        ({"loss": 0.1, "status": "crashed"}, "has a loss exactly when"),
        ({"fidelity": 0.0}, r"lies in \(0, 1\]"),
        ({"status": "great"}, "status is one of"),
    ],
)
def test_a_trial_holds_only_what_makes_sense(fields, message):
    with pytest.raises(InputError, match=message):
        Trial(Configuration("s", "a"), **fields)
