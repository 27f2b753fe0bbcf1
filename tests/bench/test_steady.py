"""A run at a steady rate: what it says of alarms agrees with what happened, and loss shows."""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest

from bench import nation, soak, startup, steady
from bench.durable import Watch
from bench.edge import EdgeProcess, Footprint
from bench.parent import Parent
from bench.soak import Minute, by_minute, verdict
from bench.steady import Load, measure
from bench.workload import shape_of
from gateway.model import AlarmEvent, encode_event
from gateway.northbound import wire
from gateway.simulation.broker import mosquitto

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
LOAD = Load(shape="stations:100", rate=1_000.0, seconds=5.0, parent=True)


def event(seq: int, *, cause: str = "raise", value: float | None = 1.0) -> AlarmEvent:
    """Return an event as an edge makes them."""
    return AlarmEvent(
        node="n", life="l", epoch="e", seq=seq, cause=cause, value=value,
        source_ns=time.time_ns() - 5_000_000, received_ns=time.time_ns() - 3_000_000,
    )  # fmt: skip


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread or process does."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def opened(file: Path) -> int:
    """How often this process has a file open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += descriptor.readlink() == file
    return found


def test_an_alarm_is_seen_when_its_commit_is_and_not_before(tmp_path: Path) -> None:
    """What another connection has written and not committed is not durable; old events are not."""
    store = tmp_path / "store.db"
    with sqlite3.connect(store, isolation_level=None) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE journal (seq INTEGER PRIMARY KEY, entry BLOB NOT NULL)")
        put = "INSERT INTO journal VALUES (?, ?)"
        database.execute(put, (1, encode_event(event(1))))
        with Watch(store) as watch:
            # It looks from what is there on: an event of before the watch is none of its own.
            until(lambda: opened(store) == 2)
            database.execute("BEGIN IMMEDIATE")
            database.execute(put, (2, encode_event(event(2))))
            database.execute(put, (3, encode_event(event(3, cause="acknowledge"))))
            database.execute(put, (4, encode_event(event(4, value=None))))
            time.sleep(0.1)
            assert watch.seen == []
            before = time.time_ns()
            database.execute("COMMIT")
            until(lambda: len(watch.seen) == 1)
            (seen,) = watch.end()
            assert before <= seen.seen_ns <= time.time_ns()
            assert seen.source_ns < seen.received_ns < seen.seen_ns
    database.close()


def test_a_store_that_cannot_be_watched_is_told(tmp_path: Path) -> None:
    """No store, no figures: an error and not an empty list."""
    with pytest.raises(sqlite3.OperationalError), Watch(tmp_path / "none.db") as watch:
        watch.end()


def test_the_node_above_notes_alarms_and_answers_each_item() -> None:
    """An intake is answered per item; what readings made is noted with its arrival."""
    with Parent() as parent:
        items = [
            wire.item("event", "l/1", encode_event(event(1))),
            wire.item("event", "l/2", encode_event(event(2, cause="confirm"))),
            wire.item("summary", "e/s1", b"{}"),
        ]
        body = wire.encode(wire.Intake(node="n", life="l", epoch="e", items=items))
        answer = httpx.post(parent.url + wire.INTAKE, content=body, timeout=30)
        receipts = msgspec.json.decode(answer.content, type=wire.Receipts).receipts
        assert [(each.id, each.status) for each in receipts] == [
            ("l/1", "stored"), ("l/2", "stored"), ("e/s1", "stored"),
        ]  # fmt: skip
        assert [each.seq for each in parent.delivered] == [1]
        assert parent.summaries == 1
        assert httpx.get(parent.url + "/other", timeout=30).status_code == 404


@pytest.mark.more
@pytest.mark.broker
@needs_mosquitto
def test_every_alarm_is_followed_through_all_stages() -> None:
    """Each transition is seen received, durable, delivered, in this order; nothing is lost."""
    looked: list[Footprint] = []
    run = measure(LOAD, lambda edge: looked.append(edge.footprint()), every_s=0.5)
    assert run.faults == []
    assert run.sent == LOAD.messages == 5_000
    assert len(run.received) == len(run.durable) == len(run.delivered) == 6
    pairs = zip(sorted(run.received), sorted(run.durable), sorted(run.delivered), strict=True)
    for received, durable, delivered in pairs:
        assert 0 <= received <= durable <= delivered < 60_000
    for stage in run.stages.values():
        assert stage.count in {0, len(run.durable)}
    assert looked
    assert all(each.rss_mb > 50 and each.descriptors > 5 for each in looked)
    assert run.start_s > 0


@pytest.mark.more
@pytest.mark.broker
@needs_mosquitto
def test_what_the_edge_never_took_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge that watches half of the plant does not pass for one that carried all of it."""
    monkeypatch.setattr("bench.edge.IDLE_S", 1.0)
    monkeypatch.setattr(steady, "LAST_S", 1.0)
    half = shape_of("stations:50")
    monkeypatch.setattr(
        steady,
        "EdgeProcess",
        lambda folder, _, broker, **stated: EdgeProcess(folder, half, broker, **stated),
    )
    run = measure(replace(LOAD, parent=False))
    assert run.lost == LOAD.messages // 2
    assert any("not taken" in fault for fault in run.faults)
    assert run.delivered == []


