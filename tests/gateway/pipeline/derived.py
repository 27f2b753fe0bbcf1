"""A site with three oxygen heads in one room, and what is derived from them."""

from __future__ import annotations

from pathlib import Path

from gateway.pipeline.plant import Plant
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
