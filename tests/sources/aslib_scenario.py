"""A small scenario in ASlib's format: the example of its specification, https://github.com/coseal/aslib-spec."""

DESCRIPTION = """scenario_id: 2013-SAT-Competition
performance_measures:
    - PAR10
    - Number_of_satisfied_clauses
maximize:
    - false
    - true
performance_type:
    - runtime
    - solution_quality
algorithm_cutoff_time: 900
algorithm_cutoff_memory: '?'
features_cutoff_time: 90
algorithms_deterministic:
    - lingeling
    - clasp
algorithms_stochastic:
    - sparrow
number_of_feature_steps: 2
feature_steps:
    preprocessing:
        provides:
            - number_of_variables
            - number_of_clauses
    local_search_probing:
        requires:
            - preprocessing
        provides:
            - first_local_min_steps
default_steps:
    - preprocessing
features_stochastic: first_local_min_steps
"""
RUNS = """@RELATION ALGORITHM_RUNS_2013-SAT-Competition

@ATTRIBUTE instance_id STRING
@ATTRIBUTE repetition NUMERIC
@ATTRIBUTE algorithm STRING
@ATTRIBUTE PAR10 NUMERIC
@ATTRIBUTE Number_of_satisfied_clauses NUMERIC
@ATTRIBUTE runstatus {ok, timeout, memout, not_applicable, crash, other}

@DATA
inst1.cnf, 1, lingeling, 5.0, 24, ok
inst1.cnf, 1, clasp, 5.8, 24, ok
inst1.cnf, 1, sparrow, 9000, 20, timeout
inst1.cnf, 2, sparrow, 1.7, 24, ok
inst2.cnf, 1, lingeling, 588.1, 105, ok
inst2.cnf, 1, clasp, 50, 0, memout
inst2.cnf, 1, sparrow, 501, 105, not_applicable
inst2.cnf, 2, sparrow, 9, 101, crash
inst2.cnf, 3, sparrow, 8, 101, other
"""
_STEPS = """
@ATTRIBUTE preprocessing {kind}
@ATTRIBUTE local_search_probing {kind}

@DATA
"""
_KEY = "@RELATION FEATURES\n\n@ATTRIBUTE instance_id STRING\n@ATTRIBUTE repetition NUMERIC\n"
VALUES = (
    _KEY
    + """@ATTRIBUTE number_of_variables NUMERIC
@ATTRIBUTE number_of_clauses NUMERIC
@ATTRIBUTE first_local_min_steps NUMERIC

@DATA
inst1.cnf,1,101,24,33
inst1.cnf,2,101,24,42
inst2.cnf,1,303,105,12
inst2.cnf,2,303,105,?
inst3.cnf,1,1002,337,?
inst3.cnf,2,1002,?,?
"""
)
COSTS = (
    _KEY
    + _STEPS.format(kind="NUMERIC")
    + """inst1.cnf,1,0.1,10.0
inst1.cnf,2,0.3,12.0
inst2.cnf,1,0.2,4.0
inst2.cnf,2,0.2,?
inst3.cnf,1,1.1,?
inst3.cnf,2,1.1,?
"""
)
STATUS = (
    _KEY
    + _STEPS.format(kind="{ok, timeout, memout, presolved, crash, other}")
    + """inst1.cnf,1,ok,ok
inst1.cnf,2,ok,ok
inst2.cnf,1,ok,ok
inst2.cnf,2,ok,timeout
inst3.cnf,1,ok,memout
inst3.cnf,2,ok,presolved
"""
)
_FILES = {
    "description.txt": DESCRIPTION,
    "algorithm_runs.arff": RUNS,
    "feature_values.arff": VALUES,
    "feature_costs.arff": COSTS,
    "feature_runstatus.arff": STATUS,
}


def write_scenario(folder, **changed):
    """Write the scenario; a file (without its ending) that is given replaces the example's, None leaves it out."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, text in _FILES.items():
        text = changed.get(name.split(".")[0], text)
        if text is not None:
            (folder / name).write_text(text)
    return folder


def learners_scenario(folder, rows, **changed):
    """Write a scenario of learners, whose one measure is maximised, with these rows of runs."""
    description = "scenario_id: OPENML-WEKA-2017\nperformance_measures: predictive_accuracy\nmaximize: true\n"
    runs = RUNS.split("@ATTRIBUTE PAR10")[0] + "@ATTRIBUTE predictive_accuracy NUMERIC\n"
    runs += "@ATTRIBUTE runstatus {ok, timeout, other}\n@DATA\n" + "\n".join(rows) + "\n"
    nothing = dict.fromkeys(("feature_values", "feature_costs", "feature_runstatus"))
    return write_scenario(folder, **{"description": description, "algorithm_runs": runs, **nothing, **changed})
