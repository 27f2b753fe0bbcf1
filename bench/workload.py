"""What is sent and who receives it: a plant in numbers, its site file and its messages.

Every point has all detectors that are always on: four limits, rate, trend, silence, and stuck where
its profile states a noise floor. Values are noise about a mean, far from every limit, but for one
message in 2,000 that lies above H: its next message clears it, so one message in 1,000 makes a
transition.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.frames import publish

NODE: Final = "bench-gw"
PROFILE: Final = "bench/station"
#: Packet identifiers are 16 bits and never 0.
IDENTIFIERS: Final = 65_535
#: Messages from one raise to the next.
RAISE_EVERY: Final = 2_000
#: The messages of a run claim to be of the last so many seconds: more than 60 s would be late.
SPAN_MS: Final = 30_000
SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Channel:
    """A quantity: what it reads, its four limits, and its noise floor where one is stated."""

    name: str
    unit: str
    mean: float
    noise: float
    limits: tuple[float, float, float, float]
    range: tuple[float, float]
    noise_floor: float | None = None

    @property
    def raised(self) -> float:
        """A value between H and HH."""
        return self.limits[2] + 0.1 * (self.limits[3] - self.limits[2])


@dataclass(frozen=True, slots=True)
class Shape:
    """A plant: how many devices, and what each of them measures."""

    devices: int
    channels: tuple[Channel, ...]

    @property
    def points(self) -> int:
        """Points of the whole plant."""
        return self.devices * len(self.channels)

    def topics(self) -> list[str]:
        """Return the topic of each device."""
        return [f"bench/d{device:04}" for device in range(self.devices)]


#: The workload of the design: 1,000 devices with 4 points.
STATIONS: Final = Shape(
    1_000,
    (
        Channel("nh3", "ppm", 20.0, 2.0, (1.0, 2.0, 50.0, 200.0), (0.0, 1000.0)),
        Channel("o2", "%vol", 20.9, 0.05, (18.0, 19.5, 23.5, 25.0), (0.0, 30.0)),
        Channel("co", "ppm", 10.0, 1.0, (1.0, 2.0, 24.0, 100.0), (0.0, 1000.0)),
        Channel("temperature", "degC", -18.0, 0.3, (-40.0, -30.0, -5.0, 5.0), (-60.0, 80.0), 0.001),
    ),
)
#: As many points in messages of 50: a controller that reports a whole unit at once.
UNITS: Final = Shape(
    80,
    tuple(
        Channel(f"p{number:02}", "kPa", 50.0, 2.0, (5.0, 10.0, 90.0, 95.0), (0.0, 100.0), 0.001)
        if number % 4 == 3
        else Channel(f"p{number:02}", "kPa", 50.0, 2.0, (5.0, 10.0, 90.0, 95.0), (0.0, 100.0))
        for number in range(50)
    ),
)


#: A nation's equal plants at one gateway: 440,000 points.
NATION: Final = Shape(8_800, UNITS.channels)

SHAPES: Final = {"stations": STATIONS, "units": UNITS}


def shape_of(text: str) -> Shape:
    """Return a shape by its name, `stations:25000` with another number of devices.

    Raises
    ------
    ValueError
        There is no such shape.
    """
    name, _, devices = text.partition(":")
    if name not in SHAPES or (devices and not devices.isdecimal()):
        raise ValueError(f"{text!r} is no shape; write one of {', '.join(SHAPES)}, or NAME:DEVICES")
    return replace(SHAPES[name], devices=int(devices)) if devices else SHAPES[name]


def write_site(
    folder: Path, shape: Shape, *, broker: str, version: str, metrics: int, parent: str = ""
) -> Path:
    """Write a site file with its profile into a folder and return the site file's path.

    The devices are equal and share one table of points. With a parent, a token for it lies beside.
    """
    profile = folder / "profiles" / f"{PROFILE}.toml"
    profile.parent.mkdir(parents=True)
    profile.write_text(_profile(shape), encoding="utf-8")
    (folder / "points.csv").write_text(_points(shape), encoding="utf-8")
    path = folder / "site.toml"
    path.write_text(
        f'[node]\nid = "{NODE}"\ndivision = "330106003000"\nenterprise = {{ name = "Bench" }}\n'
        f'[broker]\nurl = "{broker}"\nversion = "{version}"\n'
        f'[metrics]\nlisten = "127.0.0.1:{metrics}"\n'
        f"{_parent(folder, parent)}"
        '[[area]]\nid = "A1"\nname = "Machine room"\nhazard = "ammonia_refrigeration"\n'
        + "".join(
            f'[[device]]\nid = "{topic[6:]}"\nprofile = "{PROFILE}"\narea = "A1"\n'
            f'topic = "{topic}"\npoints = "points.csv"\n'
            for topic in shape.topics()
        ),
        encoding="utf-8",
    )
    return path


def messages(shape: Shape, count: int, *, qos: int, now_ms: int) -> Iterator[bytes]:
    """Yield `count` PUBLISH packets, round after round of all devices.

    Parameters
    ----------
    shape, count, qos
        Who speaks, how often in all, and at which quality of service.
    now_ms
        Source time of the last message, ms since the epoch; the first is of `SPAN_MS` before.
    """
    chance = random.Random(SEED)
    topics = [topic.encode() for topic in shape.topics()]
    rounds = -(-count // shape.devices)
    step = min(1_000, SPAN_MS // rounds)
    names = [f'"{each.name}":' for each in shape.channels]
    for number in range(count):
        device = number % shape.devices
        source = now_ms - step * (rounds - 1 - number // shape.devices)
        values = [chance.gauss(each.mean, each.noise) for each in shape.channels]
        if is_raised(number):
            values[0] = shape.channels[0].raised
        said = ",".join(f"{name}{value:.2f}" for name, value in zip(names, values, strict=True))
        payload = f'{{"ts":{source},{said}}}'.encode()
        yield publish(topics[device], payload, qos=qos, number=number % IDENTIFIERS + 1)


def is_raised(number: int) -> bool:
    """Return whether message `number` lies above H; another device each time."""
    pair, place = divmod(number, RAISE_EVERY)
    return place == pair * 37 % 1_000


def transitions(shape: Shape, count: int) -> int:
    """Return how many raises and clears `count` messages make."""
    raised = [number for number in range(count) if is_raised(number)]
    return len(raised) + sum(number + shape.devices < count for number in raised)


def _parent(folder: Path, url: str) -> str:
    if not url:
        return ""
    (folder / "parent.token").write_text("bench\n", encoding="ascii")
    return f'[parent]\nurl = "{url}"\ntoken_file = "parent.token"\n'


def _profile(shape: Shape) -> str:
    channels = ""
    for each in shape.channels:
        channels += (
            f'[channel.{each.name}]\npointer = "/{each.name}"\nquantity = "{each.name}"\n'
            f'unit = "{each.unit}"\nrange = {list(each.range)}\n'
        )
        if each.noise_floor is not None:
            channels += f"noise_floor = {each.noise_floor}\n"
    said = ", ".join(f'"{each.name}": {each.mean}' for each in shape.channels)
    meant = ", ".join(f"{each.name} = {each.mean}" for each in shape.channels)
    return (
        f'id = "{PROFILE}"\ntitle_en = "Station of a bench"\ntitle_zh = "基准测试站"\n'
        'vendor = "Bench"\nmodel = "Station"\npayload = "json"\ntime = "/ts"\n'
        # Silence is judged by this; a bench that is slow to begin must not raise 4,000 alarms.
        'interval = "20s"\n'
        f"{channels}"
        f"[[example]]\npayload = '{{\"ts\": 1767225600000, {said}}}'\nexpect = {{ {meant} }}\n"
    )


def _points(shape: Shape) -> str:
    limits = "limits.ll,limits.l,limits.h,limits.hh,limits.deadband"
    lines = [f"channel,tag,{limits},rate.limit,trend.horizon,stuck.after\n"]
    for each in shape.channels:
        limits = ",".join(map(repr, (*each.limits, each.noise)))
        stuck = "" if each.noise_floor is None else "30min"
        # From the mean to H within a time constant: within a second no range is wide enough.
        rate = (each.limits[2] - each.mean) / 10.0
        lines.append(f"{each.name},{{device}}-{each.name},{limits},{rate},30min,{stuck}\n")
    return "".join(lines)
