"""The methods that README gives as examples are whole: they pass the checks, and have a name everywhere."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import metalearn
from metalearn.core.registry import create

README = Path(__file__).parents[1] / "README.md"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with README's two methods in a module ``mine_of_readme``, on the path."""
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    methods = [block.partition("\n\nif __name__")[0] for block in blocks if "@dataclass" in block]
    assert len(methods) == 2
    (tmp_path / "mine_of_readme.py").write_text("\n".join(methods), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("mine_of_readme", None)


@pytest.mark.parametrize("check", list(metalearn.checks.recommender_checks()), ids=lambda check: check.__name__)
def test_the_recommender_conforms(mine: Path, check: Any) -> None:
    check(create("recommender", "mine_of_readme.MedianBest"))


@pytest.mark.parametrize("check", list(metalearn.checks.optimizer_checks()), ids=lambda check: check.__name__)
def test_the_optimizer_conforms(mine: Path, check: Any) -> None:
    check(create("optimizer", "mine_of_readme.NearTheBest:n_drawn=3"))
