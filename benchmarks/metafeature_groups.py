"""How much each group of meta-features adds to a recommender, and which of its meta-features weigh most.

    python -m benchmarks.metafeature_groups [--quick] [--out FILE] [--kb metadata/knowledge_base]

On OBOE's matrix with published meta-features and on the bundled knowledge base with our own: all groups, none, each
group alone, all but one. ``knn`` leaves out one family at a time; ``lambdamart``, whose training takes seconds, a tenth
of the families. Mean normalized regret in % over the tasks with meta-features, and the paired difference to all groups
with its 95 % bootstrap interval over families: above 0, all groups are better. ``--quick``: ``knn`` alone, in tenths.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import arguments, cell, keep
from benchmarks.recommend import load
from metalearn.core.meta_dataset import MetaDataset
from metalearn.core.registry import create
from metalearn.evaluation.replay import replay, tables
from metalearn.evaluation.report import table
from metalearn.metafeatures.extract import dictionary
from metalearn.recommenders.knn import FittedNearestTasks, NearestTasks
from metalearn.store import KnowledgeBase

KS = (1, 3, 5, 10)
N_FOLDS = 10
N_SHOWN = 3
# How the names of the published meta-features of each group begin, the first that fits.
PUBLISHED = {
    "missing values": ("PercentageOf", "NumberOfMissing", "NumberOfFeaturesWith", "NumberOfInstancesWith"),
    "classes": ("Class", "NumberOfClasses"),
    "simple": ("NumberOf", "Log", "DatasetRatio", "InverseDatasetRatio", "Ratio"),
    "skewness and kurtosis": ("Skewness", "Kurtosis"),
    "symbols": ("Symbols",),
    "principal components": ("PCA",),
    "landmarkers": ("Landmark",),
}
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
# Names of the meta-features of each group.
Groups = Mapping[str, Sequence[str]]


def main() -> None:
    """Run all variants and write the tables."""
    parser = arguments(__doc__)
    parser.add_argument("--kb", type=Path, default=Path("metadata/knowledge_base"))
    options = parser.parse_args()
    oboe = load(options.shared)
    with KnowledgeBase.open(options.kb) as kb:
        bundled = kb.meta_dataset()
    cases = {
        "OBOE's matrix, published meta-features": (oboe, published_groups(oboe.feature_names)),
        "The bundled knowledge base, our meta-features": (bundled, own_groups(bundled.feature_names)),
    }
    parts = []
    for title, (past, groups) in cases.items():
        for method in ("knn",) if options.quick else ("knn", "lambdamart"):
            in_tenths = options.quick or method == "lambdamart"
            parts.append(ablation(f"{title}: {method}", method, past, groups, in_tenths=in_tenths))
        parts.append(most_useful(title, past, groups))
    keep(options, "\n\n".join(parts))
    print("\n\n".join(parts))


def published_groups(names: Sequence[str]) -> Groups:
    """Return the published meta-features by group."""
    groups: dict[str, list[str]] = {group: [] for group in PUBLISHED}
    for name in names:
        groups[next(group for group, starts in PUBLISHED.items() if name.startswith(starts))].append(name)
    return groups


def own_groups(names: Sequence[str]) -> Groups:
    """Return our meta-features by group, as the dictionary has them."""
    group_of = {entry["name"]: entry["group"] for entry in dictionary()}
    groups: dict[str, list[str]] = {group_of[name]: [] for name in names}
    for name in names:
        groups[group_of[name]].append(name)
    return groups


def ablation(title: str, method: str, past: MetaDataset, groups: Groups, *, in_tenths: bool) -> str:
    """Return the table of a method's regrets with some of the groups."""
    described = past.described
    tested = described & ~np.array([of_task.is_constant for of_task in tables(past)])
    families = [task.family for task, keep in zip(past.tasks, tested, strict=True) if keep]
    of = "tenths of the families" if in_tenths else "one family at a time"
    lead = f"## {title}\n\n{tested.sum()} tasks of {len(set(families))} families; {of} left out."
    rows = []
    everything: Floats | None = None
    for variant, names in variants(groups):
        print(f"{title}: {variant}", file=sys.stderr, flush=True)
        found = regrets(method, only(past, names), in_tenths=in_tenths)[tested]
        everything = found if everything is None else everything
        rows.append((f"{variant} ({len(names)})", *(_cell(found, everything, k - 1, families) for k in KS)))
    return f"{lead}\n\n{table(('meta-features', *(f'k = {k}' for k in KS)), rows)}"


