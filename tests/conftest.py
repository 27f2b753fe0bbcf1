from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# A shared machine may stall any one example; the suite's own time limit is what counts.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

#: Rooms whose tests watch real servers, processes and the clock: on two processors one of them at
#: a time is measured fairly. The others reckon, and run beside them.
WATCHING = {
    "browser",
    "chain",
    "deploy",
    "faults",
    "bench",
    "gateway/roles",
    "gateway/southbound",
    "gateway/northbound",
}
#: Within those, what only reckons.
RECKONING = {"bench/detection", "gateway/southbound/decoding"}
SERVERS = {"broker", "browser", "series"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    root = Path(__file__).parent
    for item in items:
        path = item.path.relative_to(root)
        rooms = {str(parent) for parent in path.parents}
        marks = {mark.name for mark in item.iter_markers()}
        watches = marks & SERVERS or (rooms & WATCHING and not rooms & RECKONING)
        item.add_marker(pytest.mark.xdist_group("watching" if watches else str(path)))
