"""A site of these instruments, bound as a site file's, and the part of an edge that judges it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple

from bench.detection.faults.parameters import PROFILES, Instrument
from detectors.admission import SECOND
from device_profiles.registry import load_registry
from device_profiles.schema import Profile
from gateway.alarms.definitions import NO_DATA, Level
from gateway.model import Detection
from gateway.pipeline.binding import bind
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.pipeline.settings import AreaSettings, DeviceSettings, PointSettings
from gateway.readings import ReadingBatch
from gateway.southbound.liveness import Liveness

AREA: Final = AreaSettings(id="A1", name="Bench", hazard="confined_space")
#: Levels of alarms that tell of the sensor, not of the plant.
HEALTH: Final = frozenset({Level.FAULT, Level.STUCK, Level.NO_DATA})


class Change(NamedTuple):
    """An alarm of a point that rose or returned; `now` is when it was told, ns."""

    now: int
    point: int
    rule: str
    active: bool


@cache
def profiles() -> dict[str, Profile]:
    """Return every profile, those of the bench included."""
    return dict(load_registry(PROFILES))


def topic(point: int) -> str:
    """Return where a point's device speaks."""
    return f"bench/{point}"


def new_plant(points: Sequence[Instrument], without: frozenset[str] = frozenset()) -> Plant:
    """Bind a site whose points are these instruments, a device each.

    Parameters
    ----------
    without
        Tables that the site file leaves out at every point.
    """
    # The same object for each point of a kind, as devices that share a table have.
    said = {each.name: (_settings(each, without),) for each in points}
    devices = [
        DeviceSettings.model_construct(
            id=f"d{number}",
            profile=each.profile,
            area=AREA.id,
            topic=topic(number),
            time=None,
            point=said[each.name],
            points=None,
        )
        for number, each in enumerate(points)
    ]
    return bind(
        "bench", "330106003000", areas=[AREA], devices=devices, profiles=profiles(), packs={}
    )


def _settings(instrument: Instrument, without: frozenset[str]) -> PointSettings:
    """Return what the site file says of a point, but for a drift that its range would not show.

    Below the end of its range a reading is a fault at once, and its mean is never there.
    """
    told = instrument.settings("{device}-X", without)
    channel = profiles()[instrument.profile].channel[told.channel]
    health = told.health
    zero = None if health is None else health.zero
    if health is None or zero is None or zero.tolerance is None or channel.signal is not None:
        return told
    if channel.range[0] < -zero.tolerance:
        return told
    above = None if zero.above_for is None else zero.model_copy(update={"below_for": None})
    return told.model_copy(update={"health": health.model_copy(update={"zero": above})})


class Judge:
    """Engine and liveness of a plant, which the clock moves, as an edge does.

    Parameters
    ----------
    began
        The whole second (ns) at which it subscribed.
    """

    def __init__(self, plant: Plant, began: int) -> None:
        self.plant = plant
        self.engine = Engine(plant)
        self.liveness = Liveness(plant)
        self.liveness.begin(began)
        self._now = began

    def take(self, batch: ReadingBatch, now: int) -> list[Change]:
        """Judge the seconds that passed, what came in the one that ends now (ns), and that one."""
        found = self._pass(now - SECOND)
        if len(batch):
            found += [self._change(each, now) for each in self.engine.process(batch)[0]]
        return found + self._tick(now)

    def _pass(self, until: int) -> list[Change]:
        """Judge seconds in which nothing came; those in which nothing can happen are left out."""
        found: list[Change] = []
        while self._now < until:
            heard = self.engine.heard
            due = min(self.engine.next_due(), self.liveness.next_due(heard))
            found += self._tick(max(self._now + SECOND, min(until, next_second(due))))
        return found

    def _tick(self, now: int) -> list[Change]:
        self._now = now
        found = self.engine.tick(now) + self.liveness.tick(now, self.engine.heard)
        return [self._change(each, now) for each in found]

    def standing(self, point: int) -> frozenset[str]:
        """Return the alarms of a point that stand, without its health."""
        definitions, bank = self.plant.definitions, self.engine.bank
        rows = range(int(bank.first[point]), int(bank.first[point + 1]))
        return frozenset(
            definitions[row].rule
            for row in rows
            if bank.is_active(row) and definitions[row].level not in HEALTH
        )

    def _change(self, found: Detection, now: int) -> Change:
        silence = self.plant.silence_row
        point = found.row - silence if found.row >= silence else self.plant.point_of(found.row)
        return Change(now, point, self.plant.definitions[found.row].rule, found.active)


def health_rules(plant: Plant) -> frozenset[str]:
    """Return the names of all rules of a plant that tell of the sensor."""
    return frozenset(_named(plant))


def _named(plant: Plant) -> Iterator[str]:
    yield NO_DATA
    for kind in plant.definitions.kinds:
        yield from (each.rule for each in kind.rules if each.level in HEALTH)


def next_second(time: int) -> int:
    """Return the first whole second at or after an instant, ns."""
    return -(-time // SECOND) * SECOND
