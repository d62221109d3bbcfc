"""Long tables, with the published runs of three algorithms."""

import json
import re
from itertools import combinations

import arff
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metalearn.core.records import Configuration
from metalearn.errors import InputError, UnknownNameError
from metalearn.sources import runs
from metalearn.sources.matrix import read_matrix
from metalearn.sources.runs import read_runs
from metalearn.store.knowledge_base import KnowledgeBase


def rows(batches, table):
    return [row for batch in batches for row in batch.tables[table].to_pylist()]


def write(folder, text, name="runs.csv"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def published(shared):
    return shared / "data" / "openml_hyperparameters"


@pytest.mark.parametrize(
    ("name", "algorithm", "n_tasks", "each"),
    [("svm", "svc", 75, 250), ("random_forest", "random_forest", 69, 500), ("adaboost", "adaboost", 75, 400)],
)
def test_published_runs(published, name, algorithm, n_tasks, each):
    """Against liac-arff and a configuration made row by row."""
    path = published / f"{name}.arff"
    batches = list(read_runs(path, algorithm=algorithm, metric="accuracy", tasks=published / "tasks.csv"))
    evaluations = rows(batches, "evaluations")
    assert len(evaluations) == sum(batch.seen for batch in batches) == n_tasks * each
    assert not rows(batches, "quarantine")
    assert len(rows(batches, "tasks")) == n_tasks
    assert len(rows(batches, "configurations")) == n_tasks * each
    with path.open() as file:
        table = arff.load(file)
    names = [column for column, _ in table["attributes"]]
    python = {"None": None, "True": True, "False": False}
    for row, line in list(zip(evaluations, table["data"], strict=True))[::97]:
        cells = dict(zip(names, line, strict=True))
        task, value = int(cells.pop("task_id")), cells.pop("y", None) or cells.pop("predictive_accuracy")
        cells = {
            k: int(v) if isinstance(v, str) and v.isdigit() else python.get(v, v)
            for k, v in cells.items()
            if v is not None
        }
        assert row["task_id"] == f"openml-task-{task}"
        assert row["value"] == value
        assert row["configuration_id"] == Configuration("sklearn", algorithm, cells).id


def test_tasks_find_their_datasets(published):
    batches = list(read_runs(published / "svm.arff", algorithm="svc", metric="accuracy", tasks=published / "tasks.csv"))
    known = pd.read_csv(published / "tasks.csv")
    datasets = {task["id"]: task["dataset_id"] for task in rows(batches, "tasks")}
    expected = {f"openml-task-{t}": f"openml-{d}" for t, d in zip(known["task_id"], known["dataset_id"], strict=True)}
    assert datasets.items() <= expected.items()
    assert ("openml-3", "kr-vs-kp") in {(dataset["id"], dataset["name"]) for dataset in rows(batches, "datasets")}


def test_a_list_of_tasks_may_have_gaps(tmp_path):
    tasks = write(tmp_path, "task_id,dataset_id,name\n3,3,\n6,,letter\n,1,x\n", "tasks.csv")
    path = write(tmp_path, "task_id,C,accuracy\n3,1,0.5\n6,1,0.5\n")
    batches = list(read_runs(path, algorithm="svc", metric="accuracy", tasks=tasks))
    assert [task["dataset_id"] for task in rows(batches, "tasks")] == ["openml-3", "openml-task-6"]
    assert [dataset["name"] for dataset in rows(batches, "datasets")] == [None, None]


def test_an_algorithm_without_hyperparameters(tmp_path):
    path = write(tmp_path, "task_id,accuracy\n3,0.5\n6,0.25\n")
    (batch,) = read_runs(path, algorithm="GNB", metric="accuracy")
    assert batch.tables["configurations"]["id"].to_pylist() == [Configuration("sklearn", "gaussian_nb").id]
    assert batch.tables["evaluations"]["value"].to_pylist() == [0.5, 0.25]


def test_a_task_whose_dataset_nothing_tells_is_its_own_dataset(tmp_path):
    path = write(tmp_path, "task_id,C,accuracy\n3,1,0.5\nmine,1,0.5\n")
    batches = list(read_runs(path, algorithm="svc", metric="accuracy"))
    assert [(task["id"], task["dataset_id"]) for task in rows(batches, "tasks")] == [
        ("openml-task-3", "openml-task-3"),
        ("mine", "mine"),
    ]


def test_columns_of_datasets(tmp_path):
    path = write(tmp_path, "dataset_id,C,accuracy\n00011,1,0.5\n")
    (batch,) = read_runs(path, algorithm="svc", metric="accuracy", task_column="dataset_id")
    assert batch.tables["tasks"].to_pylist()[0]["id"] == "openml-dataset-11"
    assert batch.tables["datasets"].to_pylist()[0]["id"] == "openml-11"
    path = write(tmp_path, "task,did,C,accuracy\n3,11,1,0.5\nmine,data-0a,1,0.5\nother,,2,0.5\n")
    (batch,) = read_runs(path, algorithm="svc", metric="accuracy", task_column="task")
    assert [task["dataset_id"] for task in batch.tables["tasks"].to_pylist()] == ["openml-11", "data-0a", "other"]
    assert batch.tables["configurations"]["hyperparameters"].to_pylist() == ['{"C":1}', '{"C":2}']


def test_the_same_run_has_the_same_id_from_every_layout(tmp_path):
    wide = "task_id,algorithm,kernel,gamma,C,value\n3,kSVM,rbf,None,1.0,0.5\n3,GNB,,,,0.6\n"
    svc = '"{""C"": 1, ""gamma"": null, ""kernel"": ""rbf""}"'
    long = f"task_id,algorithm,hyperparameters,value\n3,svc,{svc},0.5\n3,gaussian_nb,{{}},0.6\n"
    names = [
        "{'algorithm': 'kSVM', 'hyperparameters': {'kernel': 'rbf', 'gamma': None, 'C': 1}}",
        "{'algorithm': 'GNB', 'hyperparameters': {}}",
    ]
    matrix = ',"{}","{}"\n3,0.5,0.4\n'.format(*names)
    expected = {
        (Configuration("sklearn", "svc", {"C": 1, "gamma": None, "kernel": "rbf"}).id, 0.5),
        (Configuration("sklearn", "gaussian_nb").id, 0.6),
    }
    parquet = tmp_path / "runs.parquet"
    pd.DataFrame(
        {
            "task_id": [3, 3],
            "algorithm": ["svc", "GNB"],
            "kernel": ["rbf", None],
            "gamma": ["None", None],
            "C": [1, None],
            "value": [0.5, 0.6],
        }
    ).to_parquet(parquet)
    read = [
        read_runs(write(tmp_path, wide, "wide.csv"), metric="accuracy"),
        read_runs(write(tmp_path, long, "long.csv"), metric="accuracy"),
        read_runs(parquet, metric="accuracy"),
        read_matrix(write(tmp_path, matrix, "matrix.csv"), metric="error_rate"),
    ]
    for batches in map(list, read):
        assert {(row["configuration_id"], row["value"]) for row in rows(batches, "evaluations")} == expected


def test_a_hyperparameter_called_algorithm(tmp_path):
    path = write(tmp_path, "task_id,algorithm,accuracy\n3,SAMME,0.5\n")
    (batch,) = read_runs(path, algorithm="AB", metric="accuracy")
    (configuration,) = batch.tables["configurations"].to_pylist()
    assert (configuration["algorithm"], configuration["hyperparameters"]) == ("adaboost", '{"algorithm":"SAMME"}')


def test_what_columns_may_say_of_an_evaluation(tmp_path):
    header = "task_id,C,accuracy,cost_seconds,fold,seed,fidelity,status,run_id"
    lines = ["3,1,0.5,2.5,4,7,0.25,ok,77", "3,1,,,,,,timeout,", "3,1,0.25,-1,0,1,1,pruned,x"]
    text = "\n".join([header, *lines])
    (batch,) = read_runs(write(tmp_path, text), algorithm="svc", metric="accuracy", source="me")
    names = ("value", "cost_seconds", "fold", "seed", "fidelity", "status", "source_run_id", "source")
    assert [tuple(row[name] for name in names) for row in batch.tables["evaluations"].to_pylist()] == [
        (0.5, 2.5, 4, 7, 0.25, "ok", "77", "me"),
        (None, None, -1, -1, 1.0, "timeout", "", "me"),
        (0.25, None, 0, 1, 1.0, "pruned", "x", "me"),
    ]
    assert batch.tables["configurations"]["hyperparameters"].to_pylist() == ['{"C":1}']
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        assert knowledge_base.append(batch).stored == 3
        assert knowledge_base.append(batch).already_there == 3


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",1,0.5,0,ok,1", "task_id is missing"),
        ("  ,1,0.5,0,ok,1", "task_id is missing"),
        ("3,1,,0,ok,1", "value of accuracy is missing or not finite"),
        ("3,1,inf,0,ok,1", "value of accuracy is missing or not finite"),
        ("3,1,1.5,0,ok,1", r"outside \[0, 1\]"),
        ("3,1,high,0,ok,1", "accuracy is no number"),
        ("3,1,0.5,0.5,ok,1", "fold is no whole number"),
        ("3,1,0.5,first,ok,1", "fold is no whole number"),
        ("3,1,0.5,inf,ok,1", "fold is no whole number"),
        ("3,1,0.5,0,success,1", "status is none of ok, pruned, crashed"),
        ("3,1,0.5,0,pending,1", "status is none of"),
        ("3,1,0.5,0,ok,0", "fidelity is no number, or out of range"),
        ('3,"{""a"": 1}",0.5,0,ok,1', "hyperparameter cannot be of type dict"),
    ],
)
def test_what_cannot_be_read_is_quarantined(tmp_path, line, reason):
    path = write(tmp_path, f"task_id,C,accuracy,fold,status,fidelity\n3,1,0.25,0,ok,1\n{line}\n")
    (batch,) = read_runs(path, algorithm="svc", metric="accuracy")
    assert batch.seen == 2
    assert [row["value"] for row in batch.tables["evaluations"].to_pylist()] == [0.25]
    (quarantined,) = batch.tables["quarantine"].to_pylist()
    assert re.search(reason, quarantined["reason"])
    assert json.loads(quarantined["raw"]).keys() == {"task_id", "C", "accuracy", "fold", "status", "fidelity"}


