"""`hazgate demo`: everything at once, as separate processes, with nothing to install or configure.

A broker, the gateway and a centre run as a site would run them; this process plays the plant,
watches the centre as a screen does, and settles the account at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, TextIO

import aiomqtt
import httpx
import msgspec

from gateway.clock import ScaledClock, SystemClock
from gateway.db import Database, StoreError
from gateway.model import NANOSECONDS, Clock, decode_event
from gateway.northbound import outbox
from gateway.northbound.downlink import server_sent
from gateway.roles.edge.site import Site, load_site
from gateway.simulation.account import Held, account
from gateway.simulation.broker import LocalBroker, mosquitto
from gateway.simulation.incidents import DEMO, LEAK, demo_scenario
from gateway.simulation.plant import SimulatedPlant
from gateway.simulation.player import Player, Record, wait_scaled

START_S: Final = 60.0
DRAIN_S: Final = 15.0
PASSWORD: Final = re.compile(r"log in at (\S+) as (\S+) with password (\S+)")
TEMPLATE: Final = Path(__file__).parent.parent / "simulation" / "site.toml"
CENTRE_NAME: Final = "Demonstration centre"
ENTERPRISE: Final = re.compile(r'(?<=^enterprise = \{ name = )".*"', re.MULTILINE)
NAMED: Final = re.compile(r'^((?:id|tag) = "(.+)"\nname = )".*"$', re.MULTILINE)


class DemoError(Exception):
    """A part of the demo did not come up; the message says which, and shows its last words."""


@dataclass(slots=True)
class Screen:
    """Watches the centre as a browser does: logs in, follows the stream, notes when it was told."""

    url: str
    name: str
    password: str
    clock: Clock
    told: dict[tuple[str, int], int] = field(default_factory=dict)

    async def watch(self) -> None:
        """Follow the stream until cancelled."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False, timeout=30) as client:
            answer = await client.post(
                "/api/v1/session",
                json={"name": self.name, "password": self.password},
                headers={"Origin": self.url},
            )
            answer.raise_for_status()
            async with client.stream("GET", "/api/v1/events") as stream:
                async for _, data in server_sent(stream.aiter_lines(), names={"alarm"}):
                    row = msgspec.json.decode(data)
                    self.told.setdefault((row["alarm"], row["revision"]), self.clock.now_ns())


def run_demo(
    *, port: int, minutes: float, speed: float, language: str | None, figures: Path | None
) -> int:
    """Run it; return the exit status: 0 when nothing was lost or doubled.

    Parameters
    ----------
    port
        Where the screen listens.
    minutes
        Length on the wall's clock.
    speed
        How much faster the clock of every part runs.
    language
        Of the plant's names, "zh" or "en"; the terminal's when None.
    figures
        Also write the last line here.
    """
    origin = time.time_ns()
    clock: Clock = SystemClock() if speed == 1.0 else ScaledClock(speed, origin)
    scaled = [] if speed == 1.0 else ["--clock-speed", str(speed), "--clock-origin", str(origin)]
    # Ended by a service or a terminal, it ends what it has started, as on Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with tempfile.TemporaryDirectory(prefix="hazgate-demo-") as scratch, ExitStack() as stack:
            folder = Path(scratch)
            check_port(port)
            program = mosquitto()
            broker = stack.enter_context(LocalBroker(folder / "broker", program=program))
            announce(f"broker    {program or 'amqtt'} on {broker.url}")
            names = read_names(language or terminal_language(os.environ))
            site, centre = write_files(folder, broker, port, names)
            seen = stack.enter_context(child(folder, "centre", centre, scaled))
            url, name, password = first_login(seen)
            announce(f"screen    {url}   account {name}   password {password}")
            edge = stack.enter_context(child(folder, "edge", site.path, scaled))
            edge.wait_for("connected to the parent", also="subscribed")
            announce(f"gateway   {site.settings.node.id}: {len(site.plant.points)} points")
            announce(f"incident  an ammonia leak, and more, unfolds within {minutes:g} min")
            screen = Screen(url, name, password, clock)
            record = asyncio.run(
                unfold(site, broker, screen, seconds=minutes * 60 * speed, speed=speed)
            )
            result = settle(site, folder / "centre", screen, record, speed=speed)
    except DemoError as error:
        sys.stderr.write(f"demo: {error}\n")
        return 1
    line = json.dumps(result)
    if figures is not None:
        figures.write_text(line + "\n", encoding="utf-8")
    sys.stdout.write(line + "\n")
    return 0 if not (result["lost"] or result["duplicated"]) else 1


