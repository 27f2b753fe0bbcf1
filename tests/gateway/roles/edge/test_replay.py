"""Replay: the same bytes however it is run, and on real data what plain Python finds."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.roles.edge.site import Site, load_site
from gateway.roles.replay import replay_file

TEP = os.environ.get("HAZGATE_TEP", "")
HEAD = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1"
[[area]]
id = "A1"
name = "Reactor"
hazard = "hazardous_chemicals"
"""
POINT = """[[device]]
id = "d-{tag}"
profile = "generic/json"
area = "A1"
topic = "tep/{tag}"
[[device.point]]
channel = "x"
pointer = "/x"
tag = "{tag}"
unit = "{unit}"
interval = "{interval}"
limits = {{ {limits} }}
{more}
"""
#: Reactor pressure, level and temperature, each outside what 500 normal samples show; the largest
#: deadband that a return within normal operation still clears.
LIMITS = {
    "xmeas_07": ("kPa", {"hh": 2800.0, "h": 2740.0, "l": 2670.0, "ll": 2600.0}, 10.0),
    "xmeas_08": ("%", {"hh": 79.0, "h": 77.5, "l": 72.5, "ll": 70.0}, 0.5),
    "xmeas_09": ("degC", {"hh": 120.58, "h": 120.5, "l": 120.3, "ll": 120.2}, 0.02),
}


def site_of(folder: Path, *points: str) -> Site:
    path = folder / "site.toml"
    path.write_text(HEAD + "".join(points), encoding="utf-8")
    return load_site(path)


def replayed(site: Site, source: Path, batch: int = 4096) -> bytes:
    """The events of one replay."""
    out = source.with_suffix(f".{batch}.jsonl")
    replay_file(site, source, out, batch=batch)
    return out.read_bytes()


def moves(events: bytes) -> list[tuple[int, str, str, str]]:
    """(source time, tag, rule, cause) of every transition."""
    told = [json.loads(line) for line in events.splitlines()]
    return [(e["source_ns"], e["tag"], e["rule"], e["cause"]) for e in told if e["kind"] == "alarm"]


SMALL = [
    POINT.format(
        tag=tag, unit="ppm", interval="1s", limits=limits, more='trend = { horizon = "60s" }'
    )
    for tag, limits in (
        ("A", "h = 100, hh = 150, deadband = 5"),
        ("B", 'h = 100, on_delay = "1500ms", off_delay = "2s"'),
    )
]
CELLS = st.lists(
    st.tuples(
        st.integers(0, 3000),
        *[st.sampled_from(["", "20", "99", "100", "120", "160", "nan", "x"]) for _ in "AB"],
    ),
    min_size=1,
    max_size=80,
)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return site_of(tmp_path_factory.mktemp("small"), *SMALL)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CELLS, st.integers(1, 50))
def test_any_batch_size_gives_the_same_bytes(
    small: Site, tmp_path: Path, cells: list[tuple[int, str, str]], batch: int
) -> None:
    """Delays, silence, bad cells and jumps of time come out the same, one by one or at once."""
    source, now = tmp_path / "r.csv", 1_790_000_000_000
    lines = ["time,A,B"]
    for after, a, b in cells:
        now += after
        lines.append(f"{now},{a},{b}")
    source.write_text("\n".join(lines), encoding="utf-8")
    whole = replayed(small, source)
    assert replayed(small, source, batch) == whole
    assert replayed(small, source, 1) == whole


def test_delays_and_silence_run_on_the_recordings_time(small: Site, tmp_path: Path) -> None:
    """With no reading to end it a delay runs out at its whole second; silence comes when due."""
    source = tmp_path / "r.csv"
    source.write_text(
        "time,A,B\n1790000000.25,20,20\n1790000001.25,20,120\n1790000001.5,,120\n1790000010,20,20\n1790000012,20,20\n"
    )
    begin = 1_790_000_000 * 10**9
    found = [(at - begin, *rest) for at, *rest in moves(replayed(small, source))]
    second = 10**9
    assert found == [
        (3 * second, "B", "h", "raise"),
        (5 * second, "A", "no_data", "raise"),
        (5 * second, "B", "no_data", "raise"),
        (10 * second, "A", "no_data", "clear"),
        (10 * second, "B", "no_data", "clear"),
        (12 * second, "B", "h", "clear"),
    ]  # fmt: skip


def tep_site(folder: Path) -> Site:
    return site_of(
        folder,
        *(
            POINT.format(
                tag=tag,
                unit=unit,
                interval="3min",
                limits=", ".join(f"{k} = {v}" for k, v in limits.items())
                + f", deadband = {deadband}",
                more="",
            )
            for tag, (unit, limits, deadband) in LIMITS.items()
        ),
    )


def crossings(source: Path) -> Iterator[tuple[str, str, str, str]]:
    """(time, tag, rule, cause) by comparing numbers, in plain Python."""
    active: set[tuple[str, str]] = set()
    with gzip.open(source, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for tag, (_, limits, deadband) in LIMITS.items():
                value = float(row[tag])
                for rule, limit in limits.items():
                    high = rule in {"h", "hh"}
                    begins = value >= limit if high else value <= limit
                    ends = value < limit - deadband if high else value > limit + deadband
                    key = (tag, rule)
                    if key not in active and begins:
                        active.add(key)
                        yield row["time"], tag, rule, "raise"
                    elif key in active and ends:
                        active.discard(key)
                        yield row["time"], tag, rule, "clear"


@pytest.mark.skipif(not Path(TEP).is_dir() or not TEP, reason="HAZGATE_TEP names no folder")
@pytest.mark.parametrize("name", ["normal_train", "fault01_test", "fault06_test", "fault07_test"])
def test_tennessee_eastman_alarms_are_those_of_plain_python(tmp_path: Path, name: str) -> None:
    """A published plant: each crossing of pressure, level and temperature, none more, none less."""
    source = tmp_path / "recording.csv.gz"
    source.write_bytes((Path(TEP) / f"{name}.csv.gz").read_bytes())
    site = tep_site(tmp_path)
    events = replayed(site, source)
    assert replayed(site, source, 7) == events
    told = sorted((tag, rule, cause, at) for at, tag, rule, cause in moves(events))
    expected = sorted(
        (tag, rule, cause, int(datetime.fromisoformat(at).timestamp()) * 10**9)
        for at, tag, rule, cause in crossings(source)
    )
    assert told == expected
    raised = [each for each in told if each[2] == "raise"]
    assert bool(raised) == name.startswith("fault")
