"""A report of the bench: Markdown with its figures beside it, or the same as one HTML page."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from metalearn.errors import InputError, MissingDependencyError, UnknownNameError
from metalearn.evaluation.comparison import LEVEL, ROPE, RankTest, duel, rank_test
from metalearn.evaluation.curves import SCORES
from metalearn.evaluation.figures import curves_figure, ranks_figure
from metalearn.evaluation.scores import Floats

if TYPE_CHECKING:
    from metalearn.evaluation.results import Results

SUFFIXES = (".html", ".md")
DEFAULT_BASELINE = "average_rank"
# What recommenders are ranked by: one value a task, at the largest k.
_COMPARED = "area_over_log_k"
# Of these scores the figures are fractions, shown in percent.
_IN_PERCENT = frozenset(SCORES) - {"rank", "ndcg"}
_N_EXTREMES = 3
_NEEDED: Mapping[str, str] = {"matplotlib": "matplotlib", "scikit-posthocs": "scikit_posthocs"}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.75rem; border-bottom: 1px solid #ddd; text-align: left; }
img { max-width: 100%; }
"""


def check_report(path: Path, needed: Mapping[str, str] = _NEEDED) -> None:
    """Check that a report can be written to a path, before long work is done for it.

    ``needed`` maps packages to the modules that they bring.

    Raises:
        InputError: when the path ends neither in .html nor in .md, or its folder does not exist.
        MissingDependencyError: when what the report needs is not installed.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"A report is a file that ends in {' or '.join(SUFFIXES)}; got {path}.")
    if not path.resolve().parent.is_dir():
        raise InputError(f"There is no folder {path.resolve().parent} to write {path.name} into; make it first.")
    for package, module in needed.items():
        try:
            __import__(module)
        except ImportError as error:
            raise MissingDependencyError(package, "figures") from error


def write_report(results: "Results", path: Path, *, baseline: str | None = None) -> None:
    """Write the report to a path, whose suffix decides: one HTML page, or Markdown with SVG figures beside it.

    ``baseline`` is what the others are compared to one by one, by default average_rank, or the first.

    Raises:
        InputError, MissingDependencyError: as ``check_report``.
        UnknownNameError: when the baseline is not among the recommenders.
    """
    check_report(path)
    comparable = len(results.scores) > 1 and len(set(results.families)) > 1
    test = rank_test(_compared(results), results.families) if comparable else None
    figures = {f"{path.stem}-curves.svg": curves_figure(results)}
    if test:
        figures[f"{path.stem}-ranks.svg"] = ranks_figure(test)
    write_page(markdown(results, test, list(figures), baseline=baseline), figures, path)


def write_page(text: str, figures: Mapping[str, bytes], path: Path) -> None:
    """Write Markdown and the figures (SVG, by name) that it refers to: beside it, or as one HTML page by the suffix."""
    if path.suffix == ".md":
        for name, figure in figures.items():
            path.with_name(name).write_bytes(figure)
        path.write_text(text, encoding="utf-8")
    else:
        path.write_text(_html(text, figures), encoding="utf-8")


def markdown(results: "Results", test: RankTest | None, figures: Sequence[str], *, baseline: str | None = None) -> str:
    """Return the report as Markdown that refers to the figures by their names: curves first, then average ranks.

    Without a ``test``, where there is one recommender or one family, nothing is compared.

    Raises:
        UnknownNameError: when the baseline is not among the recommenders.
    """
    parts = [
        _about(results),
        _means(results),
        f"![Mean normalized regret over k]({quote(figures[0])})",
        _others(results),
    ]
    if test:
        parts += [_ranks(test), f"![Average ranks]({quote(figures[1])})"]
        parts += [_duels(results, test, _baseline(results, baseline)), _extremes(results, _baseline(results, baseline))]
    return "\n\n".join(parts) + "\n"


def _about(results: "Results") -> str:
    about = results.about
    facts = [(name.replace("_", " "), value) for name, value in about.items() if value is not None and name != "name"]
    return f"# Recommenders compared, {about['name']}\n\n{table(('what', 'value'), facts)}"


def _means(results: "Results") -> str:
    """Return the means at each k."""
    rows = [
        [f"`{label}`", *(_cell(results, v) for v in found["normalized_regret"].T)]
        for label, found in results.scores.items()
    ]
    title = (
        "## Mean normalized regret in %\n\n0 is the best configuration of each task; with 95 % intervals over families."
    )
    return f"{title}\n\n{table(('recommender', *(f'k = {k}' for k in results.ks)), rows)}"


def _others(results: "Results") -> str:
    """Return the means of the other scores at the largest k."""
    names = SCORES[1:]
    rows = [
        [f"`{label}`", *(_cell(results, found[name][:, -1], percent=name in _IN_PERCENT) for name in names)]
        for label, found in results.scores.items()
    ]
    heads = [name.replace("_", " ") + (" in %" if name in _IN_PERCENT else "") for name in names]
    return f"## Other scores at k = {results.ks[-1]}\n\n{table(('recommender', *heads), rows)}"


def _ranks(test: RankTest) -> str:
    order = np.argsort(test.average_ranks, kind="stable").tolist()
    rows = [[f"`{test.recommenders[i]}`", f"{test.average_ranks[i]:.2f}"] for i in order]
    equal = _p(test.friedman_p, "p = ")
    friedman = "" if np.isnan(test.friedman_p) else f" Friedman's test that all are equal: {equal}."
    return (
        f"## Average ranks\n\nBy the area of normalized regret over log k, over {test.n_families} families.{friedman} "
        f"Bars join what Wilcoxon's test with Holm's adjustment does not tell apart at {100 * LEVEL:g} %; by Nemenyi's "
        f"test ranks differ that are {test.critical_difference:.2f} apart.\n\n{table(('recommender', 'rank'), rows)}"
    )


def _duels(results: "Results", test: RankTest, baseline: str) -> str:
    """Return each recommender against the baseline."""
    values, index = _compared(results), {name: i for i, name in enumerate(test.recommenders)}
    rows = []
    for label in results.scores:
        if label != baseline:
            found = duel(values[label], values[baseline], results.families, np.random.default_rng(results.seed))
            pair = index[label], index[baseline]
            beliefs = (f"{share:.2f}" for share in (found.better, found.equivalent, found.worse))
            rows.append(
                [
                    f"`{label}`",
                    f"{found.wins} / {found.ties} / {found.losses}",
                    _cell(results, values[label] - values[baseline], signed=True),
                    _p(test.wilcoxon_p[pair]),
                    _p(test.nemenyi_p[pair]),
                    " / ".join(beliefs),
                ]
            )
    heads = ("recommender", "wins / ties / losses", "mean difference in %", "p, Wilcoxon-Holm", "p, Nemenyi")
    return (
        f"## Against `{baseline}`\n\nArea of normalized regret over log k; a difference below zero is better. The last "
        f"column is what a Bayesian signed-rank test believes of the difference: better, within {100 * ROPE:g} %, "
        f"worse.\n\n{table((*heads, 'better / equivalent / worse'), rows)}"
    )


def _extremes(results: "Results", baseline: str) -> str:
    """Return the tasks where each recommender gains and loses most against the baseline."""
    values = _compared(results)
    rows = []
    for label in results.scores:
        if label != baseline:
            gains = np.round(100 * (values[baseline] - values[label]), 2)
            order = np.argsort(-gains, kind="stable")
            helped = [t for t in order[:_N_EXTREMES] if gains[t] > 0]
            hurt = [t for t in order[::-1][:_N_EXTREMES] if gains[t] < 0]
            shown = (", ".join(f"{results.tasks[t].id} ({gains[t]:+.1f})" for t in tasks) for tasks in (helped, hurt))
            rows.append([f"`{label}`", *(text or "nowhere" for text in shown)])
    return (
        f"## Where it helps, where it hurts\n\nThe tasks with the largest gains and losses against `{baseline}`, in % "
        f"of normalized regret (area over log k).\n\n{table(('recommender', 'helps most', 'hurts most'), rows)}"
    )


def _compared(results: "Results") -> dict[str, Floats]:
    return {label: found[_COMPARED][:, -1] for label, found in results.scores.items()}


def _baseline(results: "Results", baseline: str | None) -> str:
    if baseline is None:
        return DEFAULT_BASELINE if DEFAULT_BASELINE in results.scores else next(iter(results.scores))
    if baseline not in results.scores:
        raise UnknownNameError("recommender", baseline, results.scores, where="among those compared")
    return baseline


def _cell(results: "Results", values: Floats, *, percent: bool = True, signed: bool = False) -> str:
    """Return the mean of values (T,) with its interval, and of how many tasks where not of all."""
    known = int(np.isfinite(values).sum())
    if not known:
        return "-"
    mean, low, high = (f"{v * (100 if percent else 1):{'+' if signed else ''}.2f}" for v in results.interval(values))
    return f"{mean} [{low}, {high}]" + (f" of {known} tasks" if known < len(values) else "")


def _p(value: float, equals: str = "") -> str:
    return f"{equals}{value:.3f}" if value >= 0.001 else f"{equals[:2]}< 0.001"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as Markdown.

    >>> print(table(("a", "b"), [(1, "x|y")]))
    | a | b |
    | --- | --- |
    | 1 | x\\|y |
    """
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def _html(text: str, figures: Mapping[str, bytes]) -> str:
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    for name, figure in figures.items():
        data = base64.b64encode(figure).decode()
        body = body.replace(f'src="{quote(name)}"', f'src="data:image/svg+xml;base64,{data}"')
    title = escape(text.partition("\n")[0].lstrip("# "))
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}</body></html>\n'
