"""Whom a node takes orders from: the key it was paired with, until it is paired again."""

from __future__ import annotations

import stat
from pathlib import Path

import msgspec
import pytest

from gateway.northbound import trust as module
from gateway.northbound import wire
from gateway.northbound.trust import Pin, Trust, keep_pin, pin_of, pin_path, read_pin
from tests.gateway.northbound.test_pairing import buy
from tests.gateway.supervision.world import World


def says(centre: str = "county", key: str = "aa") -> wire.HeartbeatAnswer:
    return wire.HeartbeatAnswer(
        clock_ns=0, anchored_seq=0, anchored_head="", centre=centre, public_key=key
    )


class Hearing:
    """A trust, and what it told and kept."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.kept: list[tuple[str, Pin]] = []
        self.trust = Trust(
            told=lambda receiver, news, pin: self.told.append((receiver, news, pin.public_key)),
            keep=lambda receiver, pin: self.kept.append((receiver, pin)),
        )


async def test_pairing_pins_the_parent(world: World, tmp_path: Path) -> None:
    """Beside the token stands who the centre is, in a file only its owner may read."""
    await buy(world.running.url, tmp_path, await world.running.invite("gw1"))
    token = tmp_path / "parent.token"
    pin = read_pin(token)
    assert pin is not None
    assert pin.centre == "county"
    child = await world.child("gw2")
    beat = msgspec.json.decode((await child.beat()).content, type=wire.HeartbeatAnswer)
    assert pin == pin_of(beat)
    assert stat.S_IMODE(pin_path(token).stat().st_mode) == 0o600


async def test_pairing_again_accepts_another_centre(world: World, tmp_path: Path) -> None:
    """What was pinned before, and the keys of those above, go with the old credential."""
    token = tmp_path / "parent.token"
    keep_pin(token, Pin(centre="old", public_key="00", above={"city": "11"}))
    await buy(world.running.url, tmp_path, await world.running.invite("gw1"))
    pin = read_pin(token)
    assert pin is not None
    assert (pin.centre, pin.above) == ("county", {})


def test_the_first_answer_is_believed_and_kept() -> None:
    """A credential from before signatures learns its parent's key with the first heartbeat."""
    hearing = Hearing()
    hearing.trust.begin("parent", None)
    hearing.trust.answered("parent", says())
    assert hearing.trust.pin("parent") == Pin(centre="county", public_key="aa")
    assert hearing.told == [("parent", "pinned", "aa")]
    assert hearing.kept == [("parent", Pin(centre="county", public_key="aa"))]


@pytest.mark.parametrize("other", [says(key="bb"), says(centre="city")])
def test_another_key_is_not_believed(other: wire.HeartbeatAnswer) -> None:
    """It is told once and kept nowhere; when the known one answers again, that is told too."""
    hearing = Hearing()
    pin = Pin(centre="county", public_key="aa")
    hearing.trust.begin("parent", pin)
    for _ in range(3):
        hearing.trust.answered("parent", other)
    assert hearing.trust.strange
    assert hearing.trust.pin("parent") == pin
    hearing.trust.answered("parent", says())
    assert not hearing.trust.strange
    assert [news for _, news, _ in hearing.told] == ["another key", "known again"]
    assert hearing.kept == []


def test_a_parent_that_does_not_sign_pins_nothing() -> None:
    """A parent before signatures says nothing of itself; what is known of it stays."""
    hearing = Hearing()
    answer = wire.HeartbeatAnswer(clock_ns=0, anchored_seq=0, anchored_head="")
    hearing.trust.answered("parent", answer)
    assert hearing.trust.pin("parent") is None
    hearing.trust.answered("parent", says())
    hearing.trust.answered("parent", answer)
    assert hearing.trust.pin("parent") == Pin(centre="county", public_key="aa")


def test_receivers_are_apart() -> None:
    """The key of the screen says nothing of the parent."""
    hearing = Hearing()
    hearing.trust.answered("screen", says("gw-screen", "cc"))
    assert hearing.trust.pin("parent") is None


def test_centres_above_are_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first key of each stands and is kept; one too many has no place."""
    monkeypatch.setattr(module, "ABOVE_KEPT", 2)
    hearing = Hearing()
    hearing.trust.begin("parent", Pin(centre="county", public_key="aa"))
    assert [hearing.trust.remember("parent", f"c{n}", f"{n}") for n in range(3)] == [
        True,
        True,
        False,
    ]
    assert hearing.kept[-1][1].above == {"c0": "0", "c1": "1"}


def test_a_broken_file_is_as_none(tmp_path: Path) -> None:
    """What cannot be read pins nothing, and is no error."""
    token = tmp_path / "parent.token"
    assert read_pin(token) is None
    pin_path(token).write_text("{half")
    assert read_pin(token) is None
