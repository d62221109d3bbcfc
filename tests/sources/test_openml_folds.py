"""Values of folds in place of means, from a server that lists them for some runs."""

import numpy as np

from metalearn.core.metrics import METRICS
from metalearn.sources.openml_folds import with_folds
from metalearn.sources.openml_lists import Runtimes
from metalearn.sources.openml_tables import Evaluations


class Server:
    """Gives the same rows whatever runs it is asked about."""

    def __init__(self, *rows):
        self.rows, self.paths = list(rows), []

    def map(self, ask, items):
        return map(ask, items)

    def get(self, path, what, overloaded=None):
        self.paths.append(path)
        return {"evaluations": {"evaluation": self.rows}}


def means(*runs):
    rows = [{"run_id": run, "task_id": 3, "setup_id": 5, "flow_id": 4, "value": 0.5} for run in runs]
    return Evaluations.read(rows, Runtimes(np.array(runs), np.full(len(runs), 2.0)))


def folds(server, *runs):
    found, refused, reasons = with_folds(server, means(*runs), "predictive_accuracy", METRICS["accuracy"])
    return list(zip(found.runs.tolist(), found.folds.tolist(), found.values.tolist(), strict=True)), refused, reasons


def test_folds_take_the_place_of_the_mean():
    server = Server({"run_id": "7", "values": "[0.25, 0.75]"}, {"run_id": "9", "array_data": ["1"]})
    assert folds(server, 7, 8, 9) == ([(7, 0, 0.25), (7, 1, 0.75), (8, -1, 0.5), (9, 0, 1.0)], [], [])
    assert server.paths == ["evaluation/list/function/predictive_accuracy/run/7,8,9/per_fold/true"]


def test_a_run_with_a_fold_that_cannot_be_read_keeps_its_mean():
    rows = [{"run_id": str(run), "values": text} for run, text in enumerate(("[0.5, NaN]", "[2]", "[", "{}", "[]"))]
    found, refused, reasons = folds(Server(*rows), 0, 1, 2, 3, 4)
    assert found == [(run, -1, 0.5) for run in range(5)]
    assert refused == rows
    assert reasons == ["the value of a fold by accuracy is missing or out of bounds"] * 5


def test_without_evaluations_nothing_is_asked_for():
    server = Server()
    assert folds(server) == ([], [], [])
    assert server.paths == []
