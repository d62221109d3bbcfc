"""The default recommender on 10,000 tasks x 2,000 configurations, of which 90 % were not evaluated: time and memory.

    python -m benchmarks.recommend_scale [--quick] [--out FILE] [--tasks 10000] [--configurations 2000]
        [--missing 0.9]

The losses are made up (a low-rank matrix and noise, which 30 meta-features tell in part), because no published matrix
is that large: these are figures of speed, not of quality. One process, one thread. Times of an answer are medians of 20
tasks after the first one, which is shown apart.
"""

import resource
import time

import numpy as np

from benchmarks.common import arguments, keep
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.records import Configuration, Task, Trial
from metalearn.core.registry import create
from metalearn.evaluation.report import table

N_FEATURES, RANK, N_ASKED, N_TRIED = 30, 8, 20, 20


def main() -> None:
    """Make the matrix, fit, ask, and write the table."""
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--configurations", type=int, default=2_000)
    parser.add_argument("--missing", type=float, default=0.9)
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.configurations = options.tasks // 10, options.configurations // 4
    rng = np.random.default_rng(0)
    past, new, losses = made_up(options.tasks, options.configurations, options.missing, rng)
    begin = time.perf_counter()
    fitted = create("recommender", "auto").meta_fit(past, rng=rng)
    fitting = time.perf_counter() - begin
    rows = {"meta_fit": fitting}
    zero_shot, sequential = [], []
    for task, row in zip(new, losses, strict=True):
        begin = time.perf_counter()
        answer = fitted.recommend(task, 10)
        zero_shot.append(time.perf_counter() - begin)
        loss = dict(zip((c.id for c in past.configurations), row.tolist(), strict=True))
        history = [Trial(r.configuration, loss=loss[r.configuration.id], status="ok") for r in answer]
        while len(history) < N_TRIED:
            begin = time.perf_counter()
            following = fitted.recommend(task, 1, history=history)[0].configuration
            sequential.append(time.perf_counter() - begin)
            history.append(Trial(following, loss=loss[following.id], status="ok"))
    rows |= {"first list of 10": zero_shot[0], "first sequential answer": sequential[0]}
    rows |= {
        "list of 10, zero-shot": float(np.median(zero_shot[1:])),
        f"sequential answer, 10 to {N_TRIED} tried": float(np.median(sequential[1:])),
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = f"{options.tasks} tasks x {options.configurations} configurations, {options.missing:.0%} missing"
    figures = table(("", "seconds"), [(name, f"{seconds:.3f}") for name, seconds in rows.items()])
    memory = f"Peak memory of the process: {peak:.1f} GB, the making of the matrix included."
    text = f"{size}, {N_FEATURES} meta-features\n\n{figures}\n\n{memory}"
    keep(options, text)
    print(text)


def made_up(
    n_tasks: int, n_configurations: int, missing: float, rng: np.random.Generator
) -> tuple[MetaDataset, list[Task], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """Return past tasks, new ones, and the losses of the latter (N_ASKED, C)."""
    scores = rng.normal(size=(n_tasks + N_ASKED, RANK))
    loadings = rng.normal(size=(n_configurations, RANK)) / np.sqrt(RANK)
    logits = scores @ loadings.T + 0.3 * rng.normal(size=(len(scores), n_configurations)) - 1
    losses = 1 / (1 + np.exp(-logits))
    features = scores @ rng.normal(size=(RANK, N_FEATURES)) + rng.normal(size=(len(scores), N_FEATURES))
    names = [f"f{i}" for i in range(N_FEATURES)]
    tasks = [
        Task(f"openml-dataset-{i}", f"openml-{i}", "classification", meta_features=dict(zip(names, row, strict=True)))
        for i, row in enumerate(features.tolist())
    ]
    pool = [Configuration("made-up", "svc", {"C": i + 0.5}) for i in range(n_configurations)]
    known = np.where(rng.random((n_tasks, n_configurations)) < missing, np.nan, losses[:n_tasks])
    past = MetaDataset.from_matrix(known, tasks[:n_tasks], pool, feature_names=names)
    place = {configuration.id: i for i, configuration in enumerate(pool)}
    return past, tasks[n_tasks:], losses[n_tasks:, [place[configuration.id] for configuration in past.configurations]]


if __name__ == "__main__":
    main()
