"""A report of an optimization: Markdown with its figures beside it, or the same as one HTML page."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from metalearn.core.rows import first_line
from metalearn.evaluation import report
from metalearn.evaluation.optimization_figures import (
    anytime_figure,
    fidelities_figure,
    history_figure,
    importances_figure,
    parallel_figure,
)
from metalearn.importance.ped_anova import QUANTILE, ped_anova

if TYPE_CHECKING:
    from metalearn.core.encoded_space import Floats
    from metalearn.core.spaces import SearchSpace
    from metalearn.optimizers.result import Result

_NEEDED: Mapping[str, str] = {"matplotlib": "matplotlib"}
# So many hyperparameters are shown, the most important ones; lines over more axes cannot be followed.
_N_BARS, _N_AXES = 12, 7
_N_BEST = 10


def check_report(path: Path) -> None:
    """Check that a report can be written to a path, before long work is done for it.

    Raises:
        InputError: when the path ends neither in .html nor in .md, or its folder does not exist.
        MissingDependencyError: when what the report needs is not installed.
    """
    report.check_report(path, _NEEDED)


def write_report(
    result: "Result",
    space: "SearchSpace",
    path: Path,
    *,
    title: str = "Optimization",
    about: Mapping[str, object] | None = None,
    warm_starts: Collection[str] = (),
    loss_name: str = "loss",
) -> None:
    """Write the report to a path, whose suffix decides: one HTML page, or Markdown with SVG figures beside it.

    ``about`` are facts to begin with, ``warm_starts`` the ids of configurations to mark, ``loss_name`` what the losses
    are called.

    Raises:
        InputError, MissingDependencyError: as ``check_report``.
    """
    check_report(path)
    figures, parts = {}, [_about(result, title, about or {})]
    for name, (heading, figure) in _figures(result, space, warm_starts, loss_name).items():
        file = f"{path.stem}-{name}.svg"
        figures[file] = figure
        parts.append(f"## {heading}\n\n![{heading.partition(chr(10))[0]}]({quote(file)})")
    parts += [_best(result, loss_name), _failures(result)]
    report.write_page("\n\n".join(filter(None, parts)) + "\n", figures, path)


def importances(result: "Result", space: "SearchSpace") -> dict[str, float]:
    """Return the importance of each hyperparameter of the space (``importance.ped_anova``), the largest first.

    It is told by the trials at the largest fidelity that one ended well at; those of 0 are left out.
    """
    X, loss = _encoded(result, space)
    shares = ped_anova(space.encoding, X, loss)
    names = [column.hyperparameter for column in space.encoding.columns]
    return {names[j]: float(shares[j]) for j in np.argsort(-shares, kind="stable") if shares[j] > 0}


def _figures(
    result: "Result", space: "SearchSpace", warm_starts: Collection[str], loss_name: str
) -> dict[str, tuple[str, bytes]]:
    """Return each figure's heading and SVG by its name; those that would show nothing are left out."""
    if not result.incumbents:
        return {}
    found = {
        "history": ("History", history_figure(result, warm_starts, name=loss_name)),
        "anytime": ("Best so far over time", anytime_figure(result, name=loss_name)),
    }
    shares = importances(result, space)
    if shares:
        top = dict(list(shares.items())[:_N_BARS])
        of = f"for being among the best {100 * QUANTILE:g} % (PED-ANOVA)"
        found["importances"] = (f"Importance of hyperparameters {of}", importances_figure(top))
        names = [column.hyperparameter for column in space.encoding.columns]
        axes = [names.index(name) for name in list(shares)[:_N_AXES]]
        if len(axes) > 1:
            X, loss = _encoded(result, space)
            figure = parallel_figure(space, X, loss, axes, name=loss_name)
            found["parallel"] = ("Configurations over the most important hyperparameters", figure)
    if len({trial.fidelity for trial in result.trials}) > 1:
        found["fidelities"] = ("From fidelity to fidelity", fidelities_figure(result, name=loss_name))
    return found


def _encoded(result: "Result", space: "SearchSpace") -> "tuple[Floats, Floats]":
    """Return the encoded configurations (n, d) and losses (n,), NaN where not ok, of the best trial's fidelity."""
    best = result.best
    trials = [trial for trial in result.trials if best is None or trial.fidelity == best.fidelity]
    losses = [trial.loss if trial.status == "ok" else np.nan for trial in trials]
    return space.encode([trial.configuration for trial in trials]), np.array(losses, dtype=np.float64)


def _about(result: "Result", title: str, about: Mapping[str, object]) -> str:
    counts = Counter(trial.status for trial in result.trials)
    trials = f"{len(result.trials)} ({', '.join(f'{n} {status}' for status, n in counts.most_common())})"
    facts = {**about, "trials": trials, "best": _shown(result)}
    return f"# {title}\n\n{report.table(('what', 'value'), facts.items())}"


def _shown(result: "Result") -> str:
    best = result.best
    return "none ended well" if best is None else f"`{best.configuration}`, loss {best.loss:.6g}"


def _best(result: "Result", loss_name: str) -> str:
    """Return the best trials as a table."""
    fine = [f for f in result.finished if f.trial.status == "ok"]
    ranked = sorted(fine, key=lambda f: (-f.trial.fidelity, f.trial.loss))[:_N_BEST]
    rows = [
        (f.number + 1, f"{f.trial.loss:.6g}", f"{f.trial.fidelity:.3g}", f"`{f.trial.configuration}`") for f in ranked
    ]
    return f"## The best trials\n\n{report.table(('trial', loss_name, 'fidelity', 'configuration'), rows)}"


def _failures(result: "Result") -> str:
    """Return why trials failed, and how often; nothing where none did."""
    failed = [f for f in result.finished if f.trial.loss is None]
    if not failed:
        return ""
    counts = Counter((f.trial.status, f.trial.configuration.algorithm, first_line(f.message)) for f in failed)
    rows = [(status, algorithm, n, message) for (status, algorithm, message), n in counts.most_common()]
    return f"## What failed\n\n{report.table(('status', 'algorithm', 'trials', 'message'), rows)}"
