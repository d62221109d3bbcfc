"""The optimizer bench: both protocols, a fifth of the pool, seeds, failures, and that its figures are the replay's."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.parallel import executor
from metalearn.core.records import Configuration, Task
from metalearn.core.registry import names
from metalearn.errors import InputError, MetalearnError, UnknownNameError
from metalearn.evaluation.optimizers import (
    OptimizerSettings,
    evaluate_optimizers,
    full_fidelity_optimizers,
    known_space,
    replay_optimizer,
    run_optimizers,
)
from metalearn.evaluation.replay import tables
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.random_search import RandomSearch
from metalearn.optimizers.state import Proposal

N = 50


@dataclass(frozen=True)
class Climber:
    """Steps to the right of the best seen; from a list, to the candidate that is nearest to that."""

    takes_queue: ClassVar[bool] = False
    fails: bool = False
    fidelity: float = 1.0
    length: int = 1000

    def begin(self, space):
        return self

    def propose(self, state, rng):
        if self.fails:
            raise ZeroDivisionError("nothing to divide by")
        if len(state.told) >= self.length:
            return None
        x = np.full(1, 0.05)
        if len(state.told):
            x = state.told.X[state.told.imputed.argmin()] + 0.013
        SEEN.append(None if state.candidates is None else len(state.candidates))
        return Proposal(np.minimum(x, 1), self.fidelity)


SEEN: list[int | None] = []


@pytest.fixture(autouse=True)
def forget():
    SEEN.clear()


def pool(n=N):
    return [Configuration("s", "svc", {"C": i}) for i in range(n)]


def past(*curves, failed=None, **options):
    """Tasks whose losses over C = 0, ..., 49 are given by functions; NaN where not evaluated."""
    losses = np.array([[curve(i) for i in range(N)] for curve in curves], dtype=float)
    tasks = [Task(f"t{i}", f"d{i}", "classification") for i in range(len(curves))]
    return MetaDataset.from_matrix(losses, tasks, pool(), failed=failed, **options)


def falling(i):
    return 1 - i / N


def table_of(meta_dataset):
    return tables(meta_dataset)[0]


def tried(meta_dataset, method, n, **options):
    """Return the values of C that a method tries."""
    table = table_of(meta_dataset)
    space = known_space(meta_dataset.configurations)
    found = replay_optimizer(space, method, table, n, rng=np.random.default_rng(0), **options)
    return [table.candidates[i].hyperparameters["C"] for i in found]


@pytest.mark.parametrize("protocol", ["pool", "snap"])
def test_each_trial_is_the_nearest_candidate_not_yet_tried(protocol):
    # C lies at C / 49, and 0.013 is 0.64 of a step: 0.05 is nearest to 2, the next to 3. Where 2 stays the best, it
    # asks for 2.64 again and again, to which the nearest that is left is 4, then 1.
    assert tried(past(falling), Climber(), 4, protocol=protocol) == [2, 3, 4, 5]
    assert tried(past(lambda i: i), Climber(), 4, protocol=protocol) == [2, 3, 4, 1]


def test_only_in_pool_does_a_method_see_the_candidates():
    tried(past(falling), Climber(), 3, protocol="pool")
    assert SEEN == [N, N - 1, N - 2]
    SEEN.clear()
    tried(past(falling), Climber(), 3, protocol="snap")
    assert SEEN == [None] * 3


@pytest.mark.parametrize("protocol", ["pool", "snap"])
def test_no_candidate_is_tried_twice_and_all_can_be(protocol):
    assert sorted(tried(past(falling), RandomSearch(), 2 * N, protocol=protocol)) == list(range(N))


def test_what_was_observed_is_known_and_not_tried_again():
    meta_dataset = past(falling)
    table = table_of(meta_dataset)
    known_space_ = known_space(meta_dataset.configurations)
    trials = AskTell(known_space_, RandomSearch(), candidates=table.candidates, rng=np.random.default_rng(0)).ask(5)
    loss = dict(zip(table.candidates, table.losses, strict=True))
    observed = [t.ended(loss[t.configuration]) for t in trials]
    rest = tried(meta_dataset, RandomSearch(), N, observed=observed)
    assert sorted(rest) == sorted(set(range(N)) - {t.configuration.hyperparameters["C"] for t in trials})


def test_failures_are_told_as_crashes_and_count_as_the_reference():
    failed = np.array([[i in (3, 4) for i in range(N)]])
    meta_dataset = past(falling, failed=failed)
    assert tried(meta_dataset, Climber(), 4, protocol="snap") == [2, 3, 4, 1]
    settings = OptimizerSettings((1, 2, 4), n_seeds=1)
    regrets = run_optimizers(meta_dataset, {"climber": Climber()}, settings).scores["climber"]["normalized_regret"]
    np.testing.assert_allclose(regrets, [[47 / 49, 47 / 49, 47 / 49]])


def test_a_method_that_stops_early_keeps_its_best():
    settings = OptimizerSettings((1, 2, 9), n_seeds=1)
    results = run_optimizers(past(falling), {"climber": Climber(length=2)}, settings)
    np.testing.assert_allclose(results.scores["climber"]["normalized_regret"], [[47 / 49, 46 / 49, 46 / 49]])


def test_trials_are_looked_at_up_to_a_fifth_of_the_pool_and_constant_pools_are_counted():
    small = lambda i: falling(i) if i < 20 else np.nan  # noqa: E731
    tiny = lambda i: falling(i) if i < 4 else np.nan  # noqa: E731
    meta_dataset = past(falling, small, tiny, lambda i: 0.5)
    report = evaluate_optimizers(meta_dataset, {"climber": Climber()}, OptimizerSettings((2, 4, 5, 10, 11)))
    about = report["protocol"]
    assert about["n_tasks"] == 2
    assert about["n_constant_tasks_left_out"] == 1
    assert about["n_small_tasks_left_out"] == 1
    assert about["trials_left_out"] == [11]
    assert [(row["trials"], row["n_tasks"]) for row in report["results"]] == [(2, 2), (4, 2), (5, 1), (10, 1)]
    assert [sorted(row["per_task"]) for row in report["results"]] == [["d0", "d1"]] * 2 + [["d0"]] * 2
    # Of 20 candidates C runs over 0, ..., 19, of which 2 and 3 are the first tried.
    assert report["results"][0]["per_task"] == pytest.approx({"d0": 46 / 49, "d1": 16 / 19})
    assert report["results"][0]["mean_normalized_regret"] == pytest.approx((46 / 49 + 16 / 19) / 2)


def test_the_report_has_the_shape_of_the_recommenders():
    report = evaluate_optimizers(past(falling, lambda i: i), ["random"], OptimizerSettings((5, 10), "snap", 3))
    assert set(report) == {"protocol", "results"}
    assert report["protocol"]["name"] == "snap"
    expected = {"optimizer", "protocol", "trials", "mean_normalized_regret", "median_normalized_regret"}
    assert all(
        expected | {"ci_low", "ci_high", "n_tasks", "per_task", "scores"} == set(row) for row in report["results"]
    )
    assert {row["optimizer"] for row in report["results"]} == {"random"}
    first, second = report["results"]
    assert second["mean_normalized_regret"] <= first["mean_normalized_regret"]


def test_random_search_has_the_regret_that_chance_has():
    meta_dataset = past(*[falling] * 10)
    settings = OptimizerSettings((1, 9), n_seeds=20)
    row_1, row_9 = evaluate_optimizers(meta_dataset, ["random"], settings)["results"]
    # The smallest of n ranks drawn from 0, ..., 49 has the mean (50 - n) / (n + 1).
    assert row_1["mean_normalized_regret"] == pytest.approx(49 / 2 / 49, abs=0.06)
    assert row_9["mean_normalized_regret"] == pytest.approx(41 / 10 / 49, abs=0.03)


def test_seeds_and_tasks_draw_their_own_and_a_run_repeats():
    meta_dataset = past(falling, falling)
    one, again, other = (
        run_optimizers(meta_dataset, ["random"], OptimizerSettings((1, 5), "pool", 2, seed)) for seed in (0, 0, 1)
    )
    regrets = [results.scores["random"]["normalized_regret"] for results in (one, again, other)]
    np.testing.assert_array_equal(regrets[0], regrets[1])
    assert (regrets[0] != regrets[2]).any()
    assert (regrets[0][0] != regrets[0][1]).any()


def test_workers_give_the_same_and_progress_is_told():
    meta_dataset, settings = past(falling, lambda i: (i - 20) ** 2), OptimizerSettings((1, 5), n_seeds=2)
    seen = []
    alone = run_optimizers(meta_dataset, ["random"], settings, on_progress=lambda *done: seen.append(done))
    assert seen == [(1, 2), (2, 2)]
    with executor(2) as (jobs, n_workers):
        shared = run_optimizers(meta_dataset, ["random"], settings, executor=jobs, n_workers=n_workers)
    for name, values in alone.scores["random"].items():
        np.testing.assert_array_equal(values, shared.scores["random"][name])


def test_another_knowledge_base_is_tested_on_and_the_space_holds_both():
    wide = MetaDataset.from_matrix([[0.1, 0.2]], ["openml-9"], [Configuration("s", "svc", {"C": c}) for c in (-50, 99)])
    results = run_optimizers(wide, {"climber": Climber()}, OptimizerSettings((1,), n_seeds=1), test=past(falling))
    assert [task.id for task in results.tasks] == ["t0"]
    # 0.05 of the way from -50 to 99 lies left of all candidates, so the nearest is C = 0.
    np.testing.assert_allclose(results.scores["climber"]["normalized_regret"], [[1.0]])


def test_the_shipped_space_is_used_for_its_own_configurations():
    from metalearn.learners.space import search_space

    space = search_space("classification")
    assert known_space(space.sample(3, np.random.default_rng(0))) is space
    assert known_space([*space.sample(3, np.random.default_rng(0)), *pool(2)]) is not space


def test_fidelities_are_refused_in_one_sentence():
    with pytest.raises(MetalearnError, match=r"halves failed on t0: It asks for trials at fidelity 0\.5"):
        run_optimizers(past(falling), {"halves": Climber(fidelity=0.5)}, OptimizerSettings((1,)))
    assert set(full_fidelity_optimizers()) <= set(names("optimizer"))


def test_what_fails_is_named_with_its_task():
    with pytest.raises(MetalearnError, match="The optimizer broken failed on t0: ZeroDivisionError: nothing to divide"):
        run_optimizers(past(falling), {"broken": Climber(fails=True)}, OptimizerSettings((1,)))
    with pytest.raises(UnknownNameError, match="random"):
        run_optimizers(past(falling), ["randon"], OptimizerSettings((1,)))


def test_bad_settings_are_refused():
    for wrong in ({"trials": ()}, {"trials": (0, 5)}, {"n_seeds": 0}):
        with pytest.raises(InputError):
            OptimizerSettings(**wrong)
    assert replace(OptimizerSettings(), trials=(5, 1, 5)).trials == (1, 5)
    with pytest.raises(InputError, match="which here is 10 at most; ask for fewer than 11"):
        run_optimizers(past(falling), ["random"], OptimizerSettings((11, 20)))
    with pytest.raises(InputError, match="two different losses"):
        run_optimizers(past(lambda i: 0.5), ["random"])
