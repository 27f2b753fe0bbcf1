"""A bank and its plain twin for the same rules, fed with the same readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from detectors.admission import NEVER
from detectors.bank import Bank, Edge
from detectors.drift import DriftParams
from detectors.fall import FallParams
from detectors.noise import NoiseParams
from detectors.rate import RateParams
from detectors.reason import ABOVE, CLOCK, FAULT, SHIFT, WARMING
from detectors.reference import Device, Point, Reference, Row
from detectors.rules import Params, Rule, has_memory
from detectors.run import RunParams
from detectors.spike import SpikeParams
from detectors.stuck import StuckParams
from detectors.trend import TrendParams

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
LATE = 60 * SECOND
STATE = ("points", "devices", "delays", "memory")
#: How many numbers each kind of detector keeps.
KEPT: dict[type, int] = {
    RateParams: 3,
    TrendParams: 4,
    StuckParams: 1,
    SpikeParams: 3,
    NoiseParams: 3,
    FallParams: 2,
    RunParams: 2,
    DriftParams: 1,
}

#: Events after which what is kept is compared.
OFTEN = 16

Reading = tuple[int, int, int, float, int]
#: What happens: a reading, a tick of the clock, a restart, this machine's clock set back.
Action = Reading | str
Bits = tuple[object, ...]

GRADES = (0, 0, 0, 0, 1, 2, 3, 4)
REASONED = (1 | WARMING << SHIFT, 2 | FAULT << SHIFT, 2 | ABOVE << SHIFT, 4 | CLOCK << SHIFT)
steps = st.one_of(
    st.integers(-5 * SECOND, 5 * SECOND),
    st.sampled_from([0, SECOND, SECOND // 2, 40 * SECOND, 700 * SECOND, 2000 * SECOND]),
)


def numbers(*thresholds: float) -> st.SearchStrategy[float]:
    """Values of every sort: what is no number, what is hardly one, and what a float32 makes of it.

    Parameters
    ----------
    thresholds
        Numbers whose neighbourhood matters.
    """
    near = [
        each
        for limit in thresholds
        for each in (
            limit,
            float(np.float32(limit)),
            math.nextafter(limit, math.inf),
            math.nextafter(limit, -math.inf),
        )
    ]
    odd = [math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -2.5e-310, 1e150, 1.1e150, -1.7e308]
    return st.one_of(st.floats(-30, 30, allow_nan=False), st.sampled_from([*odd, *near]))


def actions(points: int, values: st.SearchStrategy[float]) -> st.SearchStrategy[Action]:
    """What may happen to a site with so many points."""
    reading = st.tuples(
        st.integers(0, points - 1),
        steps,
        st.sampled_from([0, 1, SECOND, 90 * SECOND]),
        values,
        st.sampled_from(GRADES + REASONED),
    )
    return st.one_of(reading, reading, st.sampled_from(["tick", "restart", "set back"]))


@dataclass(frozen=True)
class Site:
    """Rule sets, and of each point its device and which set it has."""

    sets: Sequence[Sequence[Rule]]
    devices: Sequence[int]
    point_sets: Sequence[int]

    def bank(self) -> Bank:
        """The kernels."""
        return Bank(self.devices, [LATE] * len(self.devices), self.sets, self.point_sets)

    def plain(self) -> Reference:
        """The twin, its rules in the bank's order."""
        devices = [Device() for _ in range(max(self.devices, default=-1) + 1)]
        points = [Point(devices[index], LATE) for index in self.devices]
        return Reference(
            points,
            [
                (point, Row(rule.params, on_delay=rule.on_delay, off_delay=rule.off_delay))
                for point, number in enumerate(self.point_sets)
                for rule in self.sets[number]
            ],
        )

    def restarted(self, bank: Bank) -> Bank:
        """Move a bank's state into a new one, as a restart does."""
        fresh = self.bank()
        for name in STATE:
            getattr(fresh.state, name)[:] = getattr(bank.state, name)
        fresh.stir()
        return fresh

    def remembering(self) -> list[Params]:
        """The parameters of each rule with a memory, in the order of the memories."""
        return [
            rule.params
            for number in self.point_sets
            for rule in self.sets[number]
            if has_memory(rule)
        ]


def one(*rules: Rule) -> Site:
    """A site of one point."""
    return Site([rules], [0], [0])


