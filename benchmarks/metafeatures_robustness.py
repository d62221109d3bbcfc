"""What becomes of tables that break tools: our extractor and pymfe, each nasty input once.

    python -m benchmarks.metafeatures_robustness [--quick] [--out FILE] [--limit 40]

The inputs are those of ``tests/metafeatures/nasty.py``. Ours are all groups of the registry. pymfe, which comes with
``pip install -e '.[peers]'``, runs with its default groups, one process an input, which is stopped after
``--limit`` seconds or at 12 GB; it is given what its documentation asks for, ``X.to_numpy()`` and ``y.to_numpy()``.
"""

import argparse
import importlib
import json
import resource
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.common import arguments, keep, progress
from metalearn.evaluation.report import table

NASTY: Any = importlib.import_module("tests.metafeatures.nasty")
_MEMORY = 12 * 2**30
_REASONS = ("not_applicable", "constant", "too_few_rows", "undefined")


def main() -> None:
    """Run both sides and write the table; with ``--case`` only print what pymfe makes of one input."""
    parser = arguments(__doc__)
    parser.add_argument("--limit", type=float, default=40.0, metavar="S")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(pymfe_outcome(options.case)))
        return
    cases = list(NASTY.NASTY)[:: 6 if options.quick else 1]
    text = report([(case, ours(case), theirs(case, options.limit)) for case in progress(cases)])
    keep(options, text)
    print(text)


def ours(case: str) -> dict[str, Any]:
    """Return how many values there are, how many of each reason for none, and seconds, those of the table included."""
    import numpy as np

    from metalearn.metafeatures.extract import GROUPS, Extractor
    from metalearn.sources.frames import make_dataset

    frame, target = NASTY.frame_of(case)
    extractor = Extractor(GROUPS)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        start = time.perf_counter()
        dataset = make_dataset(frame, target, lenient=True)
        values, _, status = extractor.extract(dataset, rng=np.random.default_rng(0))
        seconds = time.perf_counter() - start
    counts = Counter(status)
    return {
        "ok": int(np.isfinite(values).sum()),
        **{reason: counts[reason] for reason in _REASONS},
        "failed": len(status) - counts["ok"] - sum(counts[reason] for reason in _REASONS),
        "warnings": len(warned),
        "seconds": seconds,
    }


def theirs(case: str, limit: float) -> dict[str, Any]:
    """Return the peer's outcome on an input: counts, the error that ended it, or that it took too long."""
    command = [sys.executable, "-m", "benchmarks.metafeatures_robustness", "--case", case]
    try:
        ended = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer in {limit:.0f} s"}
    if ended.returncode:
        return {"error": f"the process died ({ended.returncode}): {ended.stderr.strip()[-80:]}"}
    outcome: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return outcome


def pymfe_outcome(case: str) -> dict[str, Any]:
    """Return what pymfe makes of an input, in a process of its own: counts of values, or its error."""
    import numpy as np

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    frame, target = NASTY.frame_of(case)
    frame.columns = [f"c{i}" if str(name) != target else name for i, name in enumerate(map(str, frame.columns))]
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            X = (frame if target is None else frame.drop(columns=target)).to_numpy()
            extractor = (
                importlib.import_module("pymfe.mfe")
                .MFE(random_state=0)
                .fit(X, *([] if target is None else [frame[target].to_numpy()]))
            )
            values = np.array([np.real(v) for v in extractor.extract()[1]], dtype=np.float64)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:70]}"}
    return {
        "ok": int(np.isfinite(values).sum()),
        "nan": int(np.isnan(values).sum()),
        "inf": int(np.isinf(values).sum()),
        "warnings": len(warned),
        "seconds": time.perf_counter() - start,
    }


def report(rows: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]]) -> str:
    """Return a Markdown table, and how often each side gave an answer."""
    silent = sum(bool(peer.get("nan", 0) + peer.get("inf", 0)) for *_, peer in rows)
    lead = (
        f"{len(rows)} inputs. metalearn: {sum(bool(m['failed']) for _, m, _ in rows)} with a measure that failed, "
        f"{sum(bool(mine['warnings']) for _, mine, _ in rows)} with a warning. pymfe: no values at all for "
        f"{sum('error' in peer for *_, peer in rows)}, NaN or infinite values, which say no reason, for {silent}."
    )
    heads = ("input", "ok", *(reason.replace("_", " ") for reason in _REASONS), "failed", "seconds")
    lines = []
    for case, mine, peer in rows:
        counts = [mine[name] for name in ("ok", *_REASONS, "failed")]
        lines.append((case, *counts, f"{mine['seconds']:.2f}", *_of_peer(peer)))
    return f"{lead}\n\n{table((*heads, 'pymfe', 'its seconds'), lines)}"


def _of_peer(outcome: Mapping[str, Any]) -> tuple[str, str]:
    if "error" in outcome:
        return outcome["error"], "-"
    spoken = [f"{outcome['ok']} ok", f"{outcome['nan']} NaN", f"{outcome['inf']} infinite"]
    return f"{', '.join(spoken)}, {outcome['warnings']} warnings", f"{outcome['seconds']:.2f}"


if __name__ == "__main__":
    main()
