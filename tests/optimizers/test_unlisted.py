"""A method behind a screen does what it would do in the whole space, and gets the nearest candidates for it."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from metalearn.checks import optimizer_checks
from metalearn.core.registry import create
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.hyperband import Hyperband
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.sobol import SobolSearch
from metalearn.optimizers.unlisted import Unlisted
from tests.optimizers.problems import cube, values


@pytest.mark.parametrize("check", list(optimizer_checks()), ids=lambda check: check.__name__)
def test_it_conforms_as_its_method_does(check):
    check(Unlisted(RandomSearch()))


def test_each_trial_is_the_candidate_nearest_to_what_the_method_asks_for_in_the_whole_space():
    space = cube(2)
    candidates = space.sample(500, np.random.default_rng(1))
    free = AskTell(space, SobolSearch(), rng=np.random.default_rng(0)).ask(8)
    listed = AskTell(space, Unlisted(SobolSearch()), candidates=candidates, rng=np.random.default_rng(0)).ask(8)
    known = np.array([list(candidate.hyperparameters.values()) for candidate in candidates])
    for wanted, got in zip(free, listed, strict=True):
        nearest = known[np.linalg.norm(known - values(wanted), axis=1).argmin()]
        np.testing.assert_array_equal(values(got), nearest)


@pytest.mark.parametrize("method", [RandomSearch(), Hyperband()])
def test_who_places_the_queue_stays_the_same(method):
    assert Unlisted(method).takes_queue == method.takes_queue


@dataclass
class Overheard:
    """A method, and what it was shown and answered."""

    method: object
    takes_queue: bool = False
    proposals: list = field(default_factory=list)

    def begin(self, space):
        self.proposer = self.method.begin(space)
        return self

    def propose(self, state, rng):
        self.proposals.append((state, self.proposer.propose(state, rng)))
        return self.proposals[-1][1]


@pytest.mark.parametrize("name", ["gp", "forest", "tpe", "auto"])
def test_a_method_does_not_ask_again_for_what_is_not_to_be_had(name):
    space = cube(2)
    listed = [c for c in space.sample(200, np.random.default_rng(1)) if c.hyperparameters["x0"] > 0.4]
    method = Overheard(create("optimizer", name))
    optimizer = AskTell(space, Unlisted(method), candidates=listed, rng=np.random.default_rng(0))
    for _ in range(30):
        (trial,) = optimizer.ask()
        optimizer.tell([trial.ended(float(values(trial) @ [1.0, 0.1]))])  # best where there are no candidates
    after = [(state, proposal) for state, proposal in method.proposals if len(state.told) >= 10]
    assert not any(state.gaps.hold(proposal.x[None], space.cube).any() for state, proposal in after)
    assert len(after[-1][0].gaps.radii) > 20
