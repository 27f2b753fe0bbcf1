"""A gateway that waits between two attempts as long as it meant to, though its parent is back."""

from __future__ import annotations

import asyncio
from typing import Any

from gateway.cli import main
from gateway.northbound.uplink import Uplink


class Unheard(asyncio.Event):
    """What nothing sets."""

    def set(self) -> None:
        """Pass over an answered heartbeat: what must not be done."""


begin = Uplink.__init__


def deaf(self: Uplink, *arguments: Any, **names: Any) -> None:
    """Be made, and hear no answer."""
    begin(self, *arguments, **names)
    self._answers = Unheard()


Uplink.__init__ = deaf  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
