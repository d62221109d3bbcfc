"""What the tests of sources share: emulators of an OpenML server."""

import pytest

from tests.sources.openml_world import emulator_module


@pytest.fixture
def serve(shared, monkeypatch):
    """Start emulators, which end with the test."""
    monkeypatch.setenv("no_proxy", "*")
    running = []

    def start(world, faults="", **options):
        running.append(emulator_module(shared).Emulator(world, faults, **options).__enter__())
        return running[-1]

    yield start
    for emulator in running:
        emulator.__exit__()
