"""What the siren panel hears."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from gateway.alarms.actions import EXPIRY_NS, NAMED, Siren, SirenCommand
from gateway.alarms.definitions import AlarmDefinition
from gateway.model import NANOSECONDS, Cause
from tests.gateway.alarms.desks import DEFINITIONS, GAS, HIGH, NOW, edge, make_desk, request

HIGH_ALARM, GAS_ALARM, _ = DEFINITIONS


class Panel:
    """Decodes what it is sent; `there` is whether a connection stands."""

    def __init__(self) -> None:
        self.heard: list[SirenCommand] = []
        self.there = True

    def take(self, payload: bytes) -> bool:
        if self.there:
            self.heard.append(msgspec.json.decode(payload, type=SirenCommand))
        return self.there


def test_the_panel_is_told_at_every_change_and_only_then() -> None:
    """A change is told at once, an update without one is not; the end is told as well."""
    panel = Panel()
    siren = Siren(panel.take)
    siren.update([], now_ns=NOW)
    assert panel.heard == []
    siren.update([HIGH_ALARM], now_ns=NOW)
    siren.update([HIGH_ALARM], now_ns=NOW + 1)
    siren.update([HIGH_ALARM, GAS_ALARM], now_ns=NOW + 2)
    siren.update([], now_ns=NOW + 3)
    assert [(command.on, command.alarms) for command in panel.heard] == [
        (True, [HIGH]), (True, [HIGH, GAS]), (False, [])
    ]  # fmt: skip


def test_the_heartbeat_says_what_sounds() -> None:
    """Each beat repeats the whole command under a new id and with an end ten seconds ahead."""
    panel = Panel()
    siren = Siren(panel.take)
    siren.marked(monotonic_ns=NOW)
    siren.beat(now_ns=NOW, monotonic_ns=NOW)
    siren.update([GAS_ALARM], now_ns=NOW + NANOSECONDS)
    siren.beat(now_ns=NOW + 2 * NANOSECONDS, monotonic_ns=NOW + 2 * NANOSECONDS)
    assert [(command.id, command.on) for command in panel.heard] == [
        (1, False), (2, True), (3, True)
    ]  # fmt: skip
    assert panel.heard[2].alarms == [GAS]
    for second, command in enumerate(panel.heard):
        assert command.made_ns == NOW + second * NANOSECONDS
        assert command.expires_ns == command.made_ns + EXPIRY_NS == command.made_ns + 10**10


def test_a_panel_that_was_away_hears_the_present_not_the_past() -> None:
    """Nothing is kept for a panel without a connection; the next beat tells what sounds now."""
    panel = Panel()
    siren = Siren(panel.take)
    panel.there = False
    siren.update([HIGH_ALARM], now_ns=NOW)
    siren.update([GAS_ALARM], now_ns=NOW + 1)
    panel.there = True
    siren.marked(monotonic_ns=NOW + NANOSECONDS)
    siren.beat(now_ns=NOW + NANOSECONDS, monotonic_ns=NOW + NANOSECONDS)
    assert [command.alarms for command in panel.heard] == [[GAS]]


def test_the_heartbeat_rests_on_the_marker() -> None:
    """No beat before a marker came through or five seconds after the last; changes are told."""
    panel = Panel()
    siren = Siren(panel.take)
    siren.beat(now_ns=NOW, monotonic_ns=NOW)
    assert panel.heard == []
    siren.marked(monotonic_ns=NOW)
    for second in range(8):
        siren.beat(now_ns=NOW + second * NANOSECONDS, monotonic_ns=NOW + second * NANOSECONDS)
    assert [command.made_ns - NOW for command in panel.heard] == [n * NANOSECONDS for n in range(6)]
    siren.update([GAS_ALARM], now_ns=NOW + 9 * NANOSECONDS)
    assert panel.heard[-1].on
    siren.marked(monotonic_ns=NOW + 10 * NANOSECONDS)
    siren.beat(now_ns=NOW + 10 * NANOSECONDS, monotonic_ns=NOW + 10 * NANOSECONDS)
    assert len(panel.heard) == 8


def test_the_siren_follows_the_desk() -> None:
    """A raise sounds, an acknowledgement silences, a second raise sounds again."""
    panel, desk = Panel(), make_desk()
    siren = Siren(panel.take)

    def told() -> bool:
        siren.update(desk.sounding(), now_ns=NOW)
        return panel.heard[-1].on

    desk.detect(edge())
    assert told()
    desk.order(request(desk, Cause.ACKNOWLEDGE), now_ns=NOW)
    assert not told()
    desk.detect(edge(active=False))
    desk.detect(edge())
    assert told()


def test_a_flood_fits_into_a_message() -> None:
    """However many sound, the first are named and all are counted."""
    panel = Panel()
    many = [msgspec.structs.replace(HIGH_ALARM, alarm=f"gw/T{n}/h") for n in range(30_000)]
    Siren(panel.take).update(many, now_ns=NOW)
    (command,) = panel.heard
    assert (command.count, len(command.alarms)) == (30_000, NAMED)
    assert command.alarms[0] == "gw/T0/h"


class Many(Collection[AlarmDefinition]):
    """A flood that counts how many of it are looked at."""

    def __init__(self, size: int) -> None:
        self.size, self.seen = size, 0

    def __len__(self) -> int:
        return self.size

    def __contains__(self, one: object) -> bool:
        raise NotImplementedError

    def __iter__(self) -> Iterator[AlarmDefinition]:
        for number in range(self.size):
            self.seen += 1
            yield msgspec.structs.replace(HIGH_ALARM, alarm=f"gw/T{number}/h")


def test_a_change_in_a_flood_looks_at_what_is_told() -> None:
    """However many sound, no more are gone through than a message names; each change is told."""
    panel, flood = Panel(), Many(30_000)
    siren = Siren(panel.take)
    for _ in range(10):
        siren.update(flood, now_ns=NOW)
    flood.size += 1
    siren.update(flood, now_ns=NOW)
    assert [command.count for command in panel.heard] == [30_000, 30_001]
    assert flood.seen <= 11 * NAMED
