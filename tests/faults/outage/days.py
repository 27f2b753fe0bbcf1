"""An edge through whose clock days pass in minutes.

    python -m tests.faults.outage.days FOLDER --behind S

The node is the real one on a real store: line, desk, spool, store thread, outbox, uplink. In place
of the broker's session stands a hand that gives it messages, and the clock runs as the machine's
does but for what it is put forward by: so far behind at the start, and in step at the end. It takes
a command a line and answers each with a line, both JSON. What it was told in which second is in
`said.jsonl`: from this alone follows which alarms must rise and clear.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self, TextIO

import msgspec

from gateway.alarms.actions import SirenCommand
from gateway.model import NANOSECONDS
from gateway.northbound.source import Whole
from gateway.roles.edge import node as edge_node
from gateway.roles.edge.node import EdgeNode
from gateway.roles.edge.site import load_site
from gateway.southbound.arrivals import Arrivals, Message, Receipt

NODE: Final = "days-gw"
DEVICES, CHANNELS = 250, 4
INTERVAL_S: Final = 30
#: Points that rise in each minute, and return in the next.
RISING: Final = 7
NORMAL, HIGH = 20.0, 150.0
SIREN: Final = "panel/siren"
SAID: Final = "said.jsonl"
#: Of what is measured, each of so many messages raises an alarm, and one half of that later clears.
EACH: Final = 20
PACE_S: Final = 0.004
decode_siren = msgspec.json.Decoder(SirenCommand).decode


def site_text(folder: Path, *, parent: str, code: Path, spool_mib: int = 512) -> str:
    """Return a site of 1,000 points with a limit each."""
    text = f"""[node]
id = "{NODE}"
division = "330106003000"
enterprise = {{ name = "Days" }}
[broker]
url = "mqtt://127.0.0.1:1"
[parent]
url = "{parent}"
code_file = "{code}"
[siren]
topic = "{SIREN}"
[store]
folder = "{folder}"
spool_mib = {spool_mib}
[[area]]
id = "A1"
name = "Machine room"
hazard = "ammonia_refrigeration"
"""
    for device in range(DEVICES):
        text += (
            f'[[device]]\nid = "d{device}"\nprofile = "generic/json"\narea = "A1"\n'
            f'topic = "p/{device}"\ntime = "/ts"\n'
        )
        for channel in range(CHANNELS):
            text += (
                f'[[device.point]]\nchannel = "nh3"\npointer = "/v{channel}"\n'
                f'tag = "T{CHANNELS * device + channel:04}"\nunit = "ppm"\nrange = [0, 1000]\n'
                f'interval = "{INTERVAL_S}s"\nlimits = {{ h = 100, deadband = 5 }}\n'
            )
    return text


class DayClock:
    """The machine's clock, so far behind, that can be put forward on both of its faces."""

    def __init__(self, behind_s: int) -> None:
        self.behind_ns = behind_s * NANOSECONDS

    def pass_by(self, seconds: int) -> None:
        """Let so much time pass at once."""
        self.behind_ns -= seconds * NANOSECONDS

    def now_ns(self) -> int:
        return time.time_ns() - self.behind_ns

    def monotonic_ns(self) -> int:
        return time.monotonic_ns() - self.behind_ns


