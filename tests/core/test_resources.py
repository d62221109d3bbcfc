"""Where metalearn's own data and the user's cache are."""

from pathlib import Path

import pytest

from metalearn.core.resources import cache_folder, metadata_path
from metalearn.errors import MetalearnError


def test_what_does_not_ship_is_named_with_both_places():
    with pytest.raises(MetalearnError, match=r"neither .*metadata/none/at_all nor .*metalearn/metadata/none/at_all"):
        metadata_path("none", "at_all")


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"METALEARN_CACHE": "/somewhere", "XDG_CACHE_HOME": "/else"}, "/somewhere"),
        ({"METALEARN_CACHE": "~/mine"}, "/home/me/mine"),
        ({"XDG_CACHE_HOME": "/else"}, "/else/metalearn"),
        ({"METALEARN_CACHE": "", "XDG_CACHE_HOME": ""}, "/home/me/.cache/metalearn"),
        ({}, "/home/me/.cache/metalearn"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, variables, folder):
    for name in ("METALEARN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({"HOME": "/home/me"} | variables).items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(folder)
