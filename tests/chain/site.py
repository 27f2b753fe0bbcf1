"""A site for the chain tests: many points, limits with and without delays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

POINTS = 24


def site_text(
    broker: str,
    *,
    parent: str = "",
    code_file: str = "",
    points: int = POINTS,
    delayed: bool = True,
    interval: str = "10min",
    tables: str = "",
    node: str = "chain-gw",
) -> str:
    """Return a site file: a point a device, with H and HH; every third with a delay of 2 s.

    `tables` stand in it as they are: a siren, a store's folder, metrics.
    """
    above = f'[parent]\nurl = "{parent}"\ncode_file = "{code_file}"\n' if parent else ""
    text = f"""[node]
id = "{node}"
division = "330106003000"
enterprise = {{ name = "Chain" }}
[broker]
url = "{broker}"
{above}{tables}
[[area]]
id = "A1"
name = "Machine room"
hazard = "ammonia_refrigeration"
"""
    for number in range(points):
        delay = ', on_delay = "2s"' if delayed and number % 3 == 0 else ""
        text += f"""
[[device]]
id = "d{number:02}"
profile = "generic/json"
area = "A1"
topic = "plant/d{number:02}"
time = "/ts"
[[device.point]]
channel = "nh3"
pointer = "/v"
tag = "T{number:02}"
unit = "ppm"
range = [0, 1000]
interval = "{interval}"
limits = {{ h = 100, hh = 500, deadband = 5{delay} }}
"""
    return text


def centre_text(
    folder: Path, *, port: int = 0, node: str = "chain-gw", others: Sequence[str] = ()
) -> str:
    """Return a centre's file that invites one node, and maybe others."""
    return (
        f'[node]\nid = "chain-centre"\nname = "Chain centre"\ndivision = "330106000000"\n'
        f'[listen]\naddress = "127.0.0.1:{port}"\n[store]\nfolder = "{folder}"\n'
        f"[pairing]\nnodes = {[node, *others]}\n"
    )
