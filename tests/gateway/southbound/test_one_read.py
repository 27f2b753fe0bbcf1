"""Messages of one read of the socket came one after the other, also where none states a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_profiles.quality import Quality
from gateway.observe import Metrics
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch
from gateway.roles.edge.site import load_site
from gateway.southbound.arrivals import MARKER, Arrivals, Message
from gateway.southbound.ingest import FUTURE_NS, Ingest
from gateway.southbound.mqtt import BrokerSession
from gateway.southbound.settings import BrokerSettings
from tests.gateway.southbound.test_ingest import NOW, SITE, message

SECOND = 1_000_000_000
#: How a message can have no time of its own: its `ts`, and whether it waited behind a fence.
OURS = {
    "fenced": (b"", True, Quality.FENCED),
    "missing": (b"", False, Quality.TIME_MISSING),
    "no time": (b'"ts": "never", ', False, Quality.TIME_IMPLAUSIBLE),
    "in the future": (
        b'"ts": %d, ' % ((NOW + 2 * FUTURE_NS) // 1_000_000), False, Quality.TIME_FUTURE,
    ),
}  # fmt: skip


def plant_of(folder: Path, old: str = "", new: str = "") -> Plant:
    """The site, with a text of it replaced."""
    assert old in SITE
    text = SITE.replace(old, new)
    path = folder / "site.toml"
    path.write_text(text, encoding="utf-8")
    return load_site(path).plant


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    return plant_of(tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    """The first point's limit has an on-delay."""
    folder = tmp_path_factory.mktemp("patient")
    return plant_of(folder, "h = 100,", 'h = 100, on_delay = "5s",')


def read(plant: Plant, said: bytes, *values: int, fenced: bool = False) -> ReadingBatch:
    """What messages of one read hold."""
    sent = [message(b'{%s"a": %d, "b": [50]}' % (said, value)) for value in values]
    return Ingest(plant, Metrics()).take(Arrivals.of(sent, received_ns=NOW, fenced=fenced)).batch


@pytest.mark.parametrize(("said", "fenced", "quality"), OURS.values(), ids=OURS)
def test_times_that_are_ours_increase_in_the_order_of_arrival(
    plant: Plant,
    said: bytes,
    fenced: bool,  # noqa: FBT001
    quality: Quality,
) -> None:
    """No two messages of a read are of one instant, the points of one message are."""
    batch = read(plant, said, 20, 20, 150, fenced=fenced)
    assert batch.time_ns.tolist() == [NOW, NOW, NOW + 1, NOW + 1, NOW + 2, NOW + 2]
    assert set(batch.received_ns.tolist()) == {NOW}
    assert set(batch.quality.tolist()) == {int(quality)}


def test_a_device_that_is_given_our_time_is_believed_in_order(tmp_path: Path) -> None:
    """With `time = "received"` the last of a read is GOOD and on time: it clears what was."""
    plant = plant_of(tmp_path, 'time = "/ts"', 'time = "received"')
    batch = read(plant, b"", 20, 150, 20)
    assert set(batch.quality.tolist()) == {int(Quality.GOOD)}
    found, counts = Engine(plant).process(batch)
    assert [(each.active, each.historical) for each in found] == [(True, False), (False, False)]
    assert counts.late == counts.out_of_order == 0


@pytest.mark.parametrize(("values", "live"), [((20, 150), True), ((150, 20), False)])
def test_what_came_last_from_behind_a_fence_says_whether_it_is_live(
    plant: Plant,
    values: tuple[int, int],
    live: bool,  # noqa: FBT001
) -> None:
    """A queue that ends in alarm sounds; one that came back to normal makes no siren sound."""
    engine = Engine(plant)
    engine.process(read(plant, b"", *values, fenced=True))
    assert engine.live(["gw/A/h"]) == ["gw/A/h"] * live


@pytest.mark.parametrize("why", [each for each in OURS if each != "fenced"])
def test_an_on_delay_begins_with_the_last_of_a_read(patient: Plant, why: str) -> None:
    """A device whose clock is missing or wrong goes to 150 within one read: the alarm comes."""
    engine = Engine(patient)
    engine.process(read(patient, OURS[why][0], 20, 150))
    edges = [edge for second in range(1, 8) for edge in engine.tick(NOW + second * SECOND)]
    assert [each.active for each in edges] == [True]
    assert patient.definitions[edges[0].row].alarm == "gw/A/h"


class Clock:
    """A clock that anybody sets, also back."""

    ns = NOW

    def now_ns(self) -> int:
        return self.ns

    monotonic_ns = now_ns


class Session:
    """A session that was handed packets; nothing is connected."""

    def __init__(self) -> None:
        self.clock = Clock()
        #: The instant of each message.
        self.instants: list[int] = []
        self.link = BrokerSession(
            BrokerSettings(url="mqtt://127.0.0.1:1"),
            node="gw",
            filters=(),
            clock=self.clock,
            deliver=self.deliver,
            changed=lambda _: None,
        )

    def deliver(self, arrivals: Arrivals) -> bool:
        self.instants += range(arrivals.received_ns, arrivals.received_ns + len(arrivals))
        return True

    def read(self, said: str) -> list[int]:
        """Hand over what one read brought, `m` for a marker; return all instants so far."""
        sent = [Message("x", MARKER if each == "m" else b"1", own=each == "m") for each in said]
        laid = Arrivals.of(sent, received_ns=0)
        self.link._hand_over(laid.buffer, laid.spans)
        return self.instants


def test_no_two_messages_of_a_session_have_one_instant() -> None:
    """Cut after a marker, or read again before the clock has moved: each is later than the last."""
    session = Session()
    session.read("1m11")
    session.read("11")
    session.clock.ns = NOW + 2
    assert session.read("1") == [NOW + n for n in range(7)]
    session.clock.ns = NOW + SECOND
    assert session.read("1")[-1] == NOW + SECOND


def test_a_clock_that_is_set_back_is_followed() -> None:
    """What is read has the time that the clock shows, not that of before."""
    session = Session()
    session.read("1")
    session.clock.ns = NOW - SECOND
    assert session.read("1") == [NOW, NOW - SECOND]