def test_of_several_reasons_the_same_is_given_each_time(tmp_path):
    names = ("cost_seconds", "fidelity", "resource_value", "fold", "seed")
    pairs = list(combinations(range(5), 2))
    lines = [",".join(["3", "1", "0.5", *("x" if i in pair else "1" for i in range(5))]) for pair in pairs]
    path = write(tmp_path, "\n".join([f"task_id,C,accuracy,{','.join(names)}", *lines]))
    (batch,) = read_runs(path, algorithm="svc", metric="accuracy")
    reasons = [reason.split()[0] for reason in batch.tables["quarantine"]["reason"].to_pylist()]
    assert reasons == [names[first] for first, _ in pairs]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("3,,{},0.5", "algorithm is missing"),
        ("3,svc,[1],0.5", "no JSON object"),
        ("3,svc,{C: 1},0.5", "no JSON object"),
    ],
)
def test_hyperparameters_that_are_no_object(tmp_path, line, reason):
    (batch,) = read_runs(write(tmp_path, f"task_id,algorithm,hyperparameters,value\n{line}\n"), metric="accuracy")
    assert reason in batch.tables["quarantine"]["reason"][0].as_py()
    assert batch.tables["evaluations"].num_rows == 0


def test_other_metrics_and_ignored_columns_are_no_hyperparameters(tmp_path):
    path = write(tmp_path, "task_id,C,accuracy,log_loss,note\n3,1,0.5,0.7,x\n")
    (batch,) = read_runs(path, algorithm="svc", metric="accuracy", ignore=["note"])
    assert batch.tables["configurations"]["hyperparameters"].to_pylist() == ['{"C":1}']
    (batch,) = read_runs(path, algorithm="svc", metric="log_loss", ignore=["note"], space="mine")
    assert batch.tables["evaluations"]["value"].to_pylist() == [0.7]
    assert batch.tables["spaces"]["name"].to_pylist() == ["mine"]


