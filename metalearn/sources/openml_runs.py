"""Values of single runs: in full precision, where lists give six significant digits."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from metalearn.core.protocols import Ingested
from metalearn.errors import AbsentError
from metalearn.sources import openml_entities as entities
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_lists import RUNTIME
from metalearn.sources.openml_tables import Evaluations

# So many runs of a task are asked for one by one, unless told otherwise.
_FEW_RUNS = 1_000
# The largest relative error of a number with six significant digits.
_ROUNDING = 5e-6


def exact_parts(
    server: OpenMLServer, stored: Ingested, listed: Evaluations, measure: str, exact: bool | None
) -> Iterator[tuple[Evaluations, bool]]:
    """Yield evaluations in parts, and whether a part is the last: what is asked for exactly by task, then the rest.

    With ``exact=None`` that is what belongs to tasks of at most 1,000 runs, counting those that are stored.
    """
    rest = np.ones(len(listed), dtype=bool)
    for task in np.unique(listed.tasks).tolist() if exact is not False else ():
        of_task = listed.tasks == task
        if exact is None and of_task.sum() > _FEW_RUNS:
            continue
        there = stored.runs(f"openml-task-{task}")
        if exact is None and len({*map(str, listed.runs[of_task].tolist()), *there}) > _FEW_RUNS:
            continue
        rest &= ~of_task
        yield _exact(server, listed.taken(of_task), measure, there), False
    yield listed.taken(rest), True


def _exact(server: OpenMLServer, listed: Evaluations, measure: str, there: Collection[str]) -> Evaluations:
    def of_run(run: int) -> dict[str, float]:
        try:
            return {} if str(run) in there else entities.run_values(server, run)
        except AbsentError:
            return {}

    whole = list(server.map(of_run, listed.runs.tolist()))
    values = np.array([run.get(measure, np.nan) for run in whole])
    seconds = np.array([run.get(RUNTIME, np.nan) for run in whole]) / 1000
    # What the list has otherwise than rounded (nothing, NaN, another number) stays as it has it.
    return replace(
        listed,
        values=np.where(np.isclose(values, listed.values, rtol=_ROUNDING, atol=0), values, listed.values),
        seconds=np.where(np.isclose(seconds, listed.seconds, rtol=_ROUNDING, atol=0), seconds, listed.seconds),
    )
