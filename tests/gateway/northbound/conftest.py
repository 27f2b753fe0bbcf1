"""A gateway and its parents; attempts follow each other fast, so that tests do too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.northbound import downlink, uplink
from tests.gateway.northbound.site import Gateway, Parent, serving
from tests.gateway.supervision.world import NOON_NS, World, opened

OpenCentre = Callable[[], AbstractAsyncContextManager[World]]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(uplink, "RETRY_LAST_S", 0.1)
    monkeypatch.setattr(downlink, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(downlink, "RETRY_LAST_S", 0.1)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    made = Gateway(tmp_path / "store.db", destinations=("parent", "screen"))
    yield made
    made.database.close()


@pytest.fixture
async def parent() -> AsyncIterator[Parent]:
    async with serving(Parent()) as made:
        yield made


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A real centre."""
    async with opened(tmp_path / "centre", ManualClock(NOON_NS)) as made:
        yield made