def test_errors_become_the_metric_that_they_complement(tmp_path):
    path = write(tmp_path, "task_id,C,error_rate,loss\n3,1,0.25,0.5\n")
    (batch,) = read_runs(path, algorithm="svc", metric="error_rate", ignore=["loss"])
    assert batch.tables["evaluations"].select(["metric", "value"]).to_pylist() == [
        {"metric": "accuracy", "value": 0.75}
    ]
    (batch,) = read_runs(path, algorithm="svc", metric="1-roc_auc", value_column="loss")
    assert batch.tables["evaluations"].select(["metric", "value"]).to_pylist() == [{"metric": "roc_auc", "value": 0.5}]
    with pytest.raises(InputError, match="no column '1-accuracy'"):  # that of error rates is not meant
        list(read_runs(path, algorithm="svc", metric="1-accuracy"))
    (batch,) = read_runs(path, algorithm="svc", metric="rmse", value_column="loss")
    assert batch.tables["evaluations"].select(["metric", "value"]).to_pylist() == [{"metric": "rmse", "value": 0.5}]
    assert batch.tables["tasks"]["type"].to_pylist() == ["regression"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "accuracy"}, "no column 'algorithm'; say which algorithm"),
        (
            {"metric": "accuracy", "algorithm": "svc", "task_column": "task"},
            r"no column 'task'; did you mean 'task_id'\?",
        ),
        ({"metric": "roc_auc", "algorithm": "svc"}, "no column 'roc_auc'"),
        ({"metric": "accuracy", "algorithm": "svc", "value_column": "acuracy"}, r"did you mean 'accuracy'\?"),
    ],
)
def test_missing_columns_name_the_nearest(tmp_path, options, message):
    path = write(tmp_path, "task_id,C,accuracy\n3,1,0.5\n")
    with pytest.raises(InputError, match=message):
        list(read_runs(path, **options))


