"""What processes forked from the tests' fork server would import otherwise, one after the other."""

import httpx  # noqa: F401
import openml  # noqa: F401

import metalearn.sources.openml
import metalearn.store.knowledge_base  # noqa: F401