class Hand:
    """Stands where the broker's session does, and gives what it is told to."""

    def __init__(
        self,
        settings: object,
        *,
        node: str,
        filters: Sequence[str],
        clock: DayClock,
        deliver: Callable[[Arrivals], bool],
        changed: Callable[[str | None], None],
        heard_itself: bool = False,
    ) -> None:
        self.connected, self.fenced, self.paused = False, False, False
        #: No queue comes first, and no marker comes back.
        self.holds, self.overdue, self.heard_itself = False, False, heard_itself
        self.connection = 1
        self.given = self.acknowledged = 0
        #: What the newest command to the siren names.
        self.sounding: frozenset[str] = frozenset()
        self._deliver, self._changed, self._clock = deliver, changed, clock
        del settings, node, filters

    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(asyncio.Event().wait(), name="hand")
        self.connected = True
        self._changed(None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()

    def warm_up(self) -> None:
        """Nothing to compile."""

    def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        self.acknowledged += sum(len(each) for each in receipts)

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        del qos
        if topic == SIREN:
            command = decode_siren(payload)
            self.sounding = frozenset(command.alarms) if command.on else frozenset()
        return True

    def mark(self) -> None:
        """No marker comes back: nobody listens to the siren here."""

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    async def give(self, messages: list[Message]) -> None:
        """Hand messages over; wait while the node has no room."""
        while self.paused:
            await asyncio.sleep(0.001)
        self.given += len(messages)
        self._deliver(Arrivals.of(messages, received_ns=self._clock.now_ns(), connection=1))


def rising(minute: int) -> set[int]:
    """The points that are in alarm in this minute."""
    points = DEVICES * CHANNELS
    return {(minute * RISING + n) % points for n in range(RISING)}


def due(second: int) -> range:
    """The devices that speak in this second."""
    return range(second % INTERVAL_S, DEVICES, INTERVAL_S)


def alarm_of(point: int) -> str:
    """The name of a point's only alarm."""
    return f"{NODE}/T{point:04}/h"


def message(device: int, now_ns: int, high: set[int]) -> Message:
    """What a device says now."""
    values = {
        f"v{n}": HIGH if CHANNELS * device + n in high else NORMAL + (now_ns // 10**6 + n) % 7
        for n in range(CHANNELS)
    }
    payload = json.dumps({"ts": now_ns // 1_000_000, **values}).encode()
    return Message(f"p/{device}", payload, qos=1, mid=1 + device)


class Days:
    """The commands.

    Parameters
    ----------
    said
        Where it is written what was said in which second, after it was.
    """

    def __init__(self, node: EdgeNode, clock: DayClock, said: TextIO) -> None:
        self.node, self.clock = node, clock
        self.hand: Hand = node.session  # type: ignore[assignment]
        #: When it began to tell its parent the present state, each time.
        self.presented: list[float] = []
        self._said = said
        self._living: asyncio.Task[None] | None = None

    async def second(self) -> None:
        """Tell what the devices say in the present second, as it passes."""
        now = self.clock.now_ns()
        second = now // NANOSECONDS
        high = rising(second // 60)
        await self.hand.give([message(device, now, high) for device in due(second)])
        self._said.write(f"[{second}]\n")

    async def run(self, seconds: int) -> dict[str, Any]:
        """Let so many seconds pass, one after the other."""
        began = time.monotonic()
        for number in range(seconds):
            self.clock.pass_by(1)
            self.node.line.look()
            await self.second()
            if number % 20 == 0:
                await asyncio.sleep(0)
        await self._durable()
        return {"seconds": time.monotonic() - began, "behind": self.clock.behind_ns / NANOSECONDS}

    async def live(self) -> dict[str, Any]:
        """From now on let time pass as it does."""

        async def play() -> None:
            last = 0
            while True:
                second = self.clock.now_ns() // NANOSECONDS
                if second != last:
                    last = second
                    await self.second()
                await asyncio.sleep(0.02)

        self._living = asyncio.create_task(play())
        return {}

    async def cross(self) -> dict[str, Any]:
        """Let one more point cross its limit now."""
        now = self.clock.now_ns()
        second = now // NANOSECONDS
        point = (max(rising(second // 60)) + 100) % (DEVICES * CHANNELS)
        await self.hand.give([message(point // CHANNELS, now, {point})])
        self._said.write(f"[{second}, {point}]\n")
        return {"alarm": alarm_of(point)}

    async def hush(self) -> dict[str, Any]:
        """Say nothing more; wait until what was said is durable."""
        if self._living is not None:
            self._living.cancel()
            self._living = None
        await self._durable()
        return {}

    async def _durable(self) -> None:
        while self.hand.acknowledged < self.hand.given:
            await asyncio.sleep(0.005)
        self._said.flush()

    async def look(self) -> dict[str, Any]:
        """Tell where it stands."""
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        words = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        desk = self.node.desk
        return {
            "rss_mib": int(words["VmRSS"].split()[0]) / 1024,
            "peak_mib": int(words["VmHWM"].split()[0]) / 1024,
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "threads": int(words["Threads"]),
            "connected": any(each.connected for each in self.node.upward.uplinks),
            "presented": self.presented,
            "seq": desk.chain.seq,
            "shed": self.node.metrics.shed._value.get(),
            "silent": int(self.node.line.liveness.silent.sum()),
            "standing": {
                alarm: [status.state.value, status.revision]
                for alarm, status in desk.statuses.items()
                if status.standing
            },
        }

    async def measure(self, turns: int) -> dict[str, Any]:
        """Give messages at a pace; return how long after its turn each was judged, s.

        Of one that raises an alarm that is when its siren was told; `untold` counts those whose was
        not. `turns` is a multiple of `EACH`: then nothing is left that stands.
        """
        taken, sirens = [], []
        untold = 0
        begin = time.monotonic()
        for turn in range(turns):
            at = begin + turn * PACE_S
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            number, step = divmod(turn, EACH)
            # Of one half of the devices each in turn raises and clears, the others are as they
            # were: two messages of a device in one millisecond would be one and its repetition.
            half = DEVICES // 2
            device = number % half if step in {0, EACH // 2} else half + turn % half
            high = {CHANNELS * device} if step == 0 else set[int]()
            await self.hand.give([message(device, self.clock.now_ns(), high)])
            taken.append(time.monotonic() - at)
            if step == 0:
                sirens.append(taken[-1])
                untold += alarm_of(CHANNELS * device) not in self.hand.sounding
        return {"taken": taken, "sirens": sirens, "untold": untold}

    async def end(self) -> dict[str, Any]:
        """Come to an end in good order."""
        raise SystemExit


async def serve(folder: Path, behind: int, said: TextIO) -> None:
    """Run the node and take commands until told to end."""
    clock = DayClock(behind)
    edge_node.BrokerSession = Hand  # type: ignore[assignment,misc]
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    building = EdgeNode(load_site(folder / "edge.toml"), clock=clock, again=sys.exit)
    async with building as node:
        days = Days(node, clock, said)
        whole = node.upward._source.whole

        async def told(connection: str) -> Whole:
            days.presented.append(time.time())
            return await whole(connection)

        object.__setattr__(node.upward._source, "whole", told)
        print(json.dumps({"ready": node.storage.identity.life}), flush=True)  # noqa: T201
        while line := await reader.readline():
            name, *arguments = json.loads(line)
            if name == "end":
                return
            answer = await getattr(days, name)(*arguments)
            print(json.dumps(answer), flush=True)  # noqa: T201


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--behind", type=int, required=True)
    parser.add_argument("--mutant", default="")
    given = parser.parse_args()
    if given.mutant:
        importlib.import_module(f"tests.faults.mutants.{given.mutant}")
    with (given.folder / SAID).open("a", encoding="ascii") as WRITTEN:
        asyncio.run(serve(given.folder, given.behind, WRITTEN))
