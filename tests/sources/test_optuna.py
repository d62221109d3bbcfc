"""Optuna studies, made by Optuna."""

import math
import sqlite3
import sys

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial
from sqlalchemy import event

from metalearn.core.records import Configuration
from metalearn.errors import InputError, MissingDependencyError, SourceError, UnknownNameError
from metalearn.sources.optuna import read_optuna
from metalearn.sources.subjects import Subject
from metalearn.store import KnowledgeBase

SUBJECT = Subject("59", "accuracy", algorithm_column="model", dataset="61")
GRADED = Subject("59", "accuracy", algorithm_column="model", full=4)
N_TRIALS = 8


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def database(path):
    """An SQLite storage that does not wait for the disk."""
    storage = RDBStorage(f"sqlite:///{path}")
    event.listen(storage.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = OFF"))
    storage.engine.dispose()  # the next connection is such a one
    return storage


def objective(trial):
    """Two algorithms with hyperparameters of their own, and four steps of which Optuna may want no more."""
    if trial.suggest_categorical("model", ["kSVM", "RF"]) == "kSVM":
        trial.suggest_float("svc:C", 0.25, 4.0, log=True)
    else:
        trial.suggest_int("max_depth", 1, 8)
        trial.suggest_categorical("max_features", [None, "sqrt", 0.5])
    for step in range(4):
        trial.report(0.2 * step + 0.01 * trial.number, step)
        if trial.number == 3 and step == 1:
            raise optuna.TrialPruned
    if trial.number == 1:
        raise ValueError("boom")
    return {2: math.nan, 4: math.inf}.get(trial.number, 0.8 + 0.01 * trial.number)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study with every state that a trial can have: 8 trials, one running, one waiting."""
    storage = database(tmp_path_factory.mktemp("optuna") / "study.db")
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=storage, study_name="two models", direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=N_TRIALS, catch=(ValueError,))
    study.ask()
    study.enqueue_trial({"model": "RF"})
    yield study, storage.url
    storage.engine.dispose()


def rows(batches, table):
    return [row for batch in batches for row in batch.tables[table].to_pylist()]


def test_every_trial_becomes_what_its_state_says(study):
    study, url = study
    (batch,) = read_optuna(url, "two models", subject=SUBJECT)
    configurations = {row["id"]: row for row in rows([batch], "configurations")}
    evaluations = {int(row["source_run_id"]): row for row in rows([batch], "evaluations")}
    assert {n: row["status"] for n, row in evaluations.items() if row["status"] != "ok"} == {
        1: "crashed",
        2: "crashed",
        3: "pruned",
        4: "crashed",
    }
    assert (batch.source, batch.seen, batch.skipped) == ("optuna:two models", N_TRIALS + 2, 2)
    for trial in study.trials[:N_TRIALS]:
        row = evaluations[trial.number]
        given = dict(trial.params)
        algorithm = {"kSVM": "svc", "RF": "random_forest"}[given.pop("model")]
        own = {name.removeprefix("svc:"): value for name, value in given.items()}
        assert row["configuration_id"] == Configuration("sklearn", algorithm, own).id
        assert configurations[row["configuration_id"]]["algorithm"] == algorithm
        assert row["cost_seconds"] == trial.duration.total_seconds()
        assert (row["fidelity"], row["task_id"], row["resource"]) == (1, "openml-task-59", "steps")
        if row["status"] == "ok":
            assert row["value"] == trial.value
    assert evaluations[3]["value"] == study.trials[3].intermediate_values[1]
    assert [row["message"] for row in rows([batch], "failures")] == ["the value is inf"]
    assert [row["dataset_id"] for row in rows([batch], "tasks")] == ["openml-61"]


def test_intermediate_values_are_fidelities_where_the_last_step_is_known(study):
    study, url = study
    batches = list(read_optuna(url, subject=GRADED))
    read = {}
    for row in rows(batches, "evaluations"):
        read.setdefault(int(row["source_run_id"]), []).append((row["fidelity"], row["status"], row["value"]))
    assert read[0] == [
        *[(step / 4, "ok", study.trials[0].intermediate_values[step - 1]) for step in (1, 2, 3)],
        (1.0, "ok", study.trials[0].value),
    ]
    assert [(fidelity, status) for fidelity, status, _ in read[1]] == [
        *[(step / 4, "ok") for step in (1, 2, 3)],
        (1.0, "crashed"),
    ]
    assert read[3] == [
        (0.25, "ok", study.trials[3].intermediate_values[0]),
        (0.5, "pruned", study.trials[3].intermediate_values[1]),
    ]
    seen, skipped = sum(batch.seen for batch in batches), sum(batch.skipped for batch in batches)
    # The value at the last step stands for the whole trial, and is not told twice.
    assert seen - skipped == len(rows(batches, "evaluations")) == 7 * 4 + 2
    assert skipped == 2 + 7


def test_what_comes_out_of_the_knowledge_base_is_what_was_in_the_study(study, tmp_path):
    study, url = study
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        first = kb.append_all(read_optuna(url, subject=GRADED))
        again = kb.append_all(read_optuna(url, subject=GRADED))
        loaded = kb.meta_dataset(metric="accuracy")
        assert kb.inconsistencies() == []
    assert first.stored == again.already_there == 30
    assert again.stored == 0
    assert first.seen == first.stored + first.already_there + first.quarantined + first.skipped
    complete = [trial.value for trial in study.trials if trial.state == TrialState.COMPLETE]
    full = loaded.loss[(loaded.fidelity == 1) & (loaded.status == "ok")]
    assert sorted(full.tolist()) == pytest.approx(sorted(1 - value for value in complete if math.isfinite(value)))
    assert len(loaded) == 30


def added(study, *values, **options):
    """Add finished trials of one hyperparameter."""
    distribution = {"C": FloatDistribution(0, 10)}
    for i, value in enumerate(values):
        study.add_trial(create_trial(params={"C": float(i)}, distributions=distribution, value=value, **options))


@pytest.fixture
def journal(tmp_path):
    """The path of a journal, and its storage."""
    path = str(tmp_path / "journal.log")
    return path, JournalStorage(JournalFileBackend(path))


SVC = Subject("59", "error_rate", algorithm="svc")


def test_a_study_that_grew(journal, tmp_path):
    path, storage = journal
    study = optuna.create_study(storage=storage, study_name="svm")
    added(study, 0.25, 0.5)
    running = study.ask()
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        first = kb.append_all(read_optuna(path, subject=SVC))
        study.tell(running, 0.125)
        added(study, 0.75)
        second = kb.append_all(read_optuna(path, subject=SVC))
        loaded = kb.meta_dataset(metric="accuracy")
    assert (first.stored, first.skipped) == (2, 1)
    assert (second.stored, second.already_there, second.skipped) == (2, 2, 0)
    assert sorted(loaded.loss.tolist()) == [0.125, 0.25, 0.5, 0.75]


def test_a_pruned_trial_that_reported_nothing_says_nothing(journal):
    path, storage = journal
    study = optuna.create_study(storage=storage)
    added(study, None, state=TrialState.PRUNED)
    (batch,) = read_optuna(path, subject=SVC)
    assert (batch.seen, batch.skipped, rows([batch], "evaluations")) == (1, 1, [])


def test_values_that_are_not_the_metric_are_quarantined(journal):
    path, storage = journal
    added(optuna.create_study(storage=storage), 25.0, 0.25)
    (batch,) = read_optuna(path, subject=SVC)
    assert [row["value"] for row in rows([batch], "evaluations")] == [0.75]
    assert "lies outside [0, 1]" in rows([batch], "quarantine")[0]["reason"]


def test_steps_that_begin_with_1_or_skip_some_count_as_they_are(journal):
    path, storage = journal
    study = optuna.create_study(storage=storage)
    added(study, 0.25, intermediate_values={10: 0.5, 20: 0.75})
    added(study, 0.25, intermediate_values={0: 0.5, 10: 0.75})
    (batch,) = read_optuna(path, subject=Subject("59", "error_rate", algorithm="svc", full=40))
    assert [row["resource_value"] for row in rows([batch], "evaluations")] == [10, 20, 40, 1, 11, 40]


def test_steps_beyond_the_full_resource_are_quarantined(journal):
    path, storage = journal
    added(optuna.create_study(storage=storage), 0.25, intermediate_values={1: 0.5, 9: 0.75})
    (batch,) = read_optuna(path, subject=Subject("59", "error_rate", algorithm="svc", full=4))
    assert [row["fidelity"] for row in rows([batch], "evaluations")] == [0.25, 1]
    assert rows([batch], "quarantine")[0]["reason"] == "the step lies outside (0, 4]"


def test_several_objectives_need_a_choice(journal):
    path, storage = journal
    study = optuna.create_study(storage=storage, study_name="both", directions=["maximize", "minimize"])
    study.add_trial(create_trial(values=[0.75, 12.0]))
    accuracy, seconds = (Subject("59", m, algorithm="svc") for m in ("accuracy", "predict_seconds"))
    for subject, position, value in ((accuracy, 0, 0.75), (seconds, 1, 12.0)):
        (batch,) = read_optuna(path, subject=subject, objective=position)
        assert [row["value"] for row in rows([batch], "evaluations")] == [value]
    with pytest.raises(InputError, match="'both' has 2 objectives; say which one was the metric, from 0 to 1"):
        list(read_optuna(path, subject=accuracy))
    with pytest.raises(InputError, match="has no objective 2"):
        list(read_optuna(path, subject=accuracy, objective=2))
    with pytest.raises(InputError, match="is minimized, which makes accuracy worse"):
        list(read_optuna(path, subject=accuracy, objective=1))


def test_a_study_that_went_the_other_way(study):
    _, url = study
    other = Subject("59", "error_rate", algorithm_column="model")
    with pytest.raises(
        InputError, match=r"'two models' is maximized, which makes error_rate worse; .* such as accuracy"
    ):
        list(read_optuna(url, subject=other))


def test_names_that_are_not_there_suggest_the_nearest(study):
    _, url = study
    with pytest.raises(UnknownNameError, match=r"no study 'two modles' in .*; did you mean 'two models'\?"):
        list(read_optuna(url, "two modles", subject=SUBJECT))
    with pytest.raises(InputError, match=r"no hyperparameter 'modle'; did you mean 'model'\?"):
        list(read_optuna(url, subject=Subject("59", "accuracy", algorithm_column="modle")))


def test_a_study_must_be_named_where_there_are_several(journal):
    path, storage = journal
    for name in ("one", "two"):
        added(optuna.create_study(storage=storage, study_name=name), 0.25)
    with pytest.raises(InputError, match="holds 2 studies; name one of one, two"):
        list(read_optuna(path, subject=SVC))
    assert next(read_optuna(path, "two", subject=SVC)).source == "optuna:two"


def test_an_sqlite_file_by_its_path_whatever_its_name(study, tmp_path):
    _, url = study
    folder = tmp_path / "50% a b#c?"
    folder.mkdir()
    path = folder / "study.db"
    path.write_bytes(open(url.removeprefix("sqlite:///"), "rb").read())  # noqa: PTH123, SIM115
    path.chmod(0o444)
    (batch,) = read_optuna(str(path), subject=SUBJECT)
    assert batch.seen == N_TRIALS + 2


def test_a_file_that_is_not_there_is_not_made(tmp_path):
    path = tmp_path / "none.db"
    for location in (str(path), f"sqlite:///{path}", f"sqlite:///file:{path}?mode=ro&uri=true"):
        with pytest.raises((InputError, SourceError), match=r"none\.db"):
            list(read_optuna(location, subject=SVC))
        assert not path.exists()


def test_a_foreign_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE mine (a)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(SourceError, match="cannot be read as a storage of Optuna"):
        list(read_optuna(str(path), subject=SVC))
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "hello\n", '{"a": 1}\n', "[1]\n[2]\n"])
def test_a_file_that_is_no_storage(tmp_path, text):
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(SourceError, match=r"notes\.txt (holds no study|is neither)"):
        list(read_optuna(str(path), subject=SVC))
    assert path.read_text() == text


@pytest.mark.parametrize(
    "location",
    [
        "postgresql+nosuch://me:se%40cret@localhost/studies",
        "nosuch://me:secret@localhost/studies",
        "mysql+nosuch://localhost/studies?password=secret",
        "postgresql:/me:secret@localhost/studies",
        "postgresql://me:secret@localhost:port/studies",
        "://me:secret@",
    ],
)
def test_passwords_are_not_shown(location):
    with pytest.raises((SourceError, InputError)) as caught:
        list(read_optuna(location, subject=SVC))
    assert "secret" not in str(caught.value)
    assert "se@cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_passwords_are_taken_out_of_what_a_database_says(monkeypatch):
    from metalearn.sources import optuna as source

    def refused(url):
        raise RuntimeError("no entry for se@cret, se%40cret or topsecret.\nSecond line")

    monkeypatch.setattr(source, "_database", refused)
    with pytest.raises(SourceError) as caught:
        list(read_optuna("postgresql://me:se%40cret@localhost/studies?sslpassword=topsecret", subject=SVC))
    assert "postgresql://me:***@localhost/studies cannot" in str(caught.value)
    assert "(no entry for ***, *** or ***)" in str(caught.value)


def test_without_optuna_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependencyError, match="pip install optuna "):
        list(read_optuna("study.db", subject=SVC))


def test_hyperparameters_of_any_kind_survive(journal):
    path, storage = journal
    study = optuna.create_study(storage=storage)
    kinds = [None, True, 3, 0.5, "text"]
    for value in kinds:
        distributions = {"a": CategoricalDistribution(kinds)}
        study.add_trial(create_trial(params={"a": value}, distributions=distributions, value=0.25))
    study.add_trial(create_trial(value=0.25))
    (batch,) = read_optuna(path, subject=SVC)
    expected = [Configuration("sklearn", "svc", {"a": value}).id for value in kinds] + [
        Configuration("sklearn", "svc").id
    ]
    assert [row["configuration_id"] for row in rows([batch], "evaluations")] == expected
