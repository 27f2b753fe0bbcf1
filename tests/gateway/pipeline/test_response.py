"""How long a statutory alarm takes, from the parts that are stated."""

from __future__ import annotations

from pathlib import Path

from gateway.pipeline.response import responses
from gateway.roles.edge.site import load_site

SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "Site" }
[broker]
url = "mqtt://127.0.0.1"
[[area]]
id = "CS"
name = "Sewage pit"
hazard = "confined_space"
[[device]]
id = "gas"
profile = "generic/multigas-4"
area = "CS"
topic = "p/gas"
[[device.point]]
channel = "o2"
tag = "O2"
unit = "%vol"
interval = "4s"
rules = ["confined.oxygen"]
[[device]]
id = "plain"
profile = "generic/number"
area = "CS"
topic = "p/plain"
[[device.point]]
channel = "value"
tag = "CO"
unit = "ppm"
range = [0, 500]
interval = "10s"
rules = ["confined.co"]
"""


def test_the_sum_of_interval_t90_and_delay(tmp_path: Path) -> None:
    """Each statutory alarm with its parts; a response that nobody states is told as such."""
    path = tmp_path / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    found = {each.alarm: each for each in responses(load_site(path).plant)}
    oxygen = found["gw/O2/confined.oxygen.l"]
    assert (oxygen.interval_s, oxygen.t90_s, oxygen.on_delay_s) == (4.0, 15.0, 0.0)
    assert oxygen.total_s == 19.0
    assert str(oxygen) == (
        "gw/O2/confined.oxygen.l (GB 46768-2025 5.9.1 a)): interval 4 s + T90 15 s + on-delay 0 s "
        "= 19 s"
    )
    plain = found["gw/CO/confined.co.h"]
    assert (plain.t90_s, plain.total_s) == (None, 10.0)
    assert "T90 not stated" in str(plain)
    assert "at least 10 s" in str(plain)


def test_only_statutory_alarms_are_told(tmp_path: Path) -> None:
    """A site's own limit, a trend, a silence have no standard to answer to."""
    path = tmp_path / "site.toml"
    first, _, _ = SITE.partition('[[device]]\nid = "plain"')
    own = first.replace('rules = ["confined.oxygen"]', "limits = { l = 19 }")
    path.write_text(own, encoding="utf-8")
    assert list(responses(load_site(path).plant)) == []
