"""The report: the figures that it was made of, in Markdown and in one page that needs nothing else."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from metalearn.checks import planted_meta_dataset
from metalearn.core.registry import create
from metalearn.errors import InputError, MissingDependencyError, UnknownNameError
from metalearn.evaluation.benchmark import Settings, run_bench
from metalearn.evaluation.report import check_report, write_report


@pytest.fixture(scope="module")
def results():
    """Three methods on planted tasks: knn knows best, the average is decent, chance is worst."""
    return run_bench(planted_meta_dataset(20), ["random", "average_rank", "knn"], Settings(ks=(1, 2, 5), n_folds=2))


def tables(text):
    """The cells of each table by the title above it."""
    found = {}
    for part in re.split(r"^#+ ", text, flags=re.MULTILINE)[1:]:
        lines = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("|")]
        found[part.partition("\n")[0]] = {line[0].strip("`"): line[1:] for line in lines[2:]}
    return found


def test_markdown_holds_the_figures(results, tmp_path):
    write_report(results, tmp_path / "found.md")
    assert {path.name for path in tmp_path.iterdir()} == {"found.md", "found-curves.svg", "found-ranks.svg"}
    text = (tmp_path / "found.md").read_text()
    assert "(found-curves.svg)" in text
    assert "(found-ranks.svg)" in text
    found = tables(text)
    assert found["Recommenders compared, zero_shot"]["n tasks"] == ["20"]
    mean, low, high = results.interval(results.scores["knn"]["normalized_regret"][:, 1])
    assert found["Mean normalized regret in %"]["knn"][1] == f"{100 * mean:.2f} [{100 * low:.2f}, {100 * high:.2f}]"
    assert found["Other scores at k = 5"]["knn"][-1] == "-"  # no seconds are known
    assert list(found["Average ranks"]) == ["knn", "average_rank", "random"]
    assert found["Average ranks"]["random"] == ["3.00"]


def test_against_the_baseline(results, tmp_path):
    write_report(results, tmp_path / "a.md")
    against = tables((tmp_path / "a.md").read_text())
    assert list(against["Against `average_rank`"]) == ["random", "knn"]
    assert against["Against `average_rank`"]["knn"][0] == "20 / 0 / 0"
    assert against["Against `average_rank`"]["knn"][-1] == "1.00 / 0.00 / 0.00"
    assert against["Against `average_rank`"]["random"][0] == "0 / 0 / 20"
    write_report(results, tmp_path / "b.md", baseline="knn")
    assert list(tables((tmp_path / "b.md").read_text())["Against `knn`"]) == ["random", "average_rank"]
    with pytest.raises(UnknownNameError, match="did you mean 'knn'"):
        write_report(results, tmp_path / "c.md", baseline="kn")


def test_where_it_helps_and_hurts(results, tmp_path):
    planted = replace(results, scores={name: dict(found) for name, found in results.scores.items()})
    for found in planted.scores.values():
        found["area_over_log_k"] = np.full((20, 3), 0.5)
    planted.scores["knn"]["area_over_log_k"][[3, 7, 11], -1] = [0.25, 0.4, 0.75]
    write_report(planted, tmp_path / "a.md")
    found = tables((tmp_path / "a.md").read_text())["Where it helps, where it hurts"]
    ids = [task.id for task in planted.tasks]
    assert found["knn"] == [f"{ids[3]} (+25.0), {ids[7]} (+10.0)", f"{ids[11]} (-25.0)"]
    assert found["random"] == ["nowhere", "nowhere"]


def test_the_page_stands_alone(results, tmp_path):
    write_report(results, tmp_path / "my page.html")
    assert [path.name for path in tmp_path.iterdir()] == ["my page.html"]
    page = (tmp_path / "my page.html").read_text()
    assert page.startswith("<!doctype html>")
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 2
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert page.count("<table>") == 6
    assert "http" not in re.sub(r'src="[^"]*"', "", page)


def test_figures_name_every_recommender_and_are_the_same_each_time(results, tmp_path):
    for name in ("a.md", "b.md"):
        write_report(results, tmp_path / name)
    for figure in ("curves", "ranks"):
        one, two = ((tmp_path / f"{name}-{figure}.svg").read_bytes() for name in "ab")
        assert one == two
        ET.fromstring(one)
        for label in results.scores:
            assert f"<!-- {label}" in one.decode() or f"{label} -->" in one.decode()


def test_names_are_no_markup(tmp_path):
    methods = {"<b>a|b</b>": create("recommender", "average_rank"), "other": create("recommender", "portfolio")}
    found = run_bench(planted_meta_dataset(6), methods, Settings(ks=(1,), n_folds=2))
    write_report(found, tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;a|b&lt;/b&gt;" in page


def one_recommender():
    return run_bench(planted_meta_dataset(6), ["average_rank"], Settings(ks=(1, 2), n_folds=2))


def one_family():
    past = planted_meta_dataset(6)
    kin = replace(past, tasks=tuple(replace(t, family="one") for t in past.tasks))
    return run_bench(kin, ["average_rank", "portfolio"], Settings(ks=(1, 2), n_folds=2, leave_out="dataset"))


@pytest.mark.parametrize("made", [one_recommender, one_family])
def test_one_of_anything_is_not_compared(made, tmp_path):
    found = made()
    write_report(found, tmp_path / "a.md")
    assert list(tables((tmp_path / "a.md").read_text())) == [
        "Recommenders compared, zero_shot",
        "Mean normalized regret in %",
        "Other scores at k = 2",
    ]
    assert not (tmp_path / "a-ranks.svg").exists()


def test_what_cannot_be_written_is_known_before_the_work(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"ends in \.html or \.md"):
        check_report(tmp_path / "a.pdf")
    with pytest.raises(InputError, match="no folder"):
        check_report(tmp_path / "nowhere" / "a.html")
    monkeypatch.setitem(__import__("sys").modules, "scikit_posthocs", None)
    with pytest.raises(MissingDependencyError, match=r"pip install .* scikit-posthocs .the extra 'figures'"):
        check_report(tmp_path / "a.html")
