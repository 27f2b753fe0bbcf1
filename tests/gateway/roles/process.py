"""A reactor with two temperatures that go together, a pressure and a flow, and its recordings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

SECOND = 1_000_000_000
PERIOD = 60 * SECOND
#: On a whole period.
BEGIN = 1_790_000_040
MEMBERS = ("R1-TT-101", "R1-TT-102", "R1-PT-201", "R1-FT-301")
HEAD = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1883"
[[area]]
id = "R1"
name = "Reactor"
hazard = "hazardous_chemicals"
"""
DEVICE = """[[device]]
id = "{id}"
profile = "generic/json"
area = "R1"
topic = "plant/{id}"
"""
POINT = """[[device.point]]
channel = "{tag}"
pointer = "/{tag}"
tag = "{tag}"
unit = "{unit}"
range = [0, 200]
interval = "60s"
limits = {{ h = 130, l = 20 }}
"""
PROCESS = """[[derived]]
tag = "R1-UX-101"
area = "R1"
name = "Reactor as a whole"
process = { points = ["R1-TT-101", "R1-TT-102", "R1-PT-201", "R1-FT-301"], period = "60s", model = "r1.model.json" }
"""  # noqa: E501
UNITS = {"R1-TT-101": "degC", "R1-TT-102": "degC", "R1-PT-201": "kPa", "R1-FT-301": "m3/h"}
DEVICES = {"t1": ("R1-TT-101", "R1-PT-201"), "t2": ("R1-TT-102", "R1-FT-301", "R1-LT-401")}


def text(process: str = PROCESS) -> str:
    """The site file."""
    devices = ""
    for device, tags in DEVICES.items():
        devices += DEVICE.format(id=device)
        devices += "".join(POINT.format(tag=tag, unit=UNITS.get(tag, "%")) for tag in tags)
    return HEAD + devices + process


def write_site(folder: Path, process: str = PROCESS) -> Path:
    """Write the site file; return its path."""
    path = folder / "site.toml"
    path.write_text(text(process), encoding="utf-8")
    return path


def values(frames: int, seed: int) -> npt.NDArray[np.float64]:
    """Normal running, shape (frames, 4): one slow state behind all, noise on each."""
    chance = np.random.default_rng(seed)
    seen = np.array([4.0, 3.8, 2.0, -1.5])
    state, found = chance.normal(), np.empty((frames, 4))
    keep = math.exp(-1 / 5)
    for row in found:
        state = keep * state + math.sqrt(1 - keep**2) * chance.normal()
        row[:] = 80.0 + state * seen + 0.4 * chance.normal(size=4)
    return found


def drifted(frames: int, seed: int, begin: int) -> npt.NDArray[np.float64]:
    """Normal running in which one of the two temperatures drifts off by 5 degrees from `begin`."""
    found = values(frames, seed)
    found[begin:, 0] += np.minimum(0.25 * np.arange(frames - begin), 5.0)
    return found


def write_recording(path: Path, frames: npt.NDArray[np.float64], *, begin: int = BEGIN) -> Path:
    """Write a wide recording, a row a minute, with one point more that is no member."""
    lines = [f"time,{','.join(MEMBERS)},R1-LT-401"]
    for number, row in enumerate(frames.tolist()):
        cells = ["" if math.isnan(value) else f"{value:.4f}" for value in row]
        lines.append(f"{begin + 60 * number},{','.join(cells)},50")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
