"""How an optimization shows itself."""

from dataclasses import replace

import pandas as pd
import pytest

from metalearn.core.records import Constraints
from metalearn.optimization import Optimization
from metalearn.optimizing import Budget, Search, optimize
from metalearn.sources.frames import make_dataset


@pytest.fixture(scope="module")
def found() -> Optimization:
    table = pd.DataFrame({"x": range(60), "y": ["a", "b"] * 30})
    table.loc[0, "y"] = None
    search = Search("random", 0, constraints=Constraints(algorithms=("gaussian_nb",)))
    return optimize(make_dataset(table, "y", name="stripes"), search, Budget(trials=12))


def test_it_shows_itself_in_a_few_lines(found: Optimization) -> None:
    lines = repr(found).splitlines()
    assert lines[0].startswith("random: 12 trials (12 ok) on stripes; best: gaussian_nb, balanced_accuracy 0.")
    assert lines[1] == "rows without a target are left out: 1"
    assert lines[2].split() == ["algorithm", "loss", "seconds", "status"]
    assert (len(lines), lines[-1]) == (14, "... and 2 more")
    assert found.asdict()["notes"] == ["rows without a target are left out: 1"]


def test_a_notebook_shows_all_trials(found: Optimization) -> None:
    html = found._repr_html_()
    assert html.startswith(f"<p>{found.title}<br>rows")
    assert html.count("<tr") == 13


def test_where_nothing_was_tried_that_is_said(found: Optimization) -> None:
    nothing = replace(found, result=replace(found.result, finished=()))
    assert repr(nothing).startswith("random: 0 trials (none) on stripes, none of which ended well")
