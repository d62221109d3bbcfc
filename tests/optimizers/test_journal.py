"""A journal is written event by event, and only what began it goes on with it."""

import multiprocessing
from datetime import UTC, datetime

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, Float

from metalearn.core.journal import Asked, FinishedTrial, JournalContents, read_journal
from metalearn.core.records import Configuration, Trial
from metalearn.core.spaces import SearchSpace
from metalearn.errors import InputError
from metalearn.optimizers.ask_tell import AskTell
from metalearn.optimizers.bayesian import BayesianOptimization
from metalearn.optimizers.journal import header, opened
from metalearn.optimizers.random_search import RandomSearch
from metalearn.surrogates.random_forest import RandomForest
from tests.optimizers.objectives import NearBest


def line(upper=1, name="line-1"):
    return SearchSpace(name, ConfigurationSpace(space=[Float("x", (0, upper))]))


def at(x, **outcome):
    return Trial(Configuration("line-1", "line-1", {"x": x}), **outcome)


def begun(space=None, method=None, seed=0, candidates=None, queue=(), observed=(), **options):
    named = header(space or line(), method or RandomSearch(), seed, candidates, **options)
    return JournalContents(named, tuple(queue), tuple(observed))


def finished(number, trial):
    now = datetime.now(UTC)
    done = Trial(trial.configuration, trial.fidelity, trial.seed, 0.5, 0.1, "ok")
    return FinishedTrial(number, done, now, now, 1.0)


QUEUE, KNOWN = (at(0.5).configuration,), (at(0.25, loss=0.75, status="ok"),)


@pytest.fixture
def path(tmp_path):
    """The path of a journal with a queue, an observed trial and one that was asked for."""
    path = tmp_path / "line.jsonl"
    with opened(path, begun(queue=QUEUE, observed=KNOWN)) as journal:
        journal.append(Asked(0, at(0.5)))
    return path


def test_every_event_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "line.jsonl"
    with opened(path, begun(queue=QUEUE)) as journal:
        assert path.read_bytes().count(b"\n") == 2
        asked = Asked(0, at(0.5))
        journal.append(asked)
        assert read_journal(path).pending == (asked,)
        journal.append(done := finished(0, asked.trial))
        assert read_journal(path).finished == (done,)


def test_it_goes_on_where_it_ended(path):
    with opened(path, begun(queue=QUEUE, observed=KNOWN)) as journal:
        assert journal.contents.pending == (Asked(0, at(0.5)),)
        journal.append(finished(0, at(0.5)))
    with opened(path, begun()) as journal:  # the queue and what was observed need not be given again
        assert (journal.contents.queue, journal.contents.observed) == (QUEUE, KNOWN)
        assert len(journal.contents.finished) == 1


def test_a_torn_line_is_cut_off_before_more_is_written(path, caplog):
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"event": "tell", "num')
    with opened(path, begun()) as journal:
        journal.append(finished(0, at(0.5)))
    assert "torn" in caplog.text
    assert path.read_bytes().startswith(whole)
    assert [event.number for event in read_journal(path).events] == [0, 0]


def test_a_beginning_that_was_not_written_whole_is_begun_anew(tmp_path):
    path = tmp_path / "line.jsonl"
    with opened(path, begun(queue=QUEUE * 2)):
        whole = path.read_bytes()
    for data in (b"", *(whole[: whole.index(b"\n") + n] for n in (1, 20))):
        path.write_bytes(data)
        with opened(path, begun(queue=QUEUE * 2)) as journal:
            assert journal.contents.queue == QUEUE * 2
        assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (begun(seed=1), r"another seed \(0, not 1\)"),
        (begun(method=NearBest(0.5)), r"another method \(RandomSearch\(\), not NearBest\(spread=0.5\)\)"),
        (begun(space=line(2)), "another definition of the space"),
        (begun(space=line(name="line-2")), r"another space \(line-1, not line-2\)"),
        (begun(candidates=QUEUE), "another candidates"),
        (begun(objective="r2 on other data"), r"another objective \(, not r2 on other data\)"),
        (begun(replace_initial_design=False), r"another replace_initial_design \(True, not False\)"),
        (begun(queue=[at(0.75).configuration]), "another queue"),
        (begun(observed=[at(0.25, loss=0.5, status="ok")]), "another observed trials"),
    ],
)
def test_another_optimization_may_not_go_on_with_it(path, other, difference):
    before = path.read_bytes()
    with pytest.raises(InputError, match=f"with {difference}; give what it was begun with"), opened(path, other):
        pass
    assert path.read_bytes() == before


