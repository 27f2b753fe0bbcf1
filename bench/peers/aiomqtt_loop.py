"""aiomqtt as its users write it: `async for`, counting."""

from __future__ import annotations

import asyncio

import aiomqtt

from bench.peers.tally import TOPICS, Tally, arguments


async def main() -> None:
    """Subscribe and count; the library acknowledges by itself."""
    asked = arguments()
    tally = Tally(asked.messages)
    async with aiomqtt.Client("127.0.0.1", asked.port) as client:
        await client.subscribe(TOPICS, asked.qos)
        tally.begin()
        async for _ in client.messages:
            tally.one()


if __name__ == "__main__":
    asyncio.run(main())
