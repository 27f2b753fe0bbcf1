"""Partitions between four tiers, healed in any order: python -m tests.chain.tiers --partitions 30.

With `--processes` each tier is a `hazgate centre` process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from gateway import lifeline
from gateway.db import Database, StoreError
from gateway.journal import verify
from gateway.northbound import outbox, uplink
from gateway.northbound.settings import ParentSettings
from gateway.roles.upward import PARENT
from gateway.simulation.broker import free_port
from tests.chain.partitions import MOVES, TIERS, Gateway, Link, Opened, Tier, centre_text

GATEWAYS = ("gw1", "gw2", "gw3")
#: One gateway stands under the township itself.
DIRECT = "gw3"
ALARMS = 4
SETTLE_S = 120.0


@dataclass
class Outcome:
    """What a run found."""

    partitions: int = 0
    restarts: int = 0
    lives: int = 0
    events: int = 0
    #: How long after the last link was whole each tier had everything; those that had it.
    agreed_s: dict[str, float] = field(default_factory=dict)
    events_per_s: float = 0.0
    missing: int = 0
    doubled: int = 0
    altered: int = 0
    differing: int = 0
    regressed: int = 0
    dead: int = 0
    forks: int = 0
    journal_problems: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether every tier holds the same, once, and byte for byte."""
        wrong = (
            self.missing, self.doubled, self.altered, self.differing, self.regressed, self.dead,
            self.forks,
        )  # fmt: skip
        return not any(wrong) and not self.journal_problems


class Town:
    """Every node and every wire between two of them."""

    def __init__(self, folder: Path, *, processes: bool) -> None:
        ports = {name: free_port() for name in TIERS}
        self.links: dict[str, Link] = {}
        self.tiers: dict[str, Tier] = {}
        self.gateways: dict[str, Gateway] = {}
        below = ""
        for name, above in zip(TIERS, (*TIERS[1:], ""), strict=True):
            parent = self._link(name, ports[above]).url if above else ""
            nodes = [gw for gw in GATEWAYS if parent_of(gw) == name]
            text = centre_text(
                name,
                folder,
                port=ports[name],
                nodes=nodes,
                centres=[below] if below else [],
                parent=parent,
                code=folder / above / f"pairing-{name}.code",
            )
            self.tiers[name] = Tier(name, folder, text, process=processes)
            below = name
        for gw in GATEWAYS:
            above = parent_of(gw)
            settings = ParentSettings(
                url=self._link(gw, ports[above]).url,
                code_file=str(folder / above / f"pairing-{gw}.code"),
            )
            self.gateways[gw] = Gateway(gw, folder / gw, settings)
        self.opened = {
            name: Opened(each) for name, each in (*self.tiers.items(), *self.gateways.items())
        }

    def _link(self, name: str, target: int) -> Link:
        self.links[name] = Link(name, free_port(), target)
        return self.links[name]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for link in self.links.values():
                await stack.enter_async_context(link.open())
            for name in (*reversed(TIERS), *GATEWAYS):
                await self.opened[name].start()
                stack.push_async_callback(self.opened[name].stop)
            yield


def parent_of(gateway: str) -> str:
    return "township" if gateway == DIRECT else "enterprise"


def mirrored(tier: Tier) -> dict[str, tuple[str, int, str]]:
    """Where each alarm stands at a tier: life, revision, state."""
    try:
        database = tier.reader()
    except StoreError:
        return {}
    try:
        rows = database.execute("SELECT alarm, life, revision, state, standing FROM mirror")
        return {row[0]: (row[1], row[2], row[3]) for row in rows if row[4]}
    except StoreError:
        return {}
    finally:
        database.close()


def below(town: Town, tier: str) -> list[Gateway]:
    """The gateways of which a tier hears."""
    return [
        gateway
        for gateway in town.gateways.values()
        if TIERS.index(parent_of(gateway.node)) <= TIERS.index(tier)
    ]


