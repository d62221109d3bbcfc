"""The dictionary of meta-features as a file."""

import sys

from metalearn.core.resources import metadata_path
from pipelines import meta_feature_dictionary


def test_what_it_writes_is_what_ships(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["meta_feature_dictionary", "--out", str(tmp_path / "meta_features.csv")])
    meta_feature_dictionary.main()
    assert (tmp_path / "meta_features.csv").read_bytes() == metadata_path("meta_features.csv").read_bytes()
