"""Conformance checks: what every method of a kind must do, as plain functions that anyone can run on their own."""

from metalearn.checks.optimizers import optimizer_checks, planted_space
from metalearn.checks.recommenders import planted_meta_dataset, planted_task, recommender_checks

__all__ = ["optimizer_checks", "planted_meta_dataset", "planted_space", "planted_task", "recommender_checks"]