def test_a_method_that_holds_a_function_goes_on_where_that_has_a_name(tmp_path):
    def repeated(made):
        methods = [BayesianOptimization(surrogate=made()) for _ in range(2)]
        for method in methods:
            with opened(tmp_path / "line.jsonl", begun(method=method)) as journal:
                journal.append(Asked(0, at(0.5)))

    def named():
        def forest(encoding):
            return RandomForest(encoding)

        return forest

    repeated(named)
    (tmp_path / "line.jsonl").unlink()
    with pytest.raises(InputError, match=r"a lambda .* another journal, with a class or a function that has a name\."):
        repeated(lambda: lambda encoding: RandomForest(encoding))


def test_all_that_differs_is_said(path):
    with (
        pytest.raises(InputError, match=r"another space \(line-1, not b\), another .* another seed"),
        opened(path, begun(space=line(2, "b"), seed=3)),
    ):
        pass


def test_a_foreign_file_is_left_as_it_is(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("hello\n")
    with pytest.raises(InputError, match="no line of a journal"), opened(path, begun()):
        pass
    assert path.read_text() == "hello\n"


def test_a_place_where_nothing_can_be_written(tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot be written \(No such file or directory\)"),
        opened(tmp_path / "none" / "line.jsonl", begun()),
    ):
        pass


def _outcome_of_opening(path, results):
    try:
        with opened(path, begun()):
            results.put("open")
    except InputError as error:
        results.put(str(error))


def test_two_processes_may_not_write_it_at_once(path):
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()

    def open_elsewhere():
        process = fork.Process(target=_outcome_of_opening, args=(path, results))
        process.start()
        process.join()
        return results.get()

    with opened(path, begun()) as journal:
        assert f"The journal {path} is open in another process" in open_elsewhere()
        read_journal(path)
        journal.append(finished(0, at(0.5)))
        assert "is open in another process" in open_elsewhere()
    assert open_elsewhere() == "open"


def test_without_a_path_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened(None, begun(queue=QUEUE)) as journal:
        journal.append(Asked(0, at(0.5)))
    assert journal.contents.queue == QUEUE
    assert list(tmp_path.iterdir()) == []


def test_the_definition_is_that_of_the_space_and_not_of_the_library(monkeypatch):
    first = header(line(), RandomSearch(), 0).space_sha256
    written = ConfigurationSpace.to_serialized_dict
    newer = lambda space: written(space) | {"python_module_version": "99"}  # noqa: E731
    monkeypatch.setattr(ConfigurationSpace, "to_serialized_dict", newer)
    assert header(line(), RandomSearch(), 0).space_sha256 == first
    assert header(line(3), RandomSearch(), 0).space_sha256 != first


def test_a_replayed_optimizer_asks_for_the_same(tmp_path):
    space = line()
    make = lambda: AskTell(space, NearBest(), queue=QUEUE, rng=np.random.default_rng(0))  # noqa: E731
    optimizer = make()
    path = tmp_path / "line.jsonl"
    number = 0
    with opened(path, begun(method=NearBest(), queue=QUEUE)) as journal:
        for step in range(12):
            for trial in optimizer.ask(1 + step % 3):
                journal.append(Asked(number, trial))
                if step % 4 != 3:
                    done = finished(number, trial)
                    optimizer.tell([done.trial])
                    journal.append(done)
                number += 1
    replayed = make()
    with opened(path, begun(method=NearBest())) as journal:
        journal.replay(replayed)
    assert replayed.pending == optimizer.pending != ()
    assert replayed.trials == optimizer.trials
    assert replayed.ask(3) == optimizer.ask(3)