def true_state(town: Town, tier: str) -> dict[str, tuple[str, int, str]]:
    """Where each alarm that is not normal stands at the gateways below a tier."""
    return {
        alarm: (gateway.chain.identity.life, revision, state)
        for gateway in below(town, tier)
        for alarm, (_, revision, state, _) in gateway.alarms.items()
        if state != "NORM"
    }


class Log:
    """Says who reached what, and when."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._begin = time.monotonic()

    def __call__(self, text: str) -> None:
        self._say(f"{time.monotonic() - self._begin:8.2f} s  {text}")


async def run(
    folder: Path,
    *,
    partitions: int,
    seed: int,
    processes: bool = False,
    burst: int = 0,
    settle_s: float = SETTLE_S,
    say: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Cut, move alarms, restart, heal; then wait until every tier agrees, and compare everything.

    Parameters
    ----------
    burst
        Events of a last load through the whole chain, whose rate is measured.
    settle_s
        For how long tiers may take to agree.
    """
    chance, outcome, log = random.Random(seed), Outcome(), Log(say)
    town = Town(folder, processes=processes)
    all_settled = partial(settled, town, log, settle_s)
    async with town.open():
        await all_settled()
        for number in range(partitions):
            await _step(town, chance, outcome, log, number)
        for link in town.links.values():
            link.heal()
        log("every link is whole")
        outcome.agreed_s = await all_settled()
        if burst:
            begin = time.monotonic()
            for number in range(burst):
                gateway = town.gateways[GATEWAYS[number % len(GATEWAYS)]]
                _move(gateway, chance)
                if number % 100 == 0:
                    await asyncio.sleep(0)
            await all_settled()
            outcome.events_per_s = round(burst / (time.monotonic() - begin), 1)
        _compare(town, outcome)
    return outcome


async def _step(town: Town, chance: random.Random, outcome: Outcome, log: Log, number: int) -> None:
    """One partition: some links fall, alarms move, somebody may start anew, some links heal."""
    for name in chance.sample(sorted(town.links), chance.randint(1, 3)):
        town.links[name].cut()
    cut = [name for name, link in town.links.items() if not link.whole]
    log(f"partition {number + 1}: cut above {', '.join(cut)}")
    outcome.partitions += 1
    for _ in range(chance.randint(5, 25)):
        _move(town.gateways[chance.choice(GATEWAYS)], chance)
        await asyncio.sleep(chance.uniform(0, 0.01))
    if chance.random() < 0.4:
        name = chance.choice([*TIERS, *GATEWAYS])
        await town.opened[name].stop()
        gateway = town.gateways.get(name)
        if gateway is not None and chance.random() < 0.3:
            gateway.lose_store()
            outcome.lives += 1
        await town.opened[name].start()
        outcome.restarts += 1
        log(f"{name} was started anew")
    for name in chance.sample(cut, chance.randint(0, len(cut))):
        town.links[name].heal()
    await asyncio.sleep(chance.uniform(0, 0.3))


def _move(gateway: Gateway, chance: random.Random) -> None:
    while not gateway.move(
        f"{gateway.node}/T{chance.randrange(ALARMS)}/h", chance.choice(sorted(MOVES))
    ):
        pass


async def settled(town: Town, log: Log, settle_s: float = SETTLE_S) -> dict[str, float]:
    """Wait until every tier shows every alarm as its gateway has it, and nothing waits anywhere.

    Returns how long that took each tier, s, without those that never had it.
    """
    agreed: dict[str, float] = {}
    begin = time.monotonic()
    until = begin + settle_s
    while len(agreed) < len(TIERS) and time.monotonic() < until:
        for name in TIERS:
            if name in agreed:
                continue
            wanted = true_state(town, name)
            found = await asyncio.to_thread(mirrored, town.tiers[name])
            if found == wanted and await asyncio.to_thread(has_all, town, name):
                agreed[name] = round(time.monotonic() - begin, 2)
                log(f"{name} has reached {_shown(wanted)}")
        await asyncio.sleep(0.05)
    for name in sorted(set(TIERS) - agreed.keys()):
        log(f"{name} HAS NOT CONVERGED: {_shown(mirrored(town.tiers[name]))}")
    return agreed


