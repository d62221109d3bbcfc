"""What commands print and write."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from metalearn.cli.output import print_json, save_table, shown
from metalearn.errors import InputError

TABLE = pd.DataFrame({"x": [1.5, np.nan], "kind": ["größer", None]})


def test_what_is_not_finite_is_null_at_any_depth(capsys):
    print_json({"a": [1.0, math.nan, (math.inf, None)], "b": {"c": np.float64("-inf")}})
    assert json.loads(capsys.readouterr().out) == {"a": [1.0, None, [None, None]], "b": {"c": None}}


def test_nothing_is_a_dash():
    assert [shown(value) for value in (None, math.nan, math.inf, 0, "")] == ["-", "-", "-", "0", ""]


@pytest.mark.parametrize("name", ["t.parquet", "t.pq", "t.csv", "t.csv.gz"])
def test_a_table_is_written_as_its_name_ends(tmp_path, name):
    save_table(TABLE, tmp_path / name)
    read = (pd.read_csv if ".csv" in name else pd.read_parquet)(tmp_path / name)
    pd.testing.assert_frame_equal(read, TABLE)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
def test_a_table_that_cannot_be_written_is_told_with_the_reason(tmp_path, name):
    with pytest.raises(InputError, match=rf"nowhere/{name} cannot be written \(.*(directory|No such)"):
        save_table(TABLE, tmp_path / "nowhere" / name)