def variants(groups: Groups) -> Iterator[tuple[str, list[str]]]:
    """Yield a title and the names of the meta-features: first all."""
    yield "all", [name for names in groups.values() for name in names]
    yield "none", []
    for group, names in groups.items():
        yield f"only {group}", list(names)
    for group in groups:
        yield f"without {group}", [name for other, names in groups.items() if other != group for name in names]


def only(past: MetaDataset, names: Sequence[str]) -> MetaDataset:
    """Return the meta-dataset with some of its meta-features."""
    kept = np.isin(past.feature_names, list(names))
    kept_names = tuple(name for name, keep in zip(past.feature_names, kept, strict=True) if keep)
    return replace(past, meta_features=past.meta_features[:, kept], feature_names=kept_names)


def regrets(method: str, past: MetaDataset, *, in_tenths: bool) -> Floats:
    """Return the normalized regrets (T, max k) of tasks whose family was not learned from."""
    rows = tables(past)
    found = np.full((len(rows), max(KS)), np.nan)
    for left_out in folds(past, in_tenths=in_tenths):
        fitted = create("recommender", method).meta_fit(past.select(~left_out), rng=np.random.default_rng(0))
        for t in np.flatnonzero(left_out):
            if not rows[t].is_constant:
                found[t] = replay(fitted, rows[t], max(KS), "zero_shot")
    return found


def folds(past: MetaDataset, *, in_tenths: bool) -> Iterator[Mask]:
    """Yield which tasks (T,) are left out: those of a family, or of a tenth of the families."""
    names, family = np.unique([task.family for task in past.tasks], return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(names)) % (N_FOLDS if in_tenths else len(names))
    for number in range(fold.max() + 1):
        yield np.asarray(fold[family] == number)


def most_useful(title: str, past: MetaDataset, groups: Groups) -> str:
    """Return the table of the meta-features that weigh most in a distance, the mean over tenths left out."""
    weights = np.mean([learned_weights(past.select(~left_out)) for left_out in folds(past, in_tenths=True)], axis=0)
    weight = dict(zip(past.feature_names, weights.tolist(), strict=True))
    lead = (
        f"## {title}: the most useful of each group\n\n"
        "Learned weights (`metalearn.core.relevance`) as multiples of the mean weight."
    )
    rows = []
    for group, names in groups.items():
        best = sorted(names, key=lambda name: -weight[name])[:N_SHOWN]
        listed = ", ".join(f"{name} ({weight[name] * len(weights):.1f})" for name in best)
        rows.append((group, len(names), f"{100 * sum(weight[n] for n in names):.0f} %", listed))
    return f"{lead}\n\n{table(('group', 'meta-features', 'share of the weight', 'most useful'), rows)}"


def learned_weights(training: MetaDataset) -> Floats:
    """Return the weights (F,) that ``knn`` learns."""
    fitted = NearestTasks().meta_fit(training, rng=np.random.default_rng(0))
    assert isinstance(fitted, FittedNearestTasks)
    return fitted.relevance


def _cell(found: Floats, everything: Floats, column: int, families: Sequence[str]) -> str:
    mean = f"{100 * found[:, column].mean():.2f}"
    if found is everything:
        return mean
    return f"{mean} ({cell(found[:, column] - everything[:, column], families, signed=True)})"


if __name__ == "__main__":
    main()
