"""The workload is what it says: points, rules, and one transition in 1,000 messages."""

from __future__ import annotations

import resource
from collections import Counter
from pathlib import Path

import pytest

from bench.workload import (
    NATION,
    SPAN_MS,
    STATIONS,
    UNITS,
    Shape,
    messages,
    transitions,
    write_site,
)
from detectors.limit import LimitParams
from detectors.reason import ReasonParams
from detectors.stuck import StuckParams
from device_profiles.quality import Quality
from gateway.observe import Metrics
from gateway.pipeline.engine import Engine
from gateway.roles.edge.site import Site, load_site
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.ingest import Ingest

NOW_MS = 1_767_225_600_000


def site_of(folder: Path, shape: Shape) -> Site:
    """Return the bench's own site, checked as the edge checks it."""
    return load_site(write_site(folder, shape, broker="mqtt://127.0.0.1:1", version="5", metrics=1))


def received(packet: bytes) -> Message:
    """Return a packet at QoS 0 as the edge's session hands it on."""
    start = 1
    while packet[start] & 0x80:
        start += 1
    body = packet[start + 1 :]
    end = 2 + int.from_bytes(body[:2], "big")
    topic = body[2:end].decode()
    return Message(topic, body[end:])


@pytest.mark.parametrize(("shape", "points"), [(STATIONS, 4_000), (UNITS, 4_000)])
def test_every_point_has_every_detector_that_is_always_on(
    tmp_path: Path, shape: Shape, points: int
) -> None:
    """The site passes `check`; a point has four limits, rate, trend, its faults, maybe stuck."""
    plant = site_of(tmp_path, shape).plant
    assert len(plant.points) == points == shape.points
    kinds = Counter(
        type(rule.params) for each in plant.point_sets for rule in plant.rule_sets[each]
    )
    stuck = kinds.pop(StuckParams)
    assert stuck == shape.devices * sum(c.noise_floor is not None for c in shape.channels) > 0
    assert kinds.pop(LimitParams) == 4 * points
    assert kinds.pop(ReasonParams) == 2 * points  # without a value, and beyond the range
    assert set(kinds.values()) == {points}
    assert len(kinds) == 2


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


@pytest.mark.more
def test_a_plant_of_440_000_points_fits(tmp_path: Path) -> None:
    """It costs less than 1 KB a point, with four million alarms, each found by its id."""
    before = resident()
    plant = site_of(tmp_path, NATION).plant
    assert len(plant.points) == NATION.points == 440_000
    assert resident() - before < 1_000 * NATION.points
    assert len(plant.definitions) == 440_000 * 9 + 8_800 * (
        sum(each.noise_floor is not None for each in NATION.channels) + 1  # the device's clock
    )
    last = plant.definitions[len(plant.definitions) - 1]
    assert (last.tag, last.rule) == ("d8799-p00", "clock")
    rules = ("d0000-p00/hh", "d4321-p31/stuck", "d8799-p49/no_data", "d8799-p00/clock")
    for alarm in (f"bench-gw/{each}" for each in rules):
        number = plant.definitions.find(alarm)
        assert number is not None
        assert plant.definitions[number].alarm == alarm


@pytest.mark.parametrize("shape", [STATIONS, UNITS])
def test_one_message_in_a_thousand_makes_a_transition(tmp_path: Path, shape: Shape) -> None:
    """The messages decode whole, GOOD and on time, and move as many alarms as is claimed."""
    count = 10_000
    plant = site_of(tmp_path, shape).plant
    engine, ingest = Engine(plant), Ingest(plant, Metrics())
    said = [received(packet) for packet in messages(shape, count, qos=0, now_ms=NOW_MS)]
    taken = ingest.take(Arrivals.of(said, received_ns=NOW_MS * 1_000_000))
    assert len(taken.batch) == count * len(shape.channels)
    assert not taken.quarantined
    assert set(taken.batch.quality.tolist()) == {int(Quality.GOOD)}
    assert int(taken.batch.time_ns.max()) == NOW_MS * 1_000_000
    assert int(taken.batch.time_ns.min()) >= (NOW_MS - SPAN_MS) * 1_000_000
    detections, counts = engine.process(taken.batch)
    assert len(detections) == transitions(shape, count) == count // 1_000
    assert (counts.late, counts.out_of_order, counts.ignored, counts.held) == (0, 0, 0, 0)
