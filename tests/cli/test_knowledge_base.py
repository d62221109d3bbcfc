"""``metalearn kb``: merge and remove, and what ``kb info`` and ``kb verify`` say afterwards."""

import json

import pytest

from metalearn.store import KnowledgeBase
from tests.store.batches import make_batch


@pytest.fixture
def two(tmp_path):
    """Two knowledge bases that share tasks and configurations; the second one differs in one value."""
    paths = [tmp_path / name for name in ("a.duckdb", "b.duckdb")]
    batches = [make_batch(source="a"), make_batch(source="a", values=((0.9, 0.1),))]
    for path, batch in zip(paths, batches, strict=True):
        with KnowledgeBase.open(path, read_only=False) as kb:
            kb.append(batch)
            kb.append(make_batch(source=path.stem))
    return paths


@pytest.mark.parametrize("command", ["families", "fetch-dataset", "merge", "remove"])
def test_what_writes_can_wait_for_another_writer(run, command):
    assert "--wait" in run("kb", command, "--help")[1]


def test_merge_prints_what_became_of_the_rows(run, two, tmp_path):
    kb = tmp_path / "all.duckdb"
    code, out, err = run("kb", "merge", "--kb", kb, *two, "--json")
    assert (code, err) == (0, "")
    first, second = json.loads(out)
    assert [first["from"], second["from"]] == [str(path) for path in two]
    assert first["tables"]["evaluations"] == {"seen": 4, "stored": 4, "already_there": 0, "conflicts": 0}
    assert second["tables"]["evaluations"] == {"seen": 6, "stored": 4, "already_there": 2, "conflicts": 1}
    code, out, _ = run("kb", "merge", "--kb", kb, two[1])
    assert code == 0
    line = next(line.split() for line in out.splitlines() if line.split()[:1] == ["evaluations"])
    assert line == ["evaluations", "6", "0", "6", "1"]
    assert run("kb", "verify", "--kb", kb)[:2] == (0, "sound\n")


def test_a_snapshot_is_merged_too(run, two, tmp_path):
    run("kb", "publish", "--kb", two[0], tmp_path / "frozen")
    code, out, _ = run("kb", "merge", "--kb", two[1], tmp_path / "frozen", "--json")
    assert code == 0
    assert json.loads(out)[0]["tables"]["evaluations"] == {"seen": 4, "stored": 2, "already_there": 2, "conflicts": 1}


def test_remove_counts_then_takes_out(run, two):
    options = ["kb", "remove", "--kb", two[1], "--source", "a"]
    would = json.loads(run(*options, "--dry-run", "--json")[1])
    assert would == {"dry_run": True, "removed": {"evaluations": 2, "ingestions": 1}}
    shown = json.loads(run("kb", "info", "--kb", two[1], "--json")[1])
    assert shown["sources"] == {"a": 2, "b": 4}
    code, out, _ = run(*options)
    assert code == 0
    assert ["evaluations", "2"] in [line.split() for line in out.splitlines()]
    assert json.loads(run("kb", "info", "--kb", two[1], "--json")[1])["sources"] == {"b": 4}
    assert run("kb", "verify", "--kb", two[1])[:2] == (0, "sound\n")


@pytest.mark.parametrize("options", [["--task", "openml-dataset-0"], ["--dataset", "openml-0"]], ids=" ".join)
def test_remove_a_task_or_a_dataset(run, two, options):
    code, out, _ = run("kb", "remove", "--kb", two[0], *options, "--json")
    assert code == 0
    assert json.loads(out)["removed"] == {"datasets": 1, "tasks": 1, "evaluations": 2}
    assert run("kb", "verify", "--kb", two[0])[:2] == (0, "sound\n")


@pytest.mark.parametrize("options", [[], ["--source", "a", "--task", "t"]], ids=" ".join)
def test_remove_takes_one_thing_at_a_time(run, two, options):
    code, _, err = run("kb", "remove", "--kb", two[0], *options)
    assert code == 2
    assert "one of --source, --dataset and --task" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["remove", "--kb", "{a}", "--task", "openml-datset-0"], "did you mean 'openml-dataset-0'?"),
        (["remove", "--kb", "none.duckdb", "--source", "a"], "There is no knowledge base at none.duckdb"),
        (["merge", "--kb", "{a}", "none.duckdb"], "There is no knowledge base at none.duckdb"),
        (["merge", "--kb", "{a}", "{a}"], "cannot be merged into itself"),
    ],
)
def test_an_error_is_one_sentence(run, two, arguments, message):
    code, out, err = run("kb", *(a.format(a=two[0]) for a in arguments))
    assert (code, out) == (1, "")
    assert err.startswith("metalearn: ")
    assert message in err
    assert err.strip().count("\n") == 0
