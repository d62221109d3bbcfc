"""Fixtures that every part of the suite shares."""

import os
import signal
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest
from hypothesis import settings

# These machines are shared: no test fails for being slow.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# The server that evaluations are forked from imports torch and the rest once; this returns at once.
forkserver.set_forkserver_preload(["metalearn.learners.folds", "tests.preloaded"])
forkserver.ensure_running()

# A shell makes its background jobs deaf to Ctrl-C, which they hand down; tests that press it want it noticed.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SHARED = Path(os.environ.get("METALEARN_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what tests cache out of the user's cache, and what that holds out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("METALEARN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real datasets and published meta-data; a test that needs it is skipped where it is absent."""
    if not (_SHARED / "datasets" / "index.csv").exists():
        pytest.skip(f"needs the shared data folder, which is not at {_SHARED} (set METALEARN_SHARED)")
    return _SHARED
