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
    assert set(metalearn.__all__) <= set(dir(metalearn))
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
