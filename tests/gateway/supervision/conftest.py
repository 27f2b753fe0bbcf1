"""One centre a test, on a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from tests.gateway.supervision.world import NOON_NS, Opener, World, opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON_NS)


@pytest.fixture
def open_world(tmp_path: Path, clock: ManualClock) -> Opener:
    """Opens a centre on this test's store; call it again to start the same store anew."""

    def start(**tables: Any) -> AbstractAsyncContextManager[World]:
        return opened(tmp_path / "centre", clock, **tables)

    return start


@pytest.fixture
async def world(open_world: Opener) -> AsyncIterator[World]:
    async with asyncio.timeout(60), open_world() as made:
        yield made
