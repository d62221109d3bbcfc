"""What the tests of meta-features share."""

import numpy as np
import pandas as pd
import pytest

from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.measures import SUMMARIES
from metalearn.sources.frames import make_dataset


@pytest.fixture(scope="session")
def describe():
    """Return a function from columns and a target to each meta-feature's value, or its status where it has none."""

    def described(columns, target, groups=None, *, seed=0, summaries=SUMMARIES, **options):
        dataset = make_dataset(pd.DataFrame(columns).assign(target=target), "target", **{"lenient": True, **options})
        extractor = Extractor(groups, summaries=summaries)
        values, _, status = extractor.extract(dataset, rng=np.random.default_rng(seed))
        return {n: v if s == "ok" else s for n, v, s in zip(extractor.names, values.tolist(), status, strict=True)}

    return described


@pytest.fixture
def regression(describe, request):
    """Return a function from columns and a numeric target to the values of the test module's complexity measures."""

    def described(columns, target, **options):
        values = describe(columns, target, request.module.GROUPS, lenient=True, task_type="regression", **options)
        return {name.removeprefix("complexity_regression_"): value for name, value in values.items()}

    return described


@pytest.fixture(scope="session")
def curve():
    """Return 80 rows of three numbers and a target that is a noisy curve in two of them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    return X, X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.2 * rng.normal(size=80)
