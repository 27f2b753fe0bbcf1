"""`alarms list` as a person reads it, and orders that name what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.alarms.catalogue import Catalogue
from gateway.alarms.definitions import AlarmDefinition
from gateway.alarms.desk import Desk
from gateway.cli.output import local
from gateway.db import lock
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS, Cause, Detection
from gateway.roles.edge.site import load_site
from tests.gateway.alarms.desks import HOUR, NOW, request
from tests.gateway.cli.desks import kept
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import write_site

WHO = ("--operator", "Li Lei", "--comment", "seen")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """gw/A/h stands acknowledged; gw/A/hh was shelved and has cleared; gw/B/h is unacknowledged."""
    path = write_site(tmp_path, port=1)
    text = path.read_text().replace('tag = "A"', 'tag = "A"\nname = "压缩机 1"')
    path.write_text(text, encoding="utf-8")
    definitions = load_site(path).plant.definitions
    desk = Desk(definitions, Chain(Identity("gw", "l" * 16, "e" * 16)))
    rows = {definition.alarm: row for row, definition in enumerate(definitions)}

    def edge(alarm: str, value: float, second: int, *, active: bool = True) -> Detection:
        at = NOW + second * NANOSECONDS
        return Detection(row=rows[alarm], active=active, time_ns=at, received_ns=at, value=value)

    told = [
        *desk.detect(edge("gw/A/h", 160.0, 1)),
        *desk.detect(edge("gw/A/hh", 600.0, 2)),
        *desk.order(request(desk, Cause.SHELVE, "gw/A/hh"), now_ns=NOW),
        *desk.order(request(desk, Cause.ACKNOWLEDGE, "gw/A/h"), now_ns=NOW + 60 * NANOSECONDS),
        *desk.order(request(desk, Cause.ACKNOWLEDGE, "gw/A/hh"), now_ns=NOW),
        *desk.detect(edge("gw/A/hh", 300.0, 3, active=False)),
        *desk.detect(edge("gw/B/h", 130.0, 90)),
    ]
    kept(tmp_path / "data", told)
    return path


def test_the_list_is_for_people(site: Path, tmp_path: Path) -> None:
    """Columns stand one below the other: since when, at what value, which point; never None."""
    with lock(tmp_path / "data"):
        found = hazgate("alarms", "list", "--config", site)
    head, acked, aside, unacked, last = found.stdout.splitlines()
    assert head.split()[:6] == ["state", "priority", "raised", "value", "limit", "alarm"]
    for line, words in (
        (acked, ("ACKED", local(NOW + NANOSECONDS), "160 ppm", "100 ppm", "gw/A/h ", "压缩机 1")),
        (unacked, ("UNACK", local(NOW + 90 * NANOSECONDS), "130 ppm", "gw/B/h")),
    ):
        assert all(word in line for word in words)
    assert [line.index("gw/") for line in (acked, aside, unacked)] == [head.index("alarm")] * 3
    assert "None" not in found.stdout
    assert last.startswith("2 alarm(s) stand")


def test_what_is_put_aside_is_told(site: Path, tmp_path: Path) -> None:
    """A shelved alarm says until when, and one whose condition has ended is not said to stand."""
    with lock(tmp_path / "data"):
        found = hazgate("alarms", "list", "--config", site)
    *_, aside, _, last = found.stdout.splitlines()
    assert aside.split()[:4] == ["NORM", "high", "-", "-"]
    assert f"shelved until {local(NOW + HOUR)}" in aside
    assert last == "2 alarm(s) stand; 1 put aside"


def test_a_list_without_an_edge_is_not_live(site: Path, tmp_path: Path) -> None:
    """The list says that nobody keeps it and from when it is; with an edge it says nothing."""
    found = hazgate("alarms", "list", "--config", site)
    assert found.exit_code == 0
    first = found.stdout.splitlines()[0]
    assert first.startswith("NOT LIVE: no edge runs on this store")
    assert local(NOW + 90 * NANOSECONDS) in first
    told = figures(hazgate("alarms", "list", "--config", site, "--json"))
    assert told["edge_runs"] is False
    with lock(tmp_path / "data"):
        assert "NOT LIVE" not in hazgate("alarms", "list", "--config", site).stdout
        told = figures(hazgate("alarms", "list", "--config", site, "--json"))
    assert told["edge_runs"] is True
    row = next(row for row in told["alarms"] if row["alarm"] == "gw/A/h")
    assert (row["raised_value"], row["name"], row["revision"]) == (160.0, "压缩机 1", 2)


def test_looking_leaves_the_store_to_its_edge(site: Path, tmp_path: Path) -> None:
    """An edge can start while and after somebody looked: the folder is given back."""
    for _ in range(3):
        hazgate("alarms", "list", "--config", site)
        lock(tmp_path / "data").close()
        assert figures(hazgate("alarms", "list", "--config", site, "--json"))["edge_runs"] is False


def test_an_order_without_an_edge_is_told_at_once(site: Path) -> None:
    """Nobody waits ten seconds for an edge that does not run, and no order is left behind."""
    found = hazgate("alarms", "ack", "gw/B/h", "--config", site, *WHO)
    assert found.exit_code == 1
    assert "no edge runs on this store" in found.stderr


@pytest.mark.parametrize(
    ("typed", "meant"), [("B/h", "gw/B/h"), ("gw/B/hx", "gw/B/h"), ("gw/b/no_data", "gw/B/no_data")]
)
def test_who_misspells_an_alarm_is_told_what_was_meant(site: Path, typed: str, meant: str) -> None:
    """The node left out, a letter too many: the alarm that was meant, also one that never rose."""
    found = hazgate("alarms", "ack", typed, "--config", site, *WHO)
    assert found.exit_code == 1
    assert f"did you mean {meant}" in found.stderr


def test_who_names_something_else_is_told_what_stands(site: Path) -> None:
    """Nothing near: the form of an id, and what stands."""
    found = hazgate("alarms", "ack", "compressor", "--config", site, *WHO)
    assert found.exit_code == 1
    assert "write node/tag/rule; standing: gw/A/h, gw/A/hh, gw/B/h" in found.stderr


POINT = """[[device.point]]
channel = "nh3"
pointer = "/t{n}"
tag = "T{n:04}"
unit = "ppm"
range = [0, 1000]
interval = "10min"
limits = {{ h = 100 }}
"""


def test_no_order_goes_through_every_alarm(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known alarm is found at once; a slip is compared with those that are most like it."""
    points = "".join(POINT.format(n=n) for n in range(1_000))
    site.write_text(site.read_text(encoding="utf-8") + points, encoding="utf-8")
    monkeypatch.setattr("gateway.cli.alarms.COMPARED", 10)
    made: list[AlarmDefinition] = []
    named = Catalogue._named

    def counted(self: Catalogue, shared: AlarmDefinition, point: int) -> AlarmDefinition:
        found = named(self, shared, point)
        made.append(found)
        return found

    monkeypatch.setattr(Catalogue, "_named", counted)
    known = hazgate("alarms", "ack", "gw/T0500/h", "--config", site, *WHO)
    assert "no edge runs" in known.stderr
    assert made == []
    for wrong in ("gw/T05000/h", "T0500/h", "gw/T0500/hi"):
        slip = hazgate("alarms", "ack", wrong, "--config", site, *WHO)
        assert slip.exit_code == 1
        assert "did you mean gw/T0500/h" in slip.stderr
        assert 0 < len(made) <= 10 * 5
        made.clear()
