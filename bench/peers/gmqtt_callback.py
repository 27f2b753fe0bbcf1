"""gmqtt as its users write it: a callback that counts."""

from __future__ import annotations

import asyncio
from typing import Any

import gmqtt  # type: ignore[import-not-found]  # it lives in its own environment alone

from bench.peers.tally import TOPICS, Tally, arguments


async def main() -> None:
    """Subscribe and count; the library acknowledges by itself, before the callback."""
    asked = arguments()
    tally = Tally(asked.messages)
    client = gmqtt.Client("gmqtt")

    def on_subscribe(*_: Any) -> None:
        tally.begin()

    def on_message(*_: Any) -> int:
        tally.one()
        return 0

    client.on_subscribe = on_subscribe
    client.on_message = on_message
    await client.connect("127.0.0.1", asked.port)
    client.subscribe(TOPICS, asked.qos)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
