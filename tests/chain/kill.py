"""Kills the edge at random instants under load: python -m tests.chain.kill --kills 100."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import aiomqtt

from gateway.db import Database
from gateway.journal import verify
from gateway.model import AlarmEvent, decode_event
from gateway.northbound import outbox
from gateway.roles.edge.site import load_site
from gateway.simulation.account import build
from gateway.simulation.broker import LocalBroker, free_port, mosquitto
from tests.chain.site import POINTS, centre_text, site_text

NORMAL, HIGH, HIGHEST = 20.0, 200.0, 700.0
RATE_HZ = 400.0
SETTLE_S = 60.0


@dataclass
class Outcome:
    """What a run of kills found."""

    kills: int = 0
    kills_in_on_delay: int = 0
    kills_while_starting: int = 0
    messages: int = 0
    alarms_expected: int = 0
    alarms_at_centre: int = 0
    lost: int = 0
    unexpected: int = 0
    duplicated: int = 0
    regressed: int = 0
    journal_entries: int = 0
    journal_problems: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing was lost, doubled, invented or altered."""
        return not (
            self.lost or self.unexpected or self.duplicated or self.regressed
            or self.journal_problems
        )  # fmt: skip


@dataclass
class Load:
    """Publishes values that cross limits, and remembers each."""

    random: random.Random
    said: list[tuple[int, int, float]] = field(default_factory=list)
    pending_until: float = 0.0
    stopped: bool = False

    async def play(self, port: int) -> None:
        """Publish until stopped; each point waits a while on each side of its limit."""
        next_turn = [0.0] * POINTS
        high = [False] * POINTS
        last = [0] * POINTS
        begin = time.monotonic()
        sent = 0
        async with aiomqtt.Client("127.0.0.1", port) as client:
            while not self.stopped:
                now = time.monotonic()
                if now - begin < sent / RATE_HZ:
                    await asyncio.sleep(0.001)
                    continue
                sent += 1
                point = self.random.randrange(POINTS)
                if now >= next_turn[point]:
                    high[point] = not high[point]
                    longest = 6.0 if point % 3 == 0 else 1.5
                    next_turn[point] = now + self.random.uniform(0.05, longest)
                    if high[point] and point % 3 == 0:
                        self.pending_until = now + 2.0
                value = NORMAL
                if high[point]:
                    value = HIGHEST if self.random.random() < 0.3 else HIGH
                source = max(time.time_ns() // 1_000_000, last[point] + 1)
                last[point] = source
                self.said.append((point, source * 1_000_000, value))
                payload = json.dumps({"ts": source, "v": value})
                await client.publish(f"plant/d{point:02}", payload, qos=1)


class Edge:
    """The process that is killed."""

    def __init__(self, folder: Path, *, early_ack: bool) -> None:
        self.folder = folder
        module = "tests.chain.early_ack" if early_ack else "gateway"
        self.command = [
            sys.executable, "-m", module, "edge", "--config", str(folder / "site.toml")
        ]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "edge.log"
        self.seen = 0

    def start(self) -> None:
        """Start it."""
        self.seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output)

    async def subscribed(self) -> None:
        """Return when it has subscribed."""
        deadline = time.monotonic() + 60
        while b"subscribed" not in self.log.read_bytes()[self.seen :]:
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self.log.read_text(encoding="utf-8"))
            await asyncio.sleep(0.01)

    def end(self, number: signal.Signals) -> None:
        """Send a signal and wait until it is gone."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(timeout=30)


async def run(
    kills: int,
    *,
    seed: int,
    early_ack: bool = False,
    verbose: bool = False,
    keep: Path | None = None,
) -> Outcome:
    """Kill an edge `kills` times and compare what its parent holds with what was said.

    An unsound run leaves its stores, logs and what was said in the folder `keep`.
    """
    outcome = Outcome()
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="hazgate-kill-") as scratch:
        folder = Path(scratch)
        port = free_port()
        with LocalBroker(folder / "broker", program=mosquitto()) as broker:
            (folder / "centre.toml").write_text(centre_text(folder / "centre", port=port))
            (folder / "site.toml").write_text(
                site_text(
                    broker.url,
                    parent=f"http://127.0.0.1:{port}",
                    code_file=f"{folder}/centre/pairing-chain-gw.code",
                )
            )
            centre = start(folder, "centre")
            try:
                await until((folder / "centre" / "pairing-chain-gw.code").exists, 60)
                edge = Edge(folder, early_ack=early_ack)
                edge.start()
                await edge.subscribed()
                load = Load(random.Random(seed + 1))
                playing = asyncio.create_task(load.play(broker.port))
                await kill_often(edge, load, chance, kills, outcome, verbose=verbose)
                load.stopped = True
                await playing
                await asyncio.to_thread(settle, folder, load, outcome)
                edge.end(signal.SIGTERM)
            finally:
                centre.send_signal(signal.SIGTERM)
                centre.wait(timeout=30)
        judge(folder, load, outcome)
        if keep is not None and not outcome.sound:
            (folder / "said.json").write_text(json.dumps(load.said))
            shutil.copytree(folder, keep, dirs_exist_ok=True)
    return outcome


def start(folder: Path, role: str) -> subprocess.Popen[bytes]:
    """Start a role with its file in the folder."""
    with (folder / f"{role}.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", role, "--config", str(folder / f"{role}.toml")],
            stdout=output,
            stderr=output,
        )


async def kill_often(
    edge: Edge, load: Load, chance: random.Random, kills: int, outcome: Outcome, *, verbose: bool
) -> None:
    """Kill and start again: a third while an on-delay runs, a tenth while it starts."""
    for number in range(kills):
        if number % 10 == 8:
            edge.end(signal.SIGKILL)
            edge.start()
            await asyncio.sleep(chance.uniform(0.0, 2.0))
            outcome.kills_while_starting += 1
        elif number % 5 in {0, 2}:
            await until(lambda: time.monotonic() + 0.4 < load.pending_until, 30)
            await asyncio.sleep(chance.uniform(0.0, 0.4))
            outcome.kills_in_on_delay += 1
        else:
            await asyncio.sleep(chance.uniform(0.0, 1.0))
        edge.end(signal.SIGKILL)
        outcome.kills += 1
        if verbose:
            sys.stderr.write(f"\rkill {outcome.kills} of {kills}, {len(load.said)} messages")
        edge.start()
        await edge.subscribed()
    if verbose:
        sys.stderr.write("\n")


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s")
        await asyncio.sleep(0.005)


def settle(folder: Path, load: Load, outcome: Outcome) -> None:
    """Wait until everything said has been taken, every delay has run out, the outbox is empty."""
    outcome.messages = len(load.said)
    deadline = time.monotonic() + SETTLE_S
    quiet = 0
    seen = -1
    while time.monotonic() < deadline and quiet < 30:
        database = Database(folder / "data" / "store.db", "edge", read_only=True)
        entries = database.execute("SELECT COUNT(*) FROM journal")[0][0]
        waiting = outbox.waiting(database, "parent")
        database.close()
        quiet = quiet + 1 if entries == seen and not waiting else 0
        seen = entries
        time.sleep(0.1)


def expected(folder: Path, load: Load) -> set[tuple[str, str, int]]:
    """Return (alarm, cause, source time) of every transition that plain Python finds."""
    plant = load_site(folder / "site.toml").plant
    reference, order = build(plant)
    found = set()
    for number, (point, source, value) in enumerate(load.said):
        for edge in reference.take(number, point, source, source, value, 0):
            alarm = plant.definitions[order[edge.row]].alarm
            found.add((alarm, "raise" if edge.began else "clear", edge.time))
    last = max(source for _, source, _ in load.said)
    for edge in reference.tick((last // 1_000_000_000 + 10) * 1_000_000_000):
        found.add((plant.definitions[order[edge.row]].alarm, "raise", edge.time))
    return found


def judge(folder: Path, load: Load, outcome: Outcome) -> None:
    """Compare expectation, centre and journal."""
    should = expected(folder, load)
    database = Database(folder / "centre" / "centre.sqlite", "centre", read_only=True)
    rows = database.execute("SELECT entry FROM event ORDER BY position")
    database.close()
    events: list[AlarmEvent] = [decode_event(row[0]) for row in rows]
    moves = [e for e in events if e.cause in {"raise", "clear"} and e.tag != "@node"]
    there = {(e.alarm, e.cause, e.source_ns) for e in moves}
    outcome.alarms_expected = sum(1 for key in should if key[1] == "raise")
    outcome.alarms_at_centre = sum(1 for e in moves if e.cause == "raise")
    outcome.lost = len(should - there)
    outcome.unexpected = len(there - should)
    outcome.examples = [f"lost {key}" for key in sorted(should - there)[:20]]
    outcome.examples += [f"unexpected {key}" for key in sorted(there - should)[:20]]
    twice = Counter((e.life, e.seq) for e in events) + Counter(
        (e.alarm, e.cause, e.source_ns) for e in moves
    )
    outcome.duplicated = sum(count - 1 for count in twice.values() if count > 1)
    revisions: dict[str, int] = {}
    for event in events:
        if event.kind == "alarm":
            if event.revision != revisions.get(event.alarm, 0) + 1:
                outcome.regressed += 1
            revisions[event.alarm] = event.revision
    store = Database(folder / "data" / "store.db", "edge", read_only=True)
    found = verify(store)
    store.close()
    outcome.journal_entries = found.entries
    outcome.journal_problems = list(found.problems)


def main() -> None:
    """Exit 0 when nothing was lost or, with --early-ack, when the loss was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--early-ack", action="store_true", help="the negative control")
    parser.add_argument("--keep", type=Path, help="where an unsound run leaves its files")
    arguments = parser.parse_args()
    outcome = asyncio.run(
        run(
            arguments.kills,
            seed=arguments.seed,
            early_ack=arguments.early_ack,
            verbose=True,
            keep=arguments.keep,
        )
    )
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
    sys.exit(0 if outcome.sound != arguments.early_ack else 1)


if __name__ == "__main__":
    main()
