"""A dataset is described in the words that a knowledge base has, whoever's they are."""

import numpy as np
import pytest
from sklearn.datasets import load_wine

from metalearn.core.records import Dataset
from metalearn.metafeatures.extract import Extractor
from metalearn.metafeatures.vocabularies import meta_features_like
from metalearn.sources.frames import make_dataset


@pytest.fixture(scope="module")
def wine() -> Dataset:
    return make_dataset(load_wine(as_frame=True).frame, "target", name="wine")


def like(known: tuple[str, ...], dataset: Dataset) -> dict[str, float]:
    return meta_features_like(known, dataset, rng=np.random.default_rng(0))


@pytest.mark.parametrize("known", [(), ("n_rows", "mean_mean"), ("no", "such", "names")])
def test_ours_are_the_default(wine: Dataset, known: tuple[str, ...]) -> None:
    assert tuple(like(known, wine)) == Extractor().names


def test_auto_sklearns_names(wine: Dataset) -> None:
    own = Extractor(["autosklearn"]).names
    found = like(own, wine)
    assert set(own) | set(Extractor(["simple"]).names) == set(found)
    assert found["NumberOfInstances"] == found["n_rows"] == 178
    assert found["LandmarkLDA"] > 0.9


def test_openmls_names_are_those_of_the_server(wine: Dataset) -> None:
    found = like(("AutoCorrelation", "MajorityClassSize", "NumberOfInstances"), wine)
    assert found["MajorityClassSize"] == 71
    assert not any(name.startswith("openml_") for name in found)
