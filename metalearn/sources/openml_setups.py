"""OpenML's flows and setups as algorithms and configurations, each asked for once, ever.

What is fetched goes into the knowledge base's tables ``flows`` and ``setups``, and is taken from there the next time.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from metalearn.core.algorithms import algorithm_names, canonical_algorithm
from metalearn.core.protocols import Ingested
from metalearn.core.records import Configuration
from metalearn.errors import AbsentError, ConfigurationError
from metalearn.sources import openml_entities as entities
from metalearn.sources.openml_entities import OpenMLFlow
from metalearn.sources.openml_http import OpenMLServer
from metalearn.sources.openml_tables import SOURCE

# How OpenML's scikit-learn extension writes a part of a pipeline where a value should stand.
_COMPONENT = ('"oml-python:serialized_object"', '"component_reference"')
# Configurations kept in memory, some 1 kB each; beyond, they are read from the knowledge base again.
_KEPT = 100_000


class Setups:
    """The configurations of setups, from memory, from what is stored, or from the server, in this order.

    ``space`` is the vocabulary of all configurations; None: ``sklearn`` for scikit-learn's flows and known algorithms,
    else the flow's name.
    """

    def __init__(self, server: OpenMLServer, stored: Ingested, space: str | None) -> None:
        self._server, self._stored, self._space = server, stored, space
        # Text says why there is no configuration.
        self._configurations: dict[int, Configuration | str] = {}
        self._flows: dict[int, OpenMLFlow | str] = {}

    def configurations(self, flow_of: Mapping[int, int]) -> tuple[dict[int, Configuration | str], dict[str, pa.Table]]:
        """Return a configuration, or why there is none, for each setup, given with its flow; and new rows to store."""
        if len(self._configurations) > _KEPT:
            self._configurations.clear()
        new = [setup for setup in flow_of if setup not in self._configurations]
        flow_rows = self._learn_flows(sorted({flow_of[setup] for setup in new}))
        hyperparameters, setup_rows = self._hyperparameters(new)
        for setup in new:
            self._configurations[setup] = self._configuration(setup, flow_of[setup], hyperparameters.get(setup))
        tables = {
            name: pa.Table.from_pylist(rows) for name, rows in (("flows", flow_rows), ("setups", setup_rows)) if rows
        }
        return {setup: self._configurations[setup] for setup in flow_of}, tables

    def _learn_flows(self, flow_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Learn flows, and return new ones as rows of the table ``flows``."""
        new = [flow for flow in flow_ids if flow not in self._flows]
        self._flows |= {id_: OpenMLFlow(*row) for id_, row in self._stored.flows(new).items()}
        asked = [flow for flow in new if flow not in self._flows]
        rows = []
        for id_, flow in zip(asked, self._server.map(self._flow, asked), strict=True):
            self._flows[id_] = flow
            if isinstance(flow, OpenMLFlow):
                rows.append({"source": SOURCE, "id": id_, **vars(flow), "algorithm": vocabulary(flow)[1]})
        return rows

    def _flow(self, flow_id: int) -> OpenMLFlow | str:
        try:
            return entities.flow(self._server, flow_id)
        except AbsentError as error:
            return str(error)

    def _hyperparameters(self, setup_ids: Sequence[int]) -> tuple[dict[int, Mapping[str, str]], list[dict[str, Any]]]:
        """Return setups' hyperparameters, as the server's text, and new ones as rows of the table ``setups``."""
        found: dict[int, Mapping[str, str]] = {
            id_: json.loads(text) for id_, text in self._stored.setups(setup_ids).items()
        }
        asked = [setup for setup in setup_ids if setup not in found]
        rows = []
        for fetched in self._server.map(lambda chunk: entities.setups(self._server, chunk), entities.chunks(asked)):
            for id_, setup in fetched.items():
                found[id_] = setup.hyperparameters
                if _readable(setup.hyperparameters):  # what is broken may be mended: it is asked for again
                    text = json.dumps(dict(setup.hyperparameters), sort_keys=True)
                    row = {"source": SOURCE, "id": id_, "flow_id": setup.flow_id, "hyperparameters": text}
                    rows.append(row)
        return found, rows

    def _configuration(self, setup: int, flow_id: int, texts: Mapping[str, str] | None) -> Configuration | str:
        flow = self._flows[flow_id]
        if isinstance(flow, str):
            return flow
        if texts is None:
            return f"the server does not know setup {setup}"
        space, algorithm = vocabulary(flow)
        try:
            return Configuration(self._space or space, algorithm, decoded(texts))
        except ConfigurationError as error:
            return f"setup {setup} cannot be read: {error}"


def vocabulary(flow: OpenMLFlow) -> tuple[str, str]:
    """Return the space and the canonical algorithm of a flow; one that metalearn does not know keeps its name.

    >>> vocabulary(OpenMLFlow("sklearn.svm.classes.SVC", "", "1", "")), vocabulary(OpenMLFlow("weka.J48", "", "1", ""))
    (('sklearn', 'svc'), ('weka.J48', 'weka.J48'))
    """
    named = (canonical_algorithm(name) for name in (flow.class_name, flow.name))
    algorithm = next((name for name in named if name in algorithm_names()), flow.name)
    ours = algorithm != flow.name or flow.name.startswith("sklearn.")
    return "sklearn" if ours else flow.name, algorithm


def decoded(texts: Mapping[str, str]) -> dict[str, Any]:
    """Decode a setup's JSON values, without the components of a pipeline: its flow names these.

    Raises:
        ConfigurationError: for a value that is no JSON.

    >>> decoded({"C": "1.0", "kernel": '"rbf"', "gamma": "null"})
    {'C': 1.0, 'kernel': 'rbf', 'gamma': None}
    """
    values = {}
    for name, text in texts.items():
        try:
            value = json.loads(text)
        except ValueError:
            raise ConfigurationError(f"the value of {name} is no JSON, {text!r}") from None
        if not all(mark in text for mark in _COMPONENT):
            values[name] = value
    return values


def _readable(texts: Mapping[str, str]) -> bool:
    try:
        decoded(texts)
    except ConfigurationError:
        return False
    return True
