"""A site whose combustible gas sensors need oxygen, by a profile of its own."""

from __future__ import annotations

from pathlib import Path

from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import load_site
from tests.gateway.pipeline.derived import HEAD

PROFILE = """id = "acme/cat"
title_en = "Catalytic head with oxygen"
title_zh = "催化探头"
vendor = "Acme"
model = "cat"
payload = "json"
time = "/ts"
interval = "1s"
[channel.gas]
pointer = "/gas"
quantity = "combustible"
unit = "%LEL"
range = [0, 100]
principle = "catalytic"
min_oxygen = 10
[channel.o2]
pointer = "/o2"
quantity = "o2"
unit = "%vol"
range = [0, 30]
[channel.co]
pointer = "/co"
quantity = "co"
unit = "ppm"
range = [0, 1000]
[[example]]
payload = '{"ts": 1767225600, "gas": 1, "o2": 20.9, "co": 0}'
expect = { gas = 1, o2 = 20.9, co = 0 }
"""
DEVICE = """[[device]]
id = "d{n}"
profile = "acme/cat"
area = "CS1"
topic = "plant/d{n}"
"""
GAS = """[[device.point]]
channel = "gas"
tag = "GT-{n}"
limits = {{ h = 25, hh = 50, deadband = 1 }}
{more}
"""
OXYGEN = """[[device.point]]
channel = "o2"
tag = "OT-{n}"
limits = {{ l = 19.5 }}
"""


def device(n: int, *points: str, more: str = "") -> str:
    """One device with these points."""
    return DEVICE.format(n=n) + "".join(point.format(n=n, more=more) for point in points)


def write(folder: Path, *devices: str) -> Path:
    """A site file with its profile beside it."""
    profile = folder / "profiles" / "acme" / "cat.toml"
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text(PROFILE, encoding="utf-8")
    path = folder / "site.toml"
    path.write_text(HEAD + "".join(devices), encoding="utf-8")
    return path


def plant(folder: Path, *devices: str) -> Plant:
    """The bound site."""
    return load_site(write(folder, *devices)).plant
