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
        dataset = make_dataset(pd.DataFrame(columns).assign(target=target), "target", **options)
        extractor = Extractor(groups, summaries=summaries)
        values, _, status = extractor.extract(dataset, rng=np.random.default_rng(seed))
        return {n: v if s == "ok" else s for n, v, s in zip(extractor.names, values.tolist(), status, strict=True)}

    return described
