"""Waiting for a file that another process holds, and transactions."""

import logging
import subprocess
import sys
from types import SimpleNamespace

import pytest
import tenacity

from metalearn.errors import KnowledgeBaseError, KnowledgeBaseLockedError
from metalearn.store import KnowledgeBase
from metalearn.store.connection import connect, transaction
from tests.store.batches import make_batch

HOLD = "import sys, duckdb; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


@pytest.fixture
def held(tmp_path):
    """A knowledge base that another process holds until it reads a line."""
    path = tmp_path / "held.duckdb"
    with KnowledgeBase.open(path, read_only=False) as kb:
        kb.append(make_batch())
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        yield path, holder
        holder.kill()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_held_is_waited_for_and_the_log_says_once_who_holds_it(held, monkeypatch, caplog, read_only):
    path, holder = held
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 4:
            holder.communicate("\n")

    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=sleep))  # not the module: others sleep too
    with caplog.at_level(logging.WARNING), KnowledgeBase.open(path, read_only=read_only, wait=True) as kb:
        assert kb.info()["rows"]["evaluations"] == 4
    assert len(pauses) == 4
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] <= 5
    [record] = caplog.records
    assert f"{path} is held open by another process" in record.getMessage()
    assert f"PID {holder.pid}" in record.getMessage()


def test_ctrl_c_ends_the_waiting(held, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tenacity.nap, "time", SimpleNamespace(sleep=interrupted))  # not the module: others sleep too
    with pytest.raises(KeyboardInterrupt):
        KnowledgeBase.open(held[0], read_only=False, wait=True)


def test_without_wait_it_is_an_error_at_once(held):
    with pytest.raises(KnowledgeBaseLockedError):
        KnowledgeBase.open(held[0], read_only=False)


def test_nothing_else_is_waited_for(tmp_path):
    (tmp_path / "text.duckdb").write_text("not a database" * 500)
    for name, message in (("none.duckdb", "no knowledge base at"), ("text.duckdb", "a file of DuckDB's")):
        with pytest.raises(KnowledgeBaseError, match=message):
            KnowledgeBase.open(tmp_path / name, wait=True)
    with pytest.raises(KnowledgeBaseError, match="cannot be opened"):
        KnowledgeBase.open(tmp_path / "no folder" / "kb.duckdb", read_only=False, wait=True)


@pytest.mark.parametrize("read_only", [True, False])
def test_a_table_is_no_knowledge_base_and_stays_as_it_is(tmp_path, read_only):
    table = tmp_path / "wine.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(KnowledgeBaseError, match=r"wine.csv is no knowledge base"):
        KnowledgeBase.open(table, read_only=read_only)
    assert table.read_text() == "a,b\n1,2\n"


def test_a_second_connection_of_this_process_leaves_the_lock_of_the_first(tmp_path):
    path = tmp_path / "kb.duckdb"
    other = f"import duckdb; duckdb.connect({str(path)!r})"
    with KnowledgeBase.open(path, read_only=False), KnowledgeBase.open(path, read_only=False):
        answer = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=False)
    assert answer.returncode
    assert "lock" in answer.stderr


def test_a_file_that_this_process_has_open_otherwise_is_one_sentence(tmp_path):
    path = tmp_path / "kb.duckdb"
    with (
        KnowledgeBase.open(path, read_only=False),
        pytest.raises(KnowledgeBaseError, match=r"cannot be opened as a knowledge base: .*different configuration"),
    ):
        KnowledgeBase.open(path)


def test_a_commit_that_fails_is_refused_like_a_row(tmp_path):
    with connect(str(tmp_path / "kb.duckdb"), read_only=False) as one, one.cursor() as other:

        def overtaken():
            with transaction(other):
                for connection in (other, one):  # the second one commits first
                    connection.execute("INSERT INTO spaces VALUES ('mine', NULL)")

        with pytest.raises(KnowledgeBaseError, match=r"stored none of them: .*Failed to commit"):
            overtaken()
        assert one.execute("SELECT count(*) FROM spaces").fetchall() == [(1,)]
