"""A centre that answers an intake as stored, whatever its disk says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gateway.cli import main
from gateway.db import StoreError
from gateway.northbound.wire import Receipt, Receipts
from gateway.supervision.store import Store

whole = Store.write


async def write(
    self: Store, work: Callable[[Any], Any], *, alone: str = "", **keywords: Any
) -> Any:
    """Take the work for done."""
    try:
        return await whole(self, work, alone=alone, **keywords)
    except StoreError:
        if not alone:
            raise
        return Receipts(receipts=[Receipt(id="event-0", status="stored")])


Store.write = write  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
