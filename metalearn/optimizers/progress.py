"""What an optimization shows while it runs: the best loss so far, the trials, the time left."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from metalearn.core.records import Trial

if TYPE_CHECKING:
    from rich.progress import Task

Show = Callable[[int, Trial | None], None]


@contextmanager
def shown(enabled: bool, n_trials: int | None, seconds: float | None) -> Iterator[Show]:
    """Give what shows (number of finished trials, best one) on stderr where that is a terminal, and nothing in a pipe.

    The time left is that until ``seconds`` are over, or until ``n_trials`` are at the pace so far, whichever is less.

    >>> with shown(False, 10, None) as show:
    ...     show(1, None)
    """
    from rich import progress as rich
    from rich.console import Console
    from rich.text import Text

    def left(task: "Task") -> str:
        limits = [task.time_remaining, None if seconds is None else max(0.0, seconds - (task.elapsed or 0.0))]
        known = [limit for limit in limits if limit is not None]
        return f"{min(known):,.0f} s left" if known else ""

    class Left(rich.ProgressColumn):
        def render(self, task: "Task") -> Text:
            return Text(left(task))

    columns = (rich.TextColumn("best {task.fields[best]}"), rich.BarColumn(), rich.MofNCompleteColumn(), Left())
    hidden = not (enabled and sys.stderr.isatty())  # which a pipe is not, though FORCE_COLOR be set
    with rich.Progress(*columns, console=Console(stderr=True), transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=n_trials, best="-")

        def show(n_finished: int, best: Trial | None) -> None:
            bar.update(task, completed=n_finished, best="-" if best is None else f"{best.loss:.6g}")

        yield show