def announce(text: str) -> None:
    """Tell the user where the demo stands."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def terminal_language(environment: Mapping[str, str]) -> str:
    """Return "zh" where the terminal speaks Chinese, else "en"; the first that is set decides."""
    asked = (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next(filter(None, asked), "").lower().startswith("zh") else "en"


def read_names(language: str) -> dict[str, str]:
    """Return the plant's names in a language by node, area and tag; none for that of its file."""
    if language == "en":
        return {}
    text = TEMPLATE.with_name(f"names.{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def renamed(text: str, names: Mapping[str, str]) -> str:
    """Return the text of the demo's site file with other names, if there are any."""
    if not names:
        return text
    text = ENTERPRISE.sub(f'"{names["enterprise"]}"', text)
    return NAMED.sub(lambda found: f'{found[1]}"{names[found[2]]}"', text)


def write_files(
    folder: Path, broker: LocalBroker, port: int, names: Mapping[str, str]
) -> tuple[Site, Path]:
    """Write the files of the edge and the centre, as a site would have them."""
    centre = folder / "centre.toml"
    store = folder / "centre"
    centre.write_text(
        f'[node]\nid = "demo-centre"\nname = "{names.get("centre", CENTRE_NAME)}"\n'
        f'division = "330106000000"\n[listen]\naddress = "127.0.0.1:{port}"\n'
        f'[store]\nfolder = "{store}"\n[pairing]\nnodes = ["demo-gw1"]\n',
        encoding="utf-8",
    )
    path = folder / "site.toml"
    code = f"{store}/pairing-demo-gw1.code"
    parent = f'\n[parent]\nurl = "http://127.0.0.1:{port}"\ncode_file = "{code}"\n'
    # The demo's centre is the enterprise's own: what it acknowledges counts at the site.
    parent += '\n[[delegate]]\nto = "demo-centre"\n'
    text = renamed(TEMPLATE.read_text(encoding="utf-8"), names)
    address = f'url = "{broker.url}"\nversion = "{broker.version}"'
    text = text.replace('url = "mqtt://127.0.0.1:1883"', address)
    path.write_text(text.replace("\n[siren]", f"{parent}\n[siren]"), encoding="utf-8")
    return load_site(path), centre


@dataclass(frozen=True, slots=True)
class Child:
    """A part of the demo as a process of its own, and the file it speaks into."""

    process: subprocess.Popen[bytes]
    words: Path

    def wait_for(self, text: str, *, also: str = "") -> str:
        """Return what it said once that contains what is waited for.

        Raises
        ------
        DemoError
            It ended, or did not say so within a minute.
        """
        deadline = time.monotonic() + START_S
        while True:
            ended = self.process.poll() is not None
            said = self.words.read_text(encoding="utf-8", errors="replace")
            if text in said and also in said:
                return said
            if ended or time.monotonic() > deadline:
                how = "ended" if ended else f"did not come up within {START_S:g} s"
                raise DemoError(f"{self.words.stem} {how}; it said:\n{said[-2000:]}")
            time.sleep(0.05)


@contextmanager
def child(folder: Path, role: str, config: Path, extra: list[str]) -> Iterator[Child]:
    """Run a role for the length of a block."""
    words = folder / f"{role}.log"
    command = [sys.executable, "-m", "gateway", role, "--config", str(config), *extra]
    with words.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield Child(process, words)
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_login(centre: Child) -> tuple[str, str, str]:
    """Return address, account and password that the centre printed at its first start."""
    found = PASSWORD.search(centre.wait_for("with password"))
    if found is None:
        raise DemoError("the centre printed no password")
    return found[1], found[2], found[3]


def check_port(port: int) -> None:
    """Say at once that somebody listens there, not after a minute.

    Raises
    ------
    DemoError
        The port cannot be had.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise DemoError(
                f"port {port} of the screen cannot be had: {error}; choose another: "
                f"make demo PORT={port + 10}, or hazgate demo --port {port + 10}"
            ) from error


async def unfold(
    site: Site, broker: LocalBroker, screen: Screen, *, seconds: float, speed: float
) -> Record:
    """Play the plant to its end, wait until all has arrived, and return what was said."""
    clock = screen.clock
    watching = asyncio.create_task(screen.watch())
    simulated = SimulatedPlant(DEMO, demo_scenario(seconds), seed=20)
    player = Player(site.plant, simulated, clock=clock)
    begin = clock.now_ns()
    progress = Progress(sys.stderr, seconds)
    async with aiomqtt.Client("127.0.0.1", broker.port) as client:
        await player.play(
            client,
            until_ns=begin + int(seconds * NANOSECONDS),
            wait=partial(wait_scaled, speed=speed),
            told=lambda count: progress.show(
                (clock.now_ns() - begin) / NANOSECONDS, count, len(screen.told)
            ),
        )
    progress.end()
    store = site.folder / "store.db"
    await asyncio.sleep(0.5)
    for _ in range(int(DRAIN_S / 0.1)):
        if not await asyncio.to_thread(waiting_events, store):
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.2)
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    return player.record


def waiting_events(store: Path) -> bool:
    """Return whether the edge has events that it has not yet delivered."""
    try:
        database = Database(store, "edge", read_only=True)
    except StoreError:
        return True
    try:
        return outbox.waiting(database, "parent") > 0
    finally:
        database.close()


def settle(
    site: Site, centre: Path, screen: Screen, record: Record, *, speed: float
) -> dict[str, object]:
    """Compare the simulator's record with the centre's store."""
    database = Database(centre / "centre.sqlite", "centre", read_only=True)
    rows = database.execute(
        "SELECT entry FROM event WHERE node = ? AND kind = 'alarm' ORDER BY seq",
        (site.settings.node.id,),
    )
    database.close()
    held = []
    for (entry,) in rows:
        event = decode_event(entry)
        held.append(Held(event, screen.told.get((event.alarm, event.revision), 0)))
    said = record.said
    end = max(entry.published_ns for entry in said)
    figures: dict[str, object] = {"messages": record.messages}
    figures |= dict(account(site.plant, said, held, end_ns=end, leak=LEAK))
    if speed != 1.0:
        for key in ("p50_ms", "p99_ms"):
            value = figures[key]
            figures[key] = round(value / speed, 2) if isinstance(value, float) else None
    return figures


class Progress:
    """One line that tells how far the demo is, redrawn on a terminal."""

    def __init__(self, stream: TextIO, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._live = stream.isatty()
        self._next = 0.0

    def show(self, second: float, messages: int, events: int) -> None:
        """Draw it, on a terminal each time and otherwise each sixth of the run."""
        if not self._live and second < self._next:
            return
        self._next = second + self._seconds / 6
        text = f"{second:5.0f} of {self._seconds:.0f} s   {messages} messages   {events} events"
        self._stream.write(f"\r{text}" if self._live else f"{text}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._live:
            self._stream.write("\n")
