"""Progress on a terminal's stderr, silence elsewhere."""

import io
import sys

import pytest

from metalearn.core.records import Configuration, Trial
from metalearn.optimizers.progress import shown

BEST = Trial(Configuration("s", "svc"), loss=0.123456789, status="ok")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("n_trials", "expected"), [(12, "3/12"), (None, "3/?")])
def test_best_trials_and_time_left_on_a_terminal(monkeypatch, n_trials, expected):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with shown(True, n_trials, 100.0) as show:
        show(0, None)
        show(3, BEST)
    said = terminal.getvalue()
    for part in ("best -", "best 0.123457", expected, "s left"):
        assert part in said


def test_silence_in_a_pipe_and_where_it_is_not_wanted(monkeypatch, capsys):
    with shown(True, 12, None) as show:
        show(3, BEST)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with shown(False, 12, None) as show:
        show(3, BEST)
    assert terminal.getvalue() == ""
