"""The notebooks: they run from top to bottom, define nothing of their own, and are kept as they were run, small."""

import ast
import json
import os
import sys
from pathlib import Path

import pytest

from tests.sources.openml_world import build_world, emulator_module, write_oboe

NOTEBOOKS = {path.stem: path for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb")}
ON_A_SERVER = "openml"
# Whose subject is a method of the reader's own.
DEFINING = {"research"}
MOST_BYTES = 200_000


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Kernels find the commands of this environment, and this checkout."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def code_cells(name):
    """The code cells of a notebook as it is stored."""
    return [cell for cell in json.loads(NOTEBOOKS[name].read_text())["cells"] if cell["cell_type"] == "code"]


def run(name, folder):
    """Run a notebook; an exception in a cell is raised here."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(NOTEBOOKS[name], as_version=4)
    NotebookClient(book, timeout=300).execute(cwd=str(folder))
    return book


@pytest.mark.parametrize("name", sorted(NOTEBOOKS.keys() - {ON_A_SERVER}))
def test_it_runs_offline_on_what_ships(name, tmp_path):
    run(name, tmp_path)


def test_it_runs_on_a_server(shared, tmp_path, monkeypatch):
    world = build_world(shared, write_oboe(shared, tmp_path / "oboe", 3), tmp_path / "world")
    monkeypatch.setenv("no_proxy", "*")
    with emulator_module(shared).Emulator(world) as server:
        monkeypatch.setenv("OPENML_SERVER", server.url)
        monkeypatch.setenv("OPENML_SUITE", "oboe")
        book = run(ON_A_SERVER, tmp_path)
    assert "0 seen, 0 stored" in str(book)


@pytest.mark.parametrize("name", sorted(NOTEBOOKS))
def test_it_is_stored_as_it_was_run(name):
    cells = code_cells(name)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(output["output_type"] != "error" for cell in cells for output in cell["outputs"])
    assert any(cell["outputs"] for cell in cells)
    assert NOTEBOOKS[name].stat().st_size < MOST_BYTES


@pytest.mark.parametrize("name", sorted(NOTEBOOKS.keys() - DEFINING))
def test_it_defines_nothing_that_metalearn_should_hold(name):
    sources = ["".join(cell["source"]) for cell in code_cells(name)]
    python = "\n".join(source for source in sources if not source.startswith("%%"))
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    assert not [node.name for node in ast.walk(ast.parse(python)) if isinstance(node, defined)]
