"""An outbox with one export; attempts follow each other fast, so that tests do too."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import xmlschema

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


@pytest.fixture(scope="session")
def schema() -> Any:
    """CAP 1.2 as its XML Schema has it."""
    folder = os.environ.get("HAZGATE_SCHEMAS")
    if not folder:
        pytest.skip("HAZGATE_SCHEMAS names no folder with cap12.xsd")
    return xmlschema.XMLSchema(str(Path(folder) / "cap12.xsd"))
