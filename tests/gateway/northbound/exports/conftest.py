"""An outbox with one export; attempts follow each other fast, so that tests do too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.northbound.exports import courier
from tests.gateway.northbound.exports.receiving import Address, Node
from tests.gateway.northbound.site import serving


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "RETRY_FIRST_S", 0.02)
    monkeypatch.setattr(courier, "RETRY_LAST_S", 0.1)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "store.db")
    yield made
    made.database.close()


@pytest.fixture
async def address() -> AsyncIterator[Address]:
    async with serving(Address()) as made:  # type: ignore[type-var]
        yield made
