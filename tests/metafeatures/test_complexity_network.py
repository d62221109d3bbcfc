"""Density, clustering and hubs of the network of near rows: by hand, and against linear algebra."""

import numpy as np
import pandas as pd
import pytest

from metalearn.metafeatures.complexity_network import NETWORK, networks_of
from metalearn.metafeatures.measures import Group
from metalearn.metafeatures.table import Table
from metalearn.sources.frames import make_dataset

GROUPS = [Group("network", NETWORK)]


@pytest.fixture
def network(describe):
    def described(columns, target):
        values = describe(columns, target, GROUPS, lenient=True)
        return {name.removeprefix("complexity_"): value for name, value in values.items()}

    return described


def test_a_line_by_hand(network):
    # Of 10 rows the nearest 2 (15 %, rounded to even) are joined, and those equally near.
    a = [0, 1, 3, 7, 15, 40, 41, 42, 43, 44]
    values = network({"a": a}, ["u"] * 5 + ["v"] * 5)
    # 0: 1, 3; 1: 0, 3; 3: 1, 0; 7: 3, 1; 15: 7, 3; 40: 41, 42; and so on: inner ones have two neighbours at 1.
    edges = {(0, 1), (0, 3), (1, 3), (3, 7), (1, 7), (7, 15), (3, 15)}
    edges |= {(40, 41), (40, 42), (41, 42), (42, 43), (43, 44), (42, 44)}
    assert values["density"] == pytest.approx(1 - len(edges) / 45)
    adjacency = np.array([[(min(x, y), max(x, y)) in edges for x in a] for y in a], dtype=float)
    degrees = adjacency.sum(axis=0)
    closed = np.trace(np.linalg.matrix_power(adjacency, 3)) / (degrees * (degrees - 1)).sum()
    assert values["cls_coef"] == pytest.approx(1 - closed)
    vectors = np.linalg.eigh(adjacency)[1]
    leading = np.abs(vectors[:, -1]) / np.abs(vectors[:, -1]).max()
    assert values["hubs_mean"] == pytest.approx(1 - leading.mean())
    assert (values["hubs_min"], values["hubs_max"]) == pytest.approx((0, 1))


def test_near_rows_of_other_classes_use_up_the_neighbours(network):
    x = np.arange(20) // 2  # each row has one of the other class in its place
    values = network({"a": x + 0.01 * (np.arange(20) % 2)}, list("uv") * 10)
    together = network({"a": np.concatenate([np.arange(10), 100 + np.arange(10)])}, list("u" * 10 + "v" * 10))
    assert values["density"] > together["density"]


def test_no_edge_no_hub(network):
    values = network({"a": [0.0, 1, 2, 3]}, list("uvwx"))
    assert values == {"density": 1.0, "cls_coef": 1.0} | dict.fromkeys(
        [name for name in values if name.startswith("hubs")], "undefined"
    )


def test_equal_rows_are_all_joined(network):
    values = network({"a": [1.0] * 6 + [2.0] * 4}, list("uuuuuuvvvv"))
    assert values["density"] == pytest.approx(1 - (15 + 6) / 45)
    assert values["cls_coef"] == 0.0
    assert values["hubs_mean"] == pytest.approx(0.4)  # all of the larger class, none of the other


def test_networks_join_both_ways_and_no_row_with_itself():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(rng.normal(size=(60, 3))).assign(target=list("uvw") * 20)
    networks = Table.of(make_dataset(frame, "target")).shared(networks_of)
    assert [matrix.shape for matrix in networks] == [(20, 20)] * 3
    for matrix in networks:
        assert np.array_equal(matrix, matrix.T)
        assert not matrix.diagonal().any()
