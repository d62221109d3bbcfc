"""OpenML servers on localhost for the tests, from the shared emulator."""

import csv
import importlib.util
import json
import sys

N_SMALL = 12


def emulator_module(shared, name="openml_emulator"):
    """Import a script of the shared emulator folder, which is no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, shared / "openml_emulator" / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def write_oboe(shared, folder, n, n_configurations=219):
    """Copy the first n datasets of OBOE's matrices, rounded to what a server's lists give: six significant digits.

    Of the configurations, every so many-th is taken, so that all algorithms have some.
    """
    folder.mkdir(parents=True)
    for name in ("error_matrix.csv", "runtime_matrix.csv"):
        with (shared / "data" / "oboe" / name).open(newline="") as file:
            width = slice(1, None, -(-219 // n_configurations))
            header, *lines = [[row[0], *row[width]] for row in list(csv.reader(file))[: n + 1]]
        shorten = (
            (lambda cell: f"{float(cell):.6f}") if name.startswith("error") else (lambda cell: f"{float(cell):.6g}")
        )
        with (folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *([label, *map(shorten, cells)] for label, *cells in lines)])
    (folder / "dataset_sizes.csv").write_text((shared / "data" / "oboe" / "dataset_sizes.csv").read_text())
    return folder


def build_world(shared, oboe, out):
    """Make the tables that the emulator serves from OBOE's matrices."""
    arguments, sys.argv = sys.argv, ["build_world.py", str(out), "--oboe", str(oboe)]
    try:
        emulator_module(shared, "build_world").main()
    finally:
        sys.argv = arguments
    return out


def write_odd_world(out):
    """Write tables with what OBOE's world lacks: other task types and procedures, foreign flows, sparse qualities."""
    predictive = [(1000 + i, "predictive_accuracy", 0.5 + i / 100) for i in range(20)]
    tables = {
        "datasets": ["did,name,version,status", (61, "iris", 2, "active"), (40, "toy", 1, "deactivated")],
        "qualities": ["did,NumberOfInstances,NumberOfFeatures,NumberOfClasses,Skewness", (61, 150, 5, 3, "NaN")],
        "tasks": ["task_id,did,target,procedure", (59, 61, "class", 2), (41, 40, "y", 12), (42, 40, "y", 6)],
        "flows": [
            "flow_id,name,version,class_name,parameters",
            (
                10,
                "sklearn.svm.classes.SVC",
                1,
                "sklearn.svm.classes.SVC",
                '{"C": "1.0", "kernel": "null", "gamma": "null"}',
            ),
            (11, "weka.J48", 2, "", '{"M": "2"}'),
        ],
        "setups": [
            "setup_id,flow_id,parameters",
            *[(100 + i, 10, json.dumps({"C": f"{i}.0", "kernel": '"rbf"', "gamma": "null"})) for i in range(5)],
            *[(105 + i, 11, json.dumps({"M": str(i)})) for i in range(5)],
        ],
        "runs": [
            "run_id,task_id,setup_id",
            *[(1000 + 10 * t + s, (59, 41)[t], 100 + s) for t in (0, 1) for s in range(10)],
        ],
        "evaluations": [
            "run_id,function,value",
            *predictive[:10],
            *[(run, "root_mean_squared_error", 10 * value) for run, _, value in predictive[10:]],
            *[(1000 + i, "usercpu_time_millis", 10 * i) for i in range(1, 20)],
            *[(1000 + i, "area_under_roc_curve", 0.5) for i in range(3)],
        ],
        "studies": ["study_id,alias,name,main_entity_type,ids", (99, "odd", "Odd", "task", "59 41")],
    }
    out.mkdir()
    for name, (header, *lines) in tables.items():
        with (out / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *lines])
    return out
