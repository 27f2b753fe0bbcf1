"""A site with three oxygen heads in one room, and what is derived from them."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.pipeline.snapshot import Snapshot
from gateway.roles.edge.site import load_site

SECOND = 1_000_000_000
START = 1_790_000_000 * SECOND
HEAD = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1883"
[[area]]
id = "CS1"
name = "Tank"
hazard = "confined_space"
"""
DEVICE = """[[device]]
id = "d{n}"
profile = "generic/multigas-4"
area = "CS1"
topic = "plant/d{n}"
[[device.point]]
channel = "h2s"
tag = "AT-{n}"
"""
DERIVED = """[[derived]]
tag = "AT-VOTE"
area = "CS1"
vote = { of = ["AT-1", "AT-2", "AT-3"], need = 2 }
limits = { h = 10, deadband = 1 }
[[derived]]
tag = "AT-SPREAD"
area = "CS1"
spread = { of = ["AT-1", "AT-2"] }
limits = { h = 5, on_delay = "2s" }
[[derived]]
tag = "AT-DIFF"
area = "CS1"
deviation = { of = "AT-3", from = "AT-1" }
limits = { h = 20 }
[[derived]]
tag = "AT-STEL"
area = "CS1"
exposure = { of = "AT-1", measure = "stel" }
limits = { h = 8 }
"""


def text(derived: str = DERIVED) -> str:
    """The whole site file."""
    return HEAD + "".join(DEVICE.format(n=n) for n in (1, 2, 3)) + derived


def plant(folder: Path, derived: str = DERIVED) -> Plant:
    """The bound site."""
    path = folder / "site.toml"
    path.write_text(text(derived), encoding="utf-8")
    return load_site(path).plant


def kept(engine: Engine) -> dict[str, bytes]:
    """What a snapshot of an engine holds of derived points and of oxygen, by name."""
    saved = msgspec.msgpack.decode(engine.snapshot(), type=Snapshot)
    return {each.name: each.body for each in saved.derived}


def bank(engine: Engine) -> Snapshot:
    """What a snapshot of an engine holds of its bank."""
    saved = msgspec.msgpack.decode(engine.snapshot(), type=Snapshot)
    return msgspec.structs.replace(saved, derived=[])


def shortened(body: bytes, name: str) -> bytes:
    """A snapshot of which one record is a byte short."""
    saved = msgspec.msgpack.decode(body, type=Snapshot)
    assert name in {each.name for each in saved.derived}
    derived = [
        msgspec.structs.replace(each, body=each.body[:-1] if each.name == name else each.body)
        for each in saved.derived
    ]
    return msgspec.msgpack.encode(msgspec.structs.replace(saved, derived=derived))


def starts_anew(before: Engine, after: Engine, short: str, *, anew: set[str]) -> None:
    """Assert that with one record a byte short these are anew, and the rest is taken up."""
    fresh, saved = kept(after), kept(before)
    assert all(fresh[name] != saved[name] for name in anew)
    after.restore(shortened(before.snapshot(), short))
    assert bank(after) == bank(before)
    assert kept(after) == {name: (fresh if name in anew else saved)[name] for name in saved}