def _shown(wanted: dict[str, tuple[str, int, str]]) -> str:
    rows = (
        f"{alarm} r{revision} {state}" for alarm, (_, revision, state) in sorted(wanted.items())
    )
    return ", ".join(rows) or "all normal"


def has_all(town: Town, name: str, *, passed_on: bool = True) -> bool:
    """Whether every event of every gateway's life is at a tier, and was passed on from there."""
    try:
        database = town.tiers[name].reader()
    except StoreError:  # it is just being started
        return False
    try:
        found = all(
            database.execute(
                "SELECT COUNT(*) FROM event WHERE node = ? AND life = ?",
                (gateway.node, gateway.chain.identity.life),
            )
            == [(gateway.chain.seq,)]
            for gateway in below(town, name)
        )
        return found and not (passed_on and outbox.waiting(database, PARENT))
    except StoreError:
        return False
    finally:
        database.close()


def _compare(town: Town, outcome: Outcome) -> None:
    for name, tier in town.tiers.items():
        wanted, found = true_state(town, name), mirrored(tier)
        for alarm in found.keys() | wanted.keys():
            if found.get(alarm) != wanted.get(alarm):
                outcome.differing += 1
                outcome.examples.append(f"{name}: {alarm}: {found.get(alarm)}")
        database = tier.reader()
        for gateway in below(town, name):
            journal = gateway.journal()
            rows = database.execute(
                "SELECT seq, entry FROM event WHERE node = ? AND life = ?",
                (gateway.node, gateway.chain.identity.life),
            )
            stored = {seq: bytes(entry) for seq, entry in rows}
            outcome.events += len(journal) if name == TIERS[-1] else 0
            outcome.doubled += len(rows) - len(stored)
            outcome.missing += len(journal.keys() - stored.keys())
            outcome.altered += sum(entry != journal.get(seq) for seq, entry in stored.items())
        outcome.regressed += _regressed(database, town)
        outcome.dead += database.execute("SELECT COUNT(*) FROM dead_letter")[0][0]
        outcome.forks += database.execute("SELECT COUNT(*) FROM node WHERE fork <> ''")[0][0]
        outcome.journal_problems += [f"{name}: {each}" for each in verify(database).problems]
        database.close()


def _regressed(database: Database, town: Town) -> int:
    """Count what screens were told of alarms in a wrong order; a new life begins anew."""
    rows = database.execute("SELECT node, body FROM feed WHERE kind = 'alarm' ORDER BY position")
    newest: dict[str, int] = {}
    found = 0
    for node, body in rows:
        if node in town.gateways and not town.gateways[node].lost:
            row = json.loads(body)
            found += row["revision"] < newest.get(row["alarm"], 0)
            newest[row["alarm"]] = row["revision"]
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Run from the command line; the last line is JSON."""
    lifeline.tie()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--burst", type=int, default=2000)
    parser.add_argument("--settle", type=float, default=SETTLE_S)
    parser.add_argument("--processes", action="store_true")
    parser.add_argument("--first", metavar="MODULE", help="import it first: what a control breaks")
    asked = parser.parse_args()
    if asked.first:
        importlib.import_module(asked.first)
    with tempfile.TemporaryDirectory(prefix="hazgate-tiers-") as folder:
        outcome = asyncio.run(
            run(
                Path(folder),
                partitions=asked.partitions,
                seed=asked.seed,
                processes=asked.processes,
                burst=asked.burst,
                settle_s=asked.settle,
                say=_say,
            )
        )
    _say(json.dumps({**asdict(outcome), "sound": outcome.sound}))
    raise SystemExit(0 if outcome.sound else 1)


if __name__ == "__main__":
    uplink.RETRY_LAST_S = 1.0  # type: ignore[misc]
    main()