def test_options_that_cannot_be_used(tmp_path):
    path = write(tmp_path, "task_id,C,accuracy\n3,1,0.5\n")
    with pytest.raises(UnknownNameError, match="did you mean 'accuracy'"):
        read_runs(path, algorithm="svc", metric="acuracy")
    with pytest.raises(InputError, match="no column 'dataset_id'"):
        list(read_runs(path, algorithm="svc", metric="accuracy", tasks=path))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_runs(tmp_path / "nothing.csv", algorithm="svc", metric="accuracy"))


def test_a_table_without_rows_gives_nothing_to_store(tmp_path):
    batches = list(read_runs(write(tmp_path, "task_id,C,accuracy\n"), algorithm="svc", metric="accuracy"))
    assert [row for name in ("evaluations", "tasks", "configurations") for row in rows(batches, name)] == []
    with KnowledgeBase.open(tmp_path / "kb.duckdb", read_only=False) as knowledge_base:
        assert knowledge_base.append_all(batches).seen == 0


def test_long_tables_come_in_chunks(published, monkeypatch):
    options = {"algorithm": "svc", "metric": "accuracy"}
    (whole,) = read_runs(published / "svm.arff", **options)
    monkeypatch.setattr(runs, "_ROWS_PER_BATCH", 7_000)
    pieces = list(read_runs(published / "svm.arff", **options))
    assert [(piece.cursor, piece.seen) for piece in pieces] == [
        ("row 7000", 7000),
        ("row 14000", 7000),
        ("row 18750", 4750),
    ]
    assert rows(pieces, "evaluations") == rows([whole], "evaluations")


values = (
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | st.sampled_from(["rbf", "l1"])
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.sampled_from(["C", "kernel", "gamma"]), values), min_size=1, max_size=5))
def test_configurations_survive_a_csv_file(tmp_path, given_hyperparameters):
    frame = pd.DataFrame(
        {
            "task_id": 3,
            "algorithm": "svc",
            "hyperparameters": [json.dumps(hyperparameters) for hyperparameters in given_hyperparameters],
            "value": 0.5,
        }
    )
    frame.to_csv(tmp_path / "runs.csv", index=False)
    read = rows(read_runs(tmp_path / "runs.csv", metric="accuracy"), "evaluations")
    expected = [Configuration("sklearn", "svc", hyperparameters).id for hyperparameters in given_hyperparameters]
    assert [row["configuration_id"] for row in read] == expected
