"""What tiers show while a backlog drains through them: never an alarm that has ended."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

from tests.chain.partitions import TIERS, Tier
from tests.chain.tiers import SETTLE_S, Log, Town, has_all, settled


async def stood_again(folder: Path, *, cut: str, alarms: int = 200) -> list[str]:
    """Cut one link, let alarms end, rise and end behind it, heal; return what then stood where."""
    town = Town(folder, processes=False)
    gateway, log = town.gateways["gw1"], Log(lambda _: None)
    names = [f"gw1/T{number}/h" for number in range(alarms)]
    # Who hears of it while the link is cut, and who hears of it only then.
    beyond = TIERS.index(cut) + 1 if cut in TIERS else 0
    async with town.open():
        # Every other stands before the outage.
        for name in names[::2]:
            gateway.move(name, "raise")
        await settled(town, log)
        before = {name: _shown_to(town.tiers[name]) for name in TIERS[beyond:]}
        town.links[cut].cut()
        for cause in ("acknowledge", "clear", "raise", "acknowledge", "clear"):
            for name in names:
                gateway.move(name, cause)
        if beyond:
            await _reached(town, TIERS[beyond - 1])
            # What an attempt would tell it reads before it finds the link cut: one more has begun.
            stopped = town.links[cut].stopped
            await _until(lambda: town.links[cut].stopped >= stopped + 2)
        town.links[cut].heal()
        await settled(town, log)
        await _reached(town, TIERS[-1])
        return [
            f"{name}: {alarm} {state}"
            for name in TIERS[beyond:]
            for position, alarm, state in _feed(town.tiers[name])
            if position > before[name] and state != "NORM"
        ]


async def _reached(town: Town, name: str) -> None:
    await _until(lambda: has_all(town, name, passed_on=False))


async def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + SETTLE_S
    while not await asyncio.to_thread(true):
        assert time.monotonic() < until, "what was waited for did not come"
        await asyncio.sleep(0.05)


def _feed(tier: Tier) -> list[tuple[int, str, str]]:
    """What the screens of a tier were told of alarms: position, alarm, state."""
    database = tier.reader()
    rows = database.execute("SELECT position, body FROM feed WHERE kind = 'alarm'")
    database.close()
    told = [(position, json.loads(body)) for position, body in rows]
    return [(position, row["alarm"], row["state"]) for position, row in told]


def _shown_to(tier: Tier) -> int:
    """Return the last position of a tier's feed."""
    return max((position for position, _, _ in _feed(tier)), default=0)
