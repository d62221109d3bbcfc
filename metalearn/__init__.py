"""metalearn: a knowledge base that learns from past experiments, and a recommender that spends it on the next one.

Public names resolve when first used (PEP 562), so that ``import metalearn`` imports almost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metalearn import checks as checks
    from metalearn.api import describe, fetch_dataset, fetch_task, load_dataset, make_estimator, optimize, recommend
    from metalearn.core.meta_dataset import MetaDataset
    from metalearn.core.records import Configuration, Constraints, Dataset, Evidence, Recommendation, Task, Trial
    from metalearn.core.spaces import SearchSpace
    from metalearn.metafeatures.extract import Extractor
    from metalearn.optimizers.ask_tell import AskTell
    from metalearn.optimizers.minimize import minimize
    from metalearn.store import KnowledgeBase

__version__ = "0.1.0"
_HOMES = {
    "describe": "metalearn.api",
    "fetch_dataset": "metalearn.api",
    "fetch_task": "metalearn.api",
    "load_dataset": "metalearn.api",
    "make_estimator": "metalearn.api",
    "optimize": "metalearn.api",
    "recommend": "metalearn.api",
    "MetaDataset": "metalearn.core.meta_dataset",
    "Configuration": "metalearn.core.records",
    "Constraints": "metalearn.core.records",
    "Dataset": "metalearn.core.records",
    "Evidence": "metalearn.core.records",
    "Recommendation": "metalearn.core.records",
    "Task": "metalearn.core.records",
    "Trial": "metalearn.core.records",
    "SearchSpace": "metalearn.core.spaces",
    "Extractor": "metalearn.metafeatures.extract",
    "AskTell": "metalearn.optimizers.ask_tell",
    "minimize": "metalearn.optimizers.minimize",
    "KnowledgeBase": "metalearn.store",
}
__all__ = [
    "AskTell",
    "Configuration",
    "Constraints",
    "Dataset",
    "Evidence",
    "Extractor",
    "KnowledgeBase",
    "MetaDataset",
    "Recommendation",
    "SearchSpace",
    "Task",
    "Trial",
    "describe",
    "fetch_dataset",
    "fetch_task",
    "load_dataset",
    "make_estimator",
    "minimize",
    "optimize",
    "recommend",
]


def __getattr__(name: str) -> Any:
    if name == "checks":
        return import_module("metalearn.checks")
    if name not in _HOMES:
        raise AttributeError(f"module 'metalearn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "checks"})
