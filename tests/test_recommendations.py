"""How a recommendation shows itself: short, in words, and as plain data."""

import pytest

from metalearn.core.metrics import METRICS
from metalearn.core.records import Configuration, Evidence, Recommendation, Task
from metalearn.recommendations import Recommendations


@pytest.fixture
def answer() -> Recommendations:
    evidence = (Evidence("past task", "t1", 0.5, 1.0, 0.1), Evidence("past task", "t2"), Evidence("default"))
    items = tuple(
        Recommendation(Configuration("s", f"method_{i}", {"C": 0.5}), i / 3, None, 1.0, evidence) for i in range(40)
    )
    task = Task("new", "new", "regression", meta_features={f"f{i}": 1.0 for i in range(500)})
    return Recommendations(task, "auto (x)", "b < c", items, metric=METRICS["r2"], names={"t1": "iris"})


def test_it_shows_itself_in_a_few_lines(answer: Recommendations) -> None:
    lines = repr(answer).splitlines()
    assert lines[:2] == ["auto (x): b < c", "regression by r2; loss = 1 - r2"]
    assert lines[2].split() == ["algorithm", "loss", "seconds"]
    assert lines[4].split() == ["2", "method_1", "0.333", "1"]
    assert (len(lines), lines[-1]) == (14, "... and 30 more")
    assert len(repr(answer)) < 800


def test_a_notebook_shows_all_of_it(answer: Recommendations) -> None:
    html = answer._repr_html_()
    assert html.startswith("<p>auto (x): b &lt; c<br>regression by r2; loss = 1 - r2</p>")
    assert html.count("</tr>") == 42  # two of them for the names of the columns
    assert "evidence" not in html


def test_plain_data_say_what_was_asked_for_and_name_the_datasets(answer: Recommendations) -> None:
    document = answer.asdict()
    assert (document["task_type"], document["metric"]) == ("regression", "r2")
    assert [e["task_name"] for e in document["recommendations"][0]["evidence"]] == ["iris", None, None]
