"""A day without a false "no data", and an alarm for each point that really fell silent.

Devices of every interval jitter, miss messages, and are heard through restarts of the gateway and
of its session with the broker; what none of them does is to be silent for three intervals.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import load_site
from gateway.southbound.arrivals import Arrivals, Message
from tests.gateway.roles.edge.wired import Wired
from tests.gateway.southbound.test_liveness import DEVICE, HEAD, START

#: Interval, s, by which silence is judged; of a device that reports on change its keep-alive.
INTERVALS = {"1s": 1, "10s": 10, "5min": 300, "15min": 900, "change": 600}
EACH = 3
STATED = 'time = "/ts"'
PROFILE = """id = "acme/on-change"
title_en = "Reports on change"
title_zh = "变化上报"
vendor = "acme"
model = "on-change"
payload = "json"
time = "/ts"
interval = "1s"
keep_alive = "10min"
[channel.x]
pointer = "/x"
unit = "ppm"
range = [0, 1000]
quantity = "gas"
[[example]]
payload = '{"ts": 1790000000, "x": 1.0}'
expect = { x = 1.0 }
"""


def plant_of(folder: Path) -> Plant:
    """Three devices of each interval; the first of three states no time of its own."""
    text = ""
    for number, name in enumerate(name for name in INTERVALS for _ in range(EACH)):
        time = STATED if number % EACH else ""
        device = DEVICE.format(n=number, interval=name)
        if name == "change":
            device = device.replace("generic/json", "acme/on-change").replace(
                'interval = "change"\n', ""
            )
            device = device.replace('pointer = "/x"\n', "")
            time = STATED if number % EACH else 'time = "received"'
        text += device.replace(f'topic = "p/{number}"', f'topic = "p/{number}"\n{time}')
    (folder / "profiles" / "acme").mkdir(parents=True, exist_ok=True)
    (folder / "profiles" / "acme" / "on-change.toml").write_text(PROFILE, encoding="utf-8")
    path = folder / "site.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_site(path).plant


class Devices:
    """When each speaks next: late by a jitter, and now and then not at all."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._intervals = [length for length in INTERVALS.values() for _ in range(EACH)]
        self._due = [float(n % length) for n, length in enumerate(self._intervals)]
        self._last = [0.0] * len(self._due)

    def speak(self, second: int, silent: frozenset[int]) -> list[tuple[int, int]]:
        """Return (device, ms of its source time) of those that speak in this second."""
        found = []
        for device, length in enumerate(self._intervals):
            if self._due[device] > second:
                continue
            # On its way for up to half a second, so that it is read in the next one.
            source = START // 10**6 + int(1000 * self._due[device])
            if device not in silent:
                found.append((device, source))
            # Whole intervals, one of them missed one time in five, never as late as the third.
            missed = length * (self._chance.random() < 0.2)
            jitter = self._chance.uniform(-0.4, 0.4) * length if length > 1 else 0.0
            self._due[device] += max(1.0, length + missed + jitter)
        return found


def again(wired: Wired, plant: Plant, second: int) -> Wired:
    """End the gateway and start it anew, as it was."""
    found = Wired(
        plant,
        statuses=wired.line.desk.statuses,
        entries=wired.line.desk.entries,
        snapshot=wired.line.engine.snapshot(),
        second=second,
    )
    found.work.clear()
    return found


def day(folder: Path, seconds: int, *, seed: int) -> list[tuple[str, str, int]]:
    """Let time pass; the last fifty minutes without one device of each interval."""
    plant = plant_of(folder)
    wired, devices, chance = Wired(plant), Devices(seed), random.Random(seed + 1)
    told: list[tuple[str, str, int]] = []
    gone = frozenset(range(2, len(plant.devices), EACH))
    silence = seconds - 3600
    fence_until = 0
    for second in range(1, seconds):
        if chance.random() < 1 / 1800 and second < silence:
            wired = again(wired, plant, second)
            fence_until = second + 2
        elif chance.random() < 1 / 1800 and second < silence:
            # The session breaks and stands again: first what waited, behind a fence.
            wired.line.liveness.begin(wired.clock.now_ns())
            fence_until = second + chance.randrange(1, 20)
        wired.held = second < fence_until
        seen = len(wired.work)
        wired.second(second)
        spoken = devices.speak(second, gone if second >= silence else frozenset())
        messages = [Message(f"p/{n}", f'{{"ts": {ms}, "x": 1.0}}'.encode()) for n, ms in spoken]
        if messages:
            now = wired.clock.now_ns()
            wired.line.take(Arrivals.of(messages, received_ns=now, fenced=wired.held))
        told += [
            (event.tag, event.cause, second)
            for work in wired.work[seen:]
            for event in (each.event for each in work.transitions)
            if event.rule == "no_data"
        ]
    return told


@pytest.mark.parametrize(
    "hours", [2, pytest.param(24, marks=[pytest.mark.more, pytest.mark.timeout(900)])]
)
def test_only_who_is_silent_is_called_so(tmp_path: Path, hours: int) -> None:
    """No false alarm in all these hours; each real silence is one after three intervals."""
    seconds = hours * 3600
    told = day(tmp_path, seconds, seed=14)
    silence = seconds - 3600
    assert [each for each in told if each[2] < silence] == []
    assert [cause for _, cause, _ in told] == ["raise"] * len(told)
    raised = {tag: second for tag, _, second in told}
    lengths = [length for length in INTERVALS.values() for _ in range(EACH)]
    assert set(raised) == {f"T{n}" for n in range(2, len(lengths), EACH)}
    for tag, second in raised.items():
        length = lengths[int(tag[1:])]
        # Last heard at most 2.4 intervals before, at least just before.
        assert 0.6 * length <= second - silence <= 3 * length + 2, (tag, second - silence)
