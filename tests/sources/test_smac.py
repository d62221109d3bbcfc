"""Run histories of SMAC3, in the layouts that its versions 2.0 and 2.4 write."""

import json

import pytest

from metalearn.core.records import Configuration
from metalearn.errors import InputError
from metalearn.sources.smac import read_smac
from metalearn.sources.subjects import Subject
from metalearn.store import KnowledgeBase

SUBJECT = Subject("59", "error_rate", algorithm="svc")
CONFIGS = {
    "1": {"C": 0.1168191613996, "kernel": "linear", "n": 2},
    "2": {"C": 27.6663322271093, "kernel": "rbf", "n": 7, "gamma": 0.0476967179333},
    "3": {"C": 1.0, "kernel": "rbf", "n": 6, "gamma": 0.0316227766017},
}
SEED = 209652396


def trial(config_id=1, cost=0.25, status=1, budget=None, seed=SEED, time=2.5, **more):
    """A trial as SMAC 2.3 and later write it."""
    return {
        "config_id": config_id,
        "instance": more.pop("instance", None),
        "seed": seed,
        "budget": budget,
        "cost": cost,
        "time": time,
        "cpu_time": 2.25,
        "status": status,
        "starttime": 1000.0,
        "endtime": 1006.0,
        "additional_info": more,
    }


@pytest.fixture
def history(tmp_path):
    """Write a run history and, unless it is None, the scenario beside it; return its folder."""

    def write(trials, scenario=None, **changes):
        folder = tmp_path / "smac3_output" / "svm" / "0"
        folder.mkdir(parents=True, exist_ok=True)
        stats = {"submitted": len(trials), "finished": len(trials), "running": 0}
        origins = dict.fromkeys(CONFIGS, "Initial Design: Sobol")
        whole = {"stats": stats, "data": trials, "configs": CONFIGS, "config_origins": origins} | changes
        (folder / "runhistory.json").write_text(json.dumps(whole, indent=2))
        if scenario is not None:
            (folder / "scenario.json").write_text(json.dumps(scenario))
        return folder

    return write


def read(path, subject=SUBJECT, **options):
    return list(read_smac(path, subject=subject, **options))


def rows(batches, table):
    return [row for batch in batches for row in batch.tables[table].to_pylist()]


def test_trials_by_their_status(history):
    error = {"traceback": "Traceback ...", "error": "ValueError('boom')\nat once"}
    trials = [
        trial(1),
        trial(2, cost=1.0, status=2, **error),
        trial(3, cost=1.0, status=3, time=0.0),
        trial(3, cost=1.0, status=4, seed=7),
        trial(1, cost=0.0, status=0, seed=8),
    ]
    (batch,) = read(history(trials, {"name": "svm", "seed": 0, "max_budget": None}))
    assert (batch.source, batch.seen, batch.skipped) == ("smac:svm/0", 5, 1)
    names = ("source_run_id", "seed", "status", "value", "cost_seconds", "fidelity", "resource_value")
    assert [tuple(row[name] for name in names) for row in rows([batch], "evaluations")] == [
        ("1", SEED, "ok", 0.75, 2.5, 1.0, None),
        ("2", SEED, "crashed", None, 2.5, 1.0, None),
        ("3", SEED, "timeout", None, 6.0, 1.0, None),
        ("3", 7, "memout", None, 2.5, 1.0, None),
    ]
    assert [row["message"] for row in rows([batch], "failures")] == ["ValueError('boom')"]
    expected = [Configuration("sklearn", "svc", CONFIGS[i]).id for i in "1233"]
    assert [row["configuration_id"] for row in rows([batch], "evaluations")] == expected


def test_lists_of_older_versions_say_the_same(history):
    trials = [trial(1), trial(2, cost=1.0, status=2, error="boom"), trial(3, budget=3.0)]
    scenario = {"name": "svm", "seed": 0, "max_budget": 9}
    new = read(history(trials, scenario))
    old = read(history([[v for k, v in t.items() if k != "cpu_time"] for t in trials], scenario))
    for table in ("evaluations", "failures", "configurations"):
        assert rows(old, table) == rows(new, table)


def test_budgets_are_fidelities_of_the_largest(history):
    trials = [trial(i, budget=budget) for i in (1, 2) for budget in (1.0, 3.0, 9.0)]
    told = read(history(trials, {"name": "svm", "max_budget": 9, "min_budget": 1}))
    assert [row["fidelity"] for row in rows(told, "evaluations")] == [1 / 9, 3 / 9, 1.0] * 2
    assert {row["resource"] for row in rows(told, "evaluations")} == {"budget"}
    epochs = Subject("59", "error_rate", algorithm="svc", full=27, resource="epochs")
    given = read(history(trials), epochs)
    assert [row["fidelity"] for row in rows(given, "evaluations")] == [1 / 27, 3 / 27, 9 / 27] * 2
    assert {row["resource"] for row in rows(given, "evaluations")} == {"epochs"}
    small = read(history(trials), Subject("59", "error_rate", algorithm="svc", full=3))
    assert [row["reason"] for row in rows(small, "quarantine")] == ["the step lies outside (0, 3]"] * 2


def test_budgets_need_to_know_the_largest(history):
    folder = history([trial(budget=3.0)])
    with pytest.raises(InputError, match=r"has budgets, and no scenario\.json beside it says the largest"):
        read(folder)


