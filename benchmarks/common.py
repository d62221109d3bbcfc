"""What all benches share: options, progress, the head of what they keep, and the cells of their tables."""

import argparse
import os
import platform
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metalearn.evaluation.scores import bootstrap_interval

# What figures may depend on, as far as it is installed.
PACKAGES = (
    *("numpy", "scipy", "pandas", "scikit-learn", "lightgbm", "torch", "pyarrow", "duckdb", "openml"),
    *("pymfe", "optuna", "hyperopt", "smac", "scikit-optimize", "botorch", "HEBO", "syne-tune"),
)
KEPT, QUICK = Path("benchmarks/results"), Path("build/benchmarks")
_LOAD_AT_START = os.getloadavg()[0]


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every bench has: --shared, --quick and --out."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="the folder of shared data")
    parser.add_argument("--quick", action="store_true", help="a small part of it, within two minutes or so")
    out = f"where to keep the results; default: {KEPT}/NAME.md, of the quick form {QUICK}/NAME.md"
    parser.add_argument("--out", type=Path, help=out)
    return parser


def kept_at(options: argparse.Namespace) -> Path:
    """Return the path of the results of the bench that runs."""
    path: Path = options.out or (QUICK if options.quick else KEPT) / f"{_name()}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def progress(cases: Sequence[Any]) -> Iterator[Any]:
    """Yield the cases, and say on stderr which one is at work."""
    for i, case in enumerate(cases):
        print(f"{i + 1} of {len(cases)}: {case}", file=sys.stderr, flush=True)
        yield case


def keep(options: argparse.Namespace, text: str) -> None:
    """Write a bench's results, under the command, the date, the machine and the versions."""
    kept_at(options).write_text(f"{head()}\n\n{text.strip()}\n", encoding="utf-8")


def head() -> str:
    """Return what tells where results come from: the command, the date, the machine and the versions."""
    command = f"python -m benchmarks.{_name()} {shlex.join(sys.argv[1:])}".strip()
    machine = f"{os.cpu_count()} cores, load average {_LOAD_AT_START:.1f} at the start"
    versions = ", ".join(installed(PACKAGES))
    return f"`{command}`\n\n{datetime.now(UTC):%Y-%m-%d}; {machine}; Python {platform.python_version()}, {versions}."


def installed(packages: Iterable[str]) -> list[str]:
    """Return names and versions of those packages that are installed.

    >>> installed(["no such package"])
    []
    """
    found = []
    for package in packages:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


def percent(mean: float, low: float, high: float, *, signed: bool = False) -> str:
    """Return a mean in % with its interval.

    >>> percent(0.0123, -0.001, 0.02, signed=True)
    '+1.23 [-0.10, +2.00]'
    """
    sign = "+" if signed else ""
    return f"{100 * mean:{sign}.2f} [{100 * low:{sign}.2f}, {100 * high:{sign}.2f}]"


def cell(values: NDArray[np.float64], families: Sequence[str], *, signed: bool = False) -> str:
    """Return the mean of values (T,) in % with its 95 % bootstrap interval over families."""
    low, high = bootstrap_interval(values, families, np.random.default_rng(0))
    return percent(float(values.mean()), low, high, signed=signed)


def _name() -> str:
    return Path(sys.argv[0]).stem
