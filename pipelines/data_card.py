"""Write the data card of a knowledge base: what it holds, and what can be learned from it.

    python -m pipelines.data_card --kb metadata/knowledge_base --datasets ../shared/datasets --out metadata

``--kb`` is the folder of a snapshot; ``--datasets`` holds the ``index.csv`` that says where the tables come from.
Writes ``README.md`` and ``figures/*.png`` into ``--out``. What cannot be computed stands in ``data_card.md`` here.
"""

import argparse
import csv
import platform
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from metalearn.errors import InputError
from metalearn.store import KnowledgeBase
from pipelines.data_card_figures import draw_gains, draw_ranks
from pipelines.data_card_tables import (
    MAIN_METRIC,
    Part,
    algorithm_table,
    fidelity_table,
    gains_table,
    gaps_table,
    load_part,
    markdown,
    portfolio_table,
)

_MESSAGE_LENGTH = 110
TEMPLATE = Path(__file__).with_suffix(".md")


def main(arguments: list[str] | None = None) -> int:
    """Run the pipeline and return the exit status."""
    options = _parser().parse_args(arguments)
    with KnowledgeBase.open(options.kb) as kb:
        info, names = kb.info(), kb.dataset_names()
        parts = [load_part(kb, task_type) for task_type, metric in MAIN_METRIC.items() if metric in info["metrics"]]
    if not parts:
        raise InputError(
            f"{options.kb} holds no task to write a card of; give the snapshot of a filled knowledge base."
        )
    figures = options.out / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    for part in parts:
        draw_ranks(part, names, figures / _figure(part, "ranks"))
        draw_gains(part, names, figures / _figure(part, "gains"))
    (options.out / "README.md").write_text(write(parts, info, options), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.data_card", description=__doc__.splitlines()[0])
    parser.add_argument("--kb", type=Path, required=True, help="folder of a snapshot")
    parser.add_argument("--datasets", type=Path, required=True, help="folder with index.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder to write README.md and figures/ into")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    return parser


def write(parts: Sequence[Part], info: Mapping[str, Any], options: argparse.Namespace) -> str:
    """Return the text of the card."""
    datasets = _rows(options.kb, "datasets", "id", "name", "family", "n_rows", "n_columns")
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        snapshot_id=info["snapshot_id"],
        what=_what(parts, info),
        when=_when(parts, options.kb),
        units=" and ".join(f"{MAIN_METRIC[part.task_type]} ({part.task_type})" for part in parts),
        gains=gains_table(parts, options.seed),
        gaps=gaps_table(parts, options.seed),
        portfolio=portfolio_table(parts),
        fidelities="\n\n".join(fidelity_table(part) for part in parts),
        algorithms="\n\n".join(algorithm_table(part) for part in parts),
        causes=_cause_table(options.kb),
        gain_figures=_shown(parts, "gains", "Gain over the default on each task"),
        rank_figures=_shown(parts, "ranks", "Rank of each configuration on each task"),
        datasets=_dataset_table(datasets),
        sources=_source_table(datasets, options.datasets / "index.csv"),
    )


def _what(parts: Sequence[Part], info: Mapping[str, Any]) -> str:
    sentences = []
    for part in parts:
        tasks = part.validation.tasks
        generated = sum(t.procedure.startswith("generated") for t in tasks)
        size = f"{len(tasks)} {part.task_type} tasks of {len({t.family for t in tasks})} families"
        size += f", {generated} of them generated," if generated else ""
        spaces = ", ".join(f"`{space}`" for space in sorted({c.space for c in part.validation.configurations}))
        sentences.append(f"{size} x {len(part.validation.configurations)} configurations of {spaces}.")
    fits = [m for part in parts for m in (part.validation, part.test)]
    n_fits, n_failed = sum(len(m) for m in fits), sum(int((m.status != "ok").sum()) for m in fits)
    share = f"{n_failed / n_fits:.1%}" if n_fits else "none"
    metrics = ", ".join(f"`{metric}`" for metric in info["metrics"])
    sentences.append(
        f"{n_fits:,} fits on validation and test parts, {share} of them failed, make {info['rows']['evaluations']:,}"
        f" evaluations under {metrics}."
    )
    n_features = max((len(part.validation.feature_names) for part in parts), default=0)
    return " ".join([*sentences, f"{n_features} meta-features of each task." if n_features else ""]).strip()


def _when(parts: Sequence[Part], kb: Path) -> str:
    dates = [time for row in _rows(kb, "ingestions", "started", "finished") for time in row]
    span = " to ".join(dict.fromkeys(f"{date:%d %B %Y}" for date in (min(dates), max(dates))))
    libraries = ", ".join(sorted({f"{name} {version}" for name, version in _rows(kb, "libraries", "name", "version")}))
    fits = [m for part in parts for m in (part.validation, part.test)]
    # After a timeout the fits that were not started are charged its seconds too.
    hours = sum(float(np.nansum(m.cost_seconds[m.status == "ok"])) for m in fits) / 3600
    return f"{span}; {libraries}; one core of {platform.machine()} a fit, {hours:.1f} h for those that went well."


def _shown(parts: Sequence[Part], kind: str, caption: str) -> str:
    images = (f"![{caption} ({part.task_type})](figures/{_figure(part, kind)})" for part in parts)
    return "\n\n".join(images)


def _figure(part: Part, kind: str) -> str:
    return f"{part.task_type}_{kind}.png"


def _cause_table(kb: Path) -> str:
    """Return why evaluations failed: per algorithm and status the most frequent message, numbers in it as N."""
    algorithms = {id_: (space, name) for id_, space, name in _rows(kb, "configurations", "id", "space", "algorithm")}
    causes: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for configuration, status, message in _rows(kb, "failures", "configuration_id", "status", "message"):
        causes[(*algorithms[configuration], status)][re.sub(r"\d+(\.\d+)?", "N", message)] += 1
    rows = []
    for (space, algorithm, status), messages in sorted(causes.items()):
        message, _ = messages.most_common(1)[0]
        shown = message[:_MESSAGE_LENGTH].replace("|", "/")
        rows.append((space, algorithm, status, messages.total(), len(messages), shown))
    return markdown(("space", "algorithm", "status", "pairs", "messages", "the most frequent"), rows)


def _dataset_table(datasets: Sequence[tuple[Any, ...]]) -> str:
    ordered = sorted(datasets, key=lambda row: str(row[1]).casefold())
    rows = ((name, id_, n_rows, n_columns, family or id_) for id_, name, family, n_rows, n_columns in ordered)
    return markdown(("name", "id", "rows", "columns", "family"), rows)


def _source_table(datasets: Sequence[tuple[Any, ...]], index: Path) -> str:
    """Return which repository's copy was used of what: of stored datasets, and of those that targets come from."""
    ids = {row[0] for row in datasets}
    names = [str(row[1]) for row in datasets]
    used: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    with index.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if f"openml-{row['openml_id']}" in ids or any(name.startswith(f"{row['name']}-") for name in names):
                used[row["source"].split(":")[0], row["licence_note"]].append(row["name"])
    rows = ((*key, ", ".join(sorted(members, key=str.casefold))) for key, members in sorted(used.items()))
    return markdown(("repository", "its licence note", "datasets"), rows)


def _rows(kb: Path, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """Return some columns of one of the snapshot's tables, row by row."""
    import pyarrow.parquet as pq

    read = pq.read_table(kb / f"{table}.parquet", columns=list(columns))
    return list(zip(*(read[name].to_pylist() for name in columns), strict=True))


if __name__ == "__main__":
    sys.exit(main())
