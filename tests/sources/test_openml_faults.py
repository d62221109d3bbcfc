"""A campaign of faults and kills: when they have stopped, the knowledge base is what an undisturbed pull gives."""

import os
import random
import time
from multiprocessing import get_context

import pytest

from metalearn.errors import SourceError
from metalearn.sources import openml_lists
from metalearn.sources.openml import OpenMLPull
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_selection import Selection
from metalearn.store.knowledge_base import KnowledgeBase
from metalearn.store.queries import TABLES
from tests.sources.openml_world import build_world, emulator_module, write_oboe

# All faults together with twenty seeds; each alone with fewer, for time's sake (METALEARN_CAMPAIGN_SEEDS=20 for all).
N_SEEDS = 20
N_SEEDS_ALONE = int(os.environ.get("METALEARN_CAMPAIGN_SEEDS", "4"))
N_TASKS, N_CONFIGURATIONS = 3, 5
FAULTS = (
    "429(0)=0.2",
    "500=0.2",
    "502=0.2",
    "503(xhtml)=0.2",
    "504=0.2",
    "401=0.2",
    "db=0.2",
    "auth=0.05",
    "reset=0.2",
    "truncate=0.2",
    "length=0.2",
    "slow(0.1)=0.1",
    "hang(0.6)=0.03",
    "shift(3)=0.5",
    "eval_nan=0.2",
    "eval_missing=0.2",
    "eval_range=0.2",
    "setup_json=0.2",
    "flow_unknown=0.3",
)
# An undisturbed pull of the tiny world makes about forty.
MOST_REQUESTS = 45
TOGETHER = ";".join(f"{fault.rpartition('=')[0]}={float(fault.rpartition('=')[2]) / 8:g}" for fault in FAULTS)


@pytest.fixture(scope="session")
def tiny_world(shared, tmp_path_factory):
    """Three tasks with five runs each."""
    folder = tmp_path_factory.mktemp("tiny")
    oboe = write_oboe(shared, folder / "oboe", N_TASKS, N_CONFIGURATIONS)
    return build_world(shared, oboe, folder / "world")


@pytest.fixture(scope="session")
def undisturbed(shared, tiny_world, tmp_path_factory):
    path = tmp_path_factory.mktemp("undisturbed") / "kb.duckdb"
    with emulator_module(shared).Emulator(tiny_world) as server:
        pull(path, server.url, 4)
    return content(path)


def pull(path, url, page):
    """Pull the tiny world with small pages, so that there are many; what a server in trouble ends is left."""
    openml_lists.MOST_ROWS, before = page, openml_lists.MOST_ROWS
    try:
        with (
            OpenMLServer(url, attempts=4, pause_seconds=0.005, timeout_seconds=0.4) as server,
            KnowledgeBase.open(path, read_only=False) as kb,
        ):
            kb.append_all(OpenMLPull(Selection(suite="oboe"), server, kb.ingested("openml")))
    except SourceError:
        pass
    finally:
        openml_lists.MOST_ROWS = before


def content(path):
    """All rows of all tables, less the log of what was asked when."""
    with KnowledgeBase.open(path) as kb:
        assert kb.inconsistencies() == []
        tables = {name: sorted(map(repr, table.to_pylist())) for name, table in kb.tables().items()}
        logged = kb.tables()["ingestions"].to_pandas()
    parts = logged["stored"] + logged["already_there"] + logged["quarantined"]
    assert logged["seen"].tolist() == parts.tolist()
    return {name: rows for name, rows in tables.items() if name != "ingestions"}


def kill_at(child, server, n_requests):
    """Kill a pull (-9) as soon as it has made so many requests, if it makes as many."""
    while child.is_alive() and server.stats.asdict()["requests"] < n_requests:
        time.sleep(0.001)
    child.kill()
    child.join()


def test_the_undisturbed_pull_is_whole(undisturbed):
    assert undisturbed.keys() == set(TABLES) - {"ingestions"}
    assert len(undisturbed["evaluations"]) == N_TASKS * N_CONFIGURATIONS
    assert len(undisturbed["setups"]) == N_CONFIGURATIONS
    assert undisturbed["quarantine"] == []


@pytest.mark.parametrize("faults", [*FAULTS, TOGETHER], ids=[*(f.partition("=")[0] for f in FAULTS), "together"])
def test_faults_and_kills_leave_no_trace(shared, tiny_world, undisturbed, tmp_path, monkeypatch, faults):
    monkeypatch.setenv("no_proxy", "*")
    emulator, context = emulator_module(shared), get_context("forkserver")
    with emulator.Emulator(tiny_world) as server:
        for seed in range(N_SEEDS if faults == TOGETHER else N_SEEDS_ALONE):
            path, draw = tmp_path / f"{seed}.duckdb", random.Random(f"{faults} {seed}")
            server.faults = server.api.faults = emulator.Faults(faults, seed)
            child = context.Process(target=pull, args=(path, server.url, draw.choice([2, 4, 20])))
            server.stats.reset()
            child.start()
            kill_at(child, server, draw.randrange(1, MOST_REQUESTS))
            pull(path, server.url, 4)
            server.faults = server.api.faults = emulator.Faults("", seed)
            pull(path, server.url, 4)
            assert content(path) == undisturbed, f"seed {seed}"


def test_the_campaign_meets_its_faults(shared, tiny_world, tmp_path):
    """Each fault is really injected, so that surviving it means something."""
    met = set()
    for fault in FAULTS:
        with emulator_module(shared).Emulator(tiny_world, fault, 1) as troubled:
            pull(tmp_path / "kb.duckdb", troubled.url, 4)
            (tmp_path / "kb.duckdb").unlink()
            met |= {name for name, count in troubled.stats.asdict()["faults"].items() if count}
    assert met == {fault.partition("=")[0].partition("(")[0] for fault in FAULTS}
