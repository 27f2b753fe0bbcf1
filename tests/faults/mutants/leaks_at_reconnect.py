"""An edge that keeps something of every connection to its parent."""

from __future__ import annotations

import os
from typing import Any, Final

from gateway.cli import main
from gateway.northbound.sending import Sending

KEPT: Final[list[object]] = []
whole = Sending.whole


async def remembered(self: Sending, *arguments: Any) -> None:
    """Keep a descriptor and a mebibyte."""
    KEPT.append((os.open(os.devnull, os.O_RDONLY), b"x" * 1024 * 1024))
    await whole(self, *arguments)


Sending.whole = remembered  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
