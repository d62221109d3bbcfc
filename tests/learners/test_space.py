"""The spaces that ship cover what is known, and their configurations are valid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metalearn.core.records import TaskType
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError, UnknownNameError
from metalearn.learners import catalog
from metalearn.learners.catalog import LEARNERS
from metalearn.learners.definition import SPACE_NAMES
from metalearn.learners.space import restricted, search_space, unusable

# Known from published runs only: an older form, or a weaker one, of another in the space.
PUBLISHED_ONLY = {"gradient_boosting", "mlp", "perceptron"}


@pytest.mark.parametrize("task_type", SPACE_NAMES)
def test_it_covers_every_algorithm_of_the_task_type(task_type: TaskType) -> None:
    space = search_space(task_type)
    known = {name for name, learner in LEARNERS.items() if learner.model(task_type)}
    assert (space.name, set(space.algorithms)) == (SPACE_NAMES[task_type], known - PUBLISHED_ONLY)
    assert search_space(task_type) is space


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), task_type=st.sampled_from(list(SPACE_NAMES)))
def test_samples_are_valid_and_survive_encoding(seed: int, task_type: TaskType) -> None:
    space = search_space(task_type)
    sampled = space.sample(10, np.random.default_rng(seed))
    for configuration in sampled:
        space.validate(configuration)
    assert space.decode(space.encode(sampled)) == sampled


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_a_restricted_space_is_a_part_of_the_whole(seed: int, data: st.DataObject) -> None:
    whole = search_space("classification")
    chosen = data.draw(st.sets(st.sampled_from(whole.algorithms), min_size=1))
    part = restricted(whole, chosen)
    assert part.name == whole.name
    assert part.algorithms == tuple(name for name in whole.algorithms if name in chosen)
    sampled = part.sample(10, np.random.default_rng(seed))
    for configuration in sampled:
        whole.validate(configuration)
    # Within the part, each has the same id, and the whole's configurations of these algorithms are valid.
    assert whole.decode(whole.encode(sampled)) == sampled
    assert part.decode(part.encode(sampled)) == sampled
    for algorithm in part.algorithms:
        assert part.default(algorithm) == whole.default(algorithm)
        part.validate(whole.default(algorithm))


def test_what_no_algorithm_has_is_gone() -> None:
    part = restricted(search_space("classification"), ["lightgbm"])
    names = set(part.config_space)
    assert {name.partition(":")[0] for name in names if ":" in name} == {"lightgbm"}
    assert not {"imputation", "scaling"} & names  # it takes gaps, and does not care for scales
    assert {"encoding", "reduction", "percentile", "pca_variance"} <= names
    assert {"svc:gamma", "scaling"} <= set(restricted(search_space("classification"), ["svc"]).config_space)


def test_the_default_and_weights_of_an_algorithm_survive() -> None:
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    space = ConfigurationSpace()
    algorithm = Categorical("algorithm", ["a", "b", "c"], weights=[0.2, 0.2, 0.6], default="c")
    x = Float("a:x", (0, 1))
    space.add([algorithm, x, EqualsCondition(x, algorithm, "a")])
    whole = SearchSpace("three-1", space)
    kept, moved = restricted(whole, ["a", "c"]), restricted(whole, ["a", "b"])
    assert kept.config_space["algorithm"].probabilities == pytest.approx([0.25, 0.75])
    assert (kept.default().algorithm, moved.default().algorithm) == ("c", "a")
    assert restricted(whole, ["a", "b", "c"]) is whole


def test_a_space_is_not_restricted_to_nothing_or_to_what_it_lacks() -> None:
    with pytest.raises(InputError, match="No algorithm of the space metalearn-regression-1 is left"):
        restricted(search_space("regression"), [])
    with pytest.raises(UnknownNameError, match="did you mean 'svr'"):
        restricted(search_space("regression"), ["svc"])


@pytest.mark.parametrize("kind", ["and", "not equal", "forbidden", "forbidden choice"])
def test_what_ties_algorithms_together_goes_as_far_as_it_speaks_of_those_left_out(kind: str) -> None:
    from ConfigSpace import (
        AndConjunction,
        Categorical,
        ConfigurationSpace,
        EqualsCondition,
        Float,
        ForbiddenAndConjunction,
        ForbiddenEqualsClause,
        NotEqualsCondition,
    )

    algorithm, encoding = Categorical("algorithm", ["a", "b", "c"]), Categorical("encoding", ["one_hot", "ordinal"])
    x = Float("a:x", (0, 1), default=0.5)
    space = ConfigurationSpace(space=[algorithm, encoding, x])
    only_a = EqualsCondition(x, algorithm, "a")
    space.add(AndConjunction(only_a, EqualsCondition(x, encoding, "ordinal")) if kind == "and" else only_a)
    if kind == "not equal":
        space.add(NotEqualsCondition(encoding, algorithm, "a"))
    elif kind == "forbidden":
        space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(x, 0.25), ForbiddenEqualsClause(encoding, "ordinal")))
    elif kind == "forbidden choice":
        ordinal = ForbiddenEqualsClause(encoding, "ordinal")
        space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(algorithm, "a"), ordinal))
    part = restricted(SearchSpace("three-1", space), ["b", "c"])
    assert part.algorithms == ("b", "c")
    assert {h.name for h in part.cube.hyperparameters} == {"algorithm", "encoding"}
    assert not part.config_space.forbidden_clauses
    assert {c.hyperparameters["encoding"] for c in part.sample(20, np.random.default_rng(0))} == {"one_hot", "ordinal"}


def test_a_space_whose_default_would_be_forbidden_is_refused() -> None:
    from ConfigSpace import Categorical, ConfigurationSpace, ForbiddenAndConjunction, ForbiddenEqualsClause

    algorithm, encoding = Categorical("algorithm", ["a", "b", "c"]), Categorical("encoding", ["one_hot", "ordinal"])
    space = ConfigurationSpace(space=[algorithm, encoding])
    space.add(
        ForbiddenAndConjunction(ForbiddenEqualsClause(algorithm, "b"), ForbiddenEqualsClause(encoding, "one_hot"))
    )
    with pytest.raises(InputError, match=r"three-1 cannot be restricted to b, c: .* violates forbidden clause"):
        restricted(SearchSpace("three-1", space), ["b", "c"])


def test_unusable_is_what_lacks_its_library_or_exceeds_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    algorithms = search_space("classification").algorithms
    monkeypatch.setattr(catalog, "find_spec", lambda name: None)
    assert unusable(algorithms, 100, 2) == {"torch_mlp": "it needs pip install torch safetensors (the extra 'torch')"}
    assert set(unusable(algorithms, 30_000, 200)) == {"torch_mlp", "svc", "lightgbm", "hist_gradient_boosting"}
