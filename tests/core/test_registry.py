"""The registry and the cost of names: nothing heavy is imported before it is used."""

import subprocess
import sys

import pytest

import metalearn
from metalearn.core import registry
from metalearn.errors import InputError, UnknownNameError

HEAVY = "ConfigSpace duckdb joblib lightgbm matplotlib openml optuna pandas pyarrow scipy sklearn torch"


@pytest.mark.parametrize("statement", ["import metalearn", "from metalearn.cli.app import app; app(['--help'])"])
def test_the_first_import_is_light(statement):
    heavy = f"set({HEAVY.split()}) & set(sys.modules)"
    code = f"import sys\ntry:\n {statement}\nexcept SystemExit: pass\nprint('HEAVY', *{heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY"


def test_every_public_name_resolves():
    for name in metalearn.__all__:
        assert getattr(metalearn, name).__name__ == name
    assert {*metalearn.__all__, "checks"} <= set(dir(metalearn))
    with pytest.raises(AttributeError, match="nonsense"):
        metalearn.nonsense  # noqa: B018


def test_a_third_party_registers_a_recommender(monkeypatch):
    monkeypatch.setattr(registry, "_REGISTRY", {"recommender": {}})
    registry.register("recommender", "mine", "metalearn.recommenders.random:RandomSearch")
    assert type(registry.create("recommender", "mine")).__name__ == "RandomSearch"
    with pytest.raises(InputError, match="already registered"):
        registry.register("recommender", "mine", "somewhere:Else")
    with pytest.raises(InputError, match=r"package\.module:Class"):
        registry.register("recommender", "other", "somewhere.Else")


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'portfolio'"):
        registry.create("recommender", "portfolios")
    with pytest.raises(UnknownNameError):
        registry.create("recommender", "nearest")


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module of a user's in a folder on the path."""
    (tmp_path / "methods_of_mine.py").write_text(
        "from metalearn.recommenders.portfolio import GreedyPortfolio\n"
        "class Best(GreedyPortfolio): pass\n"
        "class Unfinished: pass\n"
    )
    (tmp_path / "broken_of_mine.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "methods_of_mine"
    sys.modules.pop("methods_of_mine", None)


def test_a_name_with_a_dot_is_that_of_a_class(mine):
    assert type(registry.create("recommender", f"{mine}.Best")).__name__ == "Best"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("methods_of_mine.Bset", "no class 'Bset' in the module 'methods_of_mine'; did you mean 'Best'[?]$"),
        ("methods_of_mine.Zyx", "no class 'Zyx' in the module 'methods_of_mine'; check its name"),
        ("methods_of_mine.Unfinished", "is no recommender: Unfinished has no stochastic and no meta_fit"),
        ("nowhere_of_mine.Best", "cannot be imported .ModuleNotFoundError: No module named 'nowhere_of_mine'"),
        ("broken_of_mine.Best", "cannot be imported .ZeroDivisionError"),
    ],
)
def test_a_class_that_is_none_says_what_is_wrong(mine, name, message):
    with pytest.raises(InputError, match=message):
        registry.create("recommender", name)


def test_options_may_follow_a_name():
    assert registry.create("recommender", "knn:n_neighbors=3").n_neighbors == 3
    with pytest.raises(UnknownNameError, match="did you mean 'n_neighbors'"):
        registry.create("recommender", "knn:n_neighbours=3")
    with pytest.raises(InputError, match="several values of n_neighbors"):
        registry.create("recommender", "knn:n_neighbors=3/5")
    with pytest.raises(InputError, match="options in 'knn:n_neighbors=many' are not of the kinds that knn takes"):
        registry.create("recommender", "knn:n_neighbors=many")