def timeline(happened: Iterable[Action]) -> list[tuple[str, Reading | int]]:
    """Turn steps into instants; the clock follows the latest time seen."""
    now = START
    result: list[tuple[str, Reading | int]] = []
    for entry in happened:
        if entry == "tick":
            result.append(("tick", (now + SECOND) // SECOND * SECOND))
        elif entry == "restart":
            result.append(("restart", 0))
        elif entry == "set back":
            now = max(now - 3600 * SECOND, START)
        else:
            point, step, delay, value, grade = entry  # type: ignore[misc]
            time = max(now + step, START)  # type: ignore[operator]
            now = max(now, time)
            result.append(("read", (point, time, time + delay, value, grade)))  # type: ignore[operator]
    return result


def feed(bank: Bank, batch: Sequence[Reading]) -> list[Edge]:
    """Give one batch to the kernels."""
    columns = list(zip(*batch, strict=True)) or [()] * 5
    edges, _ = bank.take(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.int64),
        np.array(columns[2], np.int64),
        np.array(columns[3], np.float64),
        np.array(columns[4], np.uint8),
    )
    return edges


def read(second: float, value: float, grade: int = 0, *, delay: int = 0) -> Reading:
    """A reading of the first point, of so many seconds after the begin."""
    time = START + int(second * SECOND)
    return (0, time, time + delay, value, grade)


def at_once(
    values: Iterable[float], *, every: int = SECOND, begin: int = START, grade: int = 0
) -> list[Reading]:
    """Readings of the first point that come as soon as they are made, `every` ns."""
    return [
        (0, begin + n * every, begin + n * every, value, grade) for n, value in enumerate(values)
    ]


def told(edges: Iterable[Edge], *, begin: int = START) -> list[tuple[int, bool, float]]:
    """Edges as (row, began, seconds since the begin)."""
    return [(edge.row, edge.began, (edge.time - begin) / SECOND) for edge in edges]


def bits(edge: object) -> Bits:
    """An edge with its value as bits, so that NaN equals itself; the index apart."""
    row, began = edge.row, edge.began  # type: ignore[attr-defined]
    value = np.float64(edge.value).tobytes()  # type: ignore[attr-defined]
    rest = (edge.time, edge.predicted, edge.historical)  # type: ignore[attr-defined]
    return (row, began, value, *rest)


def remembered(site: Site, bank: Bank) -> list[Bits]:
    """What each detector that has seen a value keeps: since when, and its numbers as bits."""
    used = [KEPT[type(params)] for params in site.remembering()]
    return [
        (int(memory["since"]), *(number.tobytes() for number in memory["kept"][:count]))
        for memory, count in zip(bank.state.memory, used, strict=True)
        if memory["since"] != NEVER
    ]


def run(
    site: Site,
    events: Iterable[tuple[str, Reading | int]],
    *,
    size: int = 1000,
    bank: Bank | None = None,
) -> tuple[list[Bits], Bank]:
    """Run a timeline in batches of at most `size` readings, with empty ones between them."""
    bank = site.bank() if bank is None else bank
    found: list[Bits] = []
    waiting: list[Reading] = []

    def flush() -> None:
        for begin in range(0, len(waiting), size):
            found.extend(bits(edge) for edge in feed(bank, waiting[begin : begin + size]))
            found.extend(bits(edge) for edge in feed(bank, []))
        waiting.clear()

    for verb, value in events:
        if verb == "read":
            waiting.append(value)  # type: ignore[arg-type]
            continue
        flush()
        if verb == "tick":
            found.extend(bits(edge) for edge in bank.tick(value))  # type: ignore[arg-type]
        else:
            bank = site.restarted(bank)
    flush()
    return found, bank


def agree(site: Site, events: Sequence[tuple[str, Reading | int]]) -> list[Bits]:
    """Run kernels and twin; they must agree on edges and on all that is kept. Return the edges.

    What is kept is compared every few events: a last bit that differs is soon forgotten.
    """
    every: list[Bits] = []
    reference, bank = site.plain(), site.bank()
    for begin in range(0, len(events), OFTEN):
        part = events[begin : begin + OFTEN]
        found, bank = run(site, part, bank=bank)
        assert found == _plainly(reference, part)
        _same(site, bank, reference)
        every += found
    return every


def _plainly(reference: Reference, events: Iterable[tuple[str, Reading | int]]) -> list[Bits]:
    take: Callable[..., Iterable[object]] = reference.take
    found: list[Bits] = []
    for verb, value in events:
        if verb == "read":
            found.extend(bits(edge) for edge in take(0, *value))  # type: ignore[misc]
        elif verb == "tick":
            found.extend(bits(edge) for edge in reference.tick(value))  # type: ignore[arg-type]
    return found


def _same(site: Site, bank: Bank, reference: Reference) -> None:
    heard = [point.heard for point in reference.points]
    assert [None if h < 0 else h for h in bank.heard.tolist()] == heard
    quiet = [point.quiet_until for point in reference.points]
    known = [bank.newest(point).quiet for point in range(len(quiet))]
    assert [None if q < 0 else q for q in known] == quiet
    active = [row for row, (_, rule) in enumerate(reference.rules) if rule.active]
    assert bank.active_rows() == active
    assert remembered(site, bank) == [
        (row.start, *(np.float64(number).tobytes() for number in row.memory.values()))
        for _, row in reference.rules
        if row.memory
    ]
    due = [end for _, row in reference.rules if (end := row.due()) is not None]
    assert bank.next_due() == min(due, default=-NEVER)