@pytest.mark.broker
@pytest.mark.more
@needs_mosquitto
def test_latency_ends_with_its_figures(tmp_path: Path) -> None:
    """A short run prints each stage and promises the keys that others read."""
    file = tmp_path / "latency.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "latency", "--rate", "1000", "--seconds", "3",
         "--runs", "1", "--json", str(file)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(file.read_text(encoding="utf-8"))
    assert 0 < figures["received_p50_ms"] <= figures["durable_p50_ms"] == figures["p50_ms"]
    assert figures["p50_ms"] <= figures["p99_ms"]
    assert figures["broker_p50_ms"] > 0
    assert figures["alarms"] == 3
    assert figures["samples"]["p99_ms"] == [figures["p99_ms"]]
    if "slow_disk_p99_ms" in figures:
        # Spool and store are synced one after the other, each 20 ms longer.
        assert figures["slow_disk_p50_ms"] > 40
    else:
        assert "slow disk: not measured: " in done.stdout
    assert "messages, " in done.stdout


@pytest.mark.broker
@pytest.mark.more
@needs_mosquitto
def test_a_small_nation_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    """Fifty points a message; each target is named with its verdict."""
    figures = nation.run(argparse.Namespace(points=5_000, seconds=5.0))
    assert figures["points"] == 5_000
    assert figures["dropped"] == 0
    assert figures["sound"] is True
    assert figures["alarms"] == 2
    assert figures["p99_ms"] > 0
    assert figures["rss_mb"] > 50
    said = capsys.readouterr().out
    assert "0 dropped: met" in said
    assert "RSS below 1,500 MB: met" in said


def test_growth_after_the_second_minute_is_noticed() -> None:
    """Three MB more than in minute 2 pass, more do not; the first minute may be anything."""
    flat = [Minute(number=n, rss_mb=300.0, descriptors=15, threads=6) for n in range(1, 6)]
    assert verdict([replace(flat[0], rss_mb=10.0), *flat[1:]]) == (0.0, [])
    growth, wrong = verdict([*flat[:4], replace(flat[4], rss_mb=302.9)])
    assert growth == pytest.approx(2.9)
    assert wrong == []
    _, wrong = verdict([*flat[:4], replace(flat[4], rss_mb=303.1)])
    assert wrong == ["RSS grew by 3.1 MB after minute 2; 3 are allowed"]
    _, wrong = verdict([*flat[:4], replace(flat[4], descriptors=16)])
    assert wrong == ["descriptors were not constant: 15 to 16"]
    _, wrong = verdict([*flat[:3], replace(flat[3], threads=7), flat[4]])
    assert wrong == ["threads were not constant: 6 to 7"]


def test_minutes_hold_their_samples() -> None:
    """The most memory of a minute, and the descriptors of most of it."""
    samples = [(1.0 * n, Footprint(100.0 + n, 15 + (n % 10 == 0), 6)) for n in range(120)]
    assert by_minute(samples) == [
        Minute(number=1, rss_mb=159.0, descriptors=15, threads=6),
        Minute(number=2, rss_mb=219.0, descriptors=15, threads=6),
    ]


@pytest.mark.broker
@pytest.mark.more
@needs_mosquitto
def test_a_short_soak_fills_its_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With minutes of three seconds every one of them is printed and judged."""
    monkeypatch.setattr(soak, "MINUTE_S", 3.0)
    monkeypatch.setattr(soak, "EVERY_S", 0.2)
    figures = soak.run(argparse.Namespace(minutes=4, rate=500.0))
    assert [row[0] for row in figures["by_minute"]] == [1, 2, 3, 4]
    assert figures["rss_mb"] > 50
    assert figures["threads"] > 1
    assert "minute   RSS MB" in capsys.readouterr().out


@pytest.mark.broker
@pytest.mark.more
@pytest.mark.timeout(600)
@needs_mosquitto
def test_each_start_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    """Cold and warm, after a stop and after a kill; a cold start compiles, so it takes longer."""
    figures = startup.run(argparse.Namespace(runs=1, rate=500.0, seconds=1.0))
    for name in ("cold_new_s", "warm_stop_s", "warm_kill_s", "cold_stop_s", "cold_kill_s"):
        assert figures[name] > 0
    assert figures["cold_stop_s"] > figures["warm_stop_s"]
    assert "warm cache, after a kill" in capsys.readouterr().out