def test_the_study_is_the_scenario_or_else_the_folder(history):
    assert read(history([trial()]))[0].source == "smac:0"
    assert read(history([trial()], {"name": "svm", "seed": 3}))[0].source == "smac:svm/3"


def test_several_objectives_need_a_choice(history):
    path = history([trial(cost=[0.25, 0.5]), trial(2, cost=[0.125, 1.0], status=2)])
    assert [row["value"] for row in rows(read(path, objective=1), "evaluations")] == [0.5, None]
    with pytest.raises(InputError, match="has 2 objectives; say which one was the metric"):
        read(path)
    with pytest.raises(InputError, match="has no objective 2; it has 2"):
        read(path, objective=2)
    with pytest.raises(InputError, match="has no objective 0; it has 1"):
        read(history([trial()]), objective=0)


def test_instances_are_refused(history):
    path = history([trial(instance="fold-2"), trial(instance="fold-1")])
    with pytest.raises(InputError, match=r"costs on instances \(fold-1, fold-2\), each a task of its own"):
        read(path)


def test_smac_minimizes(history):
    path = history([trial()])
    with pytest.raises(InputError, match=r"SMAC is minimized, which makes accuracy worse; .* such as 1-accuracy"):
        read(path, Subject("59", "accuracy", algorithm="svc"))
    (batch,) = read(path, Subject("59", "1-roc_auc", algorithm="svc"))
    assert [(row["metric"], row["value"]) for row in rows([batch], "evaluations")] == [("roc_auc", 0.75)]


def test_the_algorithm_may_be_a_hyperparameter(history):
    configs = {"1": {"algorithm": "svc", "svc:C": 0.5}, "2": {"algorithm": "RF", "RF:max_depth": 3}}
    by_name = Subject("59", "error_rate", algorithm_column="algorithm")
    (batch,) = read(history([trial(1), trial(2)], configs=configs), by_name)
    assert {(row["algorithm"], row["hyperparameters"]) for row in rows([batch], "configurations")} == {
        ("svc", '{"C":0.5}'),
        ("random_forest", '{"max_depth":3}'),
    }
    with pytest.raises(InputError, match=r"no hyperparameter 'algoritm'; did you mean 'algorithm'\?"):
        read(history([trial(1)], configs=configs), Subject("59", "error_rate", algorithm_column="algoritm"))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (trial(9), "no trial of SMAC (KeyError: '9')"),
        (trial(status=5), "no trial of SMAC (KeyError: 5)"),
        (trial(seed="x"), "no trial of SMAC (ValueError"),
        (trial(seed=2**70), "no trial of SMAC (OverflowError"),
        (trial(budget="much"), "no trial of SMAC (ValueError"),
        (trial(time="long"), "no trial of SMAC (ValueError"),
        ({"config_id": 1}, "no trial of SMAC (KeyError: 'status')"),
        ([1, None, 0], "no trial of SMAC (KeyError"),
        ("trial", "no trial of SMAC (TypeError"),
        (None, "no trial of SMAC (TypeError"),
        (trial(cost=7.0), "lies outside [0, 1]"),
        (trial(cost="low"), "the value is no number"),
    ],
)
def test_what_is_no_trial_is_quarantined(history, bad, reason):
    (batch,) = read(history([trial(2), bad]), Subject("59", "error_rate", algorithm="svc", full=9))
    assert batch.seen == 2
    assert [row["source_run_id"] for row in rows([batch], "evaluations")] == ["2"]
    (quarantined,) = rows([batch], "quarantine")
    assert reason in quarantined["reason"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ('{"stats": {}, "data": [', "cannot be read"),
        ("[]", "is no run history of SMAC 2"),
        ('{"data": [], "configs": {}, "config_origins": {}}', "is no run history of SMAC 2"),
        ("\x00\xff", "cannot be read"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    path = tmp_path / "runhistory.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=message):
        read(path)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "none.json")


@pytest.mark.parametrize("configuration", [None, 3, "rbf", [1]])
def test_a_configuration_that_is_none_is_told(history, configuration):
    path = history([trial(1)], configs={"1": configuration})
    with pytest.raises(InputError, match=r"Configuration 1 of .*runhistory\.json is no JSON object"):
        read(path)


def test_a_broken_scenario_is_none(history):
    folder = history([trial()])
    for text in ("{", "[]"):
        (folder / "scenario.json").write_text(text)
        assert read(folder)[0].source == "smac:0"


def test_an_empty_history_gives_nothing(history):
    assert read(history([], configs={})) == []


def test_a_second_run_and_a_history_that_grew(history, tmp_path):
    trials = [trial(1), trial(2, status=2, cost=1.0), trial(1, status=0, seed=5), trial(3, seed=6, cost=0.5)]
    scenario = {"name": "svm", "seed": 0}
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as kb:
        first = kb.append_all(read(history(trials, scenario)))
        again = kb.append_all(read(history(trials, scenario)))
        trials[2] = trial(1, seed=5, cost=0.125)
        grown = kb.append_all(read(history(trials, scenario)))
        loaded = kb.meta_dataset(metric="accuracy")
        assert kb.inconsistencies() == []
    assert (first.stored, first.skipped, again.stored, again.already_there) == (3, 1, 0, 3)
    assert (grown.stored, grown.already_there) == (1, 3)
    assert sorted(loaded.loss[loaded.status == "ok"].tolist()) == [0.125, 0.25, 0.5]
