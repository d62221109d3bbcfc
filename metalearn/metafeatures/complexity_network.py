"""The network that joins near rows of one class: its density, clustering and hubs.

Definitions of Lorena et al., "How complex is your classification problem?" (ACM Computing Surveys 52, 2019), section
3.4. As in their package ECoL and in pymfe, the nearest 15 % of the rows are joined, then edges between classes cut.
"""

import numpy as np

from metalearn.metafeatures.complexity_neighbourhood import ON_SAMPLE, neighbourhood_of
from metalearn.metafeatures.measures import Measure, require
from metalearn.metafeatures.table import Floats, Table

_NEAREST = 0.15
_PRECISION = 1e-12


def networks_of(table: Table) -> list[Floats]:
    """Return the network's adjacency matrix (s_k, s_k), 1 where joined, for the rows of each class; a node to share."""
    near = table.shared(neighbourhood_of)
    n = len(near.classes)
    k = max(round(_NEAREST * n), 1)
    # The row itself is the first of the k + 1 that are nearest to it.
    radius = np.partition(near.distances, min(k, n - 1), axis=1)[:, min(k, n - 1)]
    networks = []
    for rows in near.by_class:
        distances = near.distances[rows, rows]
        joined = distances <= np.maximum(radius[rows, None], radius[rows])
        np.fill_diagonal(joined, val=False)
        networks.append(joined.astype(np.float64))
    return networks


def _density(table: Table) -> float:
    networks = table.shared(networks_of)
    n = sum(len(network) for network in networks)
    return 1 - float(sum(network.sum() for network in networks)) / (n * (n - 1))


def _cls_coef(table: Table) -> float:
    closed = paths = 0.0
    for network in table.shared(networks_of):
        table.deadline.check()
        exact = network.astype(np.float32)  # of whole numbers this small
        # The network is its own transpose; of a product with the transpose BLAS computes one half.
        closed += float(np.einsum("ij,ij->i", exact @ exact.T, exact).sum(dtype=np.float64))
        degrees = network.sum(axis=1)
        paths += float((degrees * (degrees - 1)).sum())
    return 1 - closed / paths if paths else 1.0


def _hubs(table: Table) -> Floats:
    networks = table.shared(networks_of)
    bounds = [float(network.sum(axis=1).max()) for network in networks]
    largest, scores = 0.0, np.zeros(0)
    # The leading eigenvector of the whole network is that of the class with the largest eigenvalue, 0 elsewhere.
    for k in np.argsort(bounds, kind="stable")[::-1]:
        table.deadline.check()
        if bounds[k] > largest:
            value, vector = _leading(networks[k])
            if value > largest:
                largest, scores = value, vector / vector.max()
    require(largest > 0, "undefined")
    n = sum(len(network) for network in networks)
    return 1 - np.concatenate([scores, np.zeros(n - len(scores))])


def _leading(network: Floats) -> tuple[float, Floats]:
    """Return the largest eigenvalue of a network and its eigenvector (s_k,), the one nearest to all ones."""
    from scipy.sparse.linalg import eigsh

    start = np.ones(len(network))
    if len(network) < 3 or not network.any():
        return float(network.sum(axis=1).max()), start
    values, vectors = eigsh(network, k=1, which="LA", v0=start, tol=_PRECISION, rng=np.random.default_rng(0))
    return float(values[0]), np.abs(vectors[:, 0])


_LORENA = "Lorena et al. 2019"
_NETWORK = (
    f"the network that joins each row to the nearest {_NEAREST:.0%} of all rows (and to those equally near), as far as "
    f"they are of its class; {ON_SAMPLE}"
)

NETWORK = (
    Measure(
        "complexity_density",
        _density,
        f"1 - edges / pairs of rows, of {_NETWORK}",
        "[0, 1]",
        source=_LORENA,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_cls_coef",
        _cls_coef,
        f"ClsCoef: 1 - share of paths of two edges that a third one closes (1 without paths), of {_NETWORK}",
        "[0, 1]",
        source=_LORENA,
        needs_target=True,
        cost="sample",
    ),
    Measure(
        "complexity_hubs",
        _hubs,
        "Hubs: 1 - entry of the leading eigenvector of the adjacency matrix (largest entry 1), of " + _NETWORK,
        "[0, 1]",
        source=_LORENA,
        over="rows",
        needs_target=True,
        cost="sample",
    ),
)
