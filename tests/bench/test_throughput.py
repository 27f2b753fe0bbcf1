"""The throughput bench, small: it measures, and it notices what makes a figure worthless."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.broker import INFLIGHT, Broker
from bench.edge import EdgeProcess
from bench.frames import PUBACK_BYTES, connect, publish, subscribe
from bench.generator import BLOCK, WINDOW, send
from bench.sink import drain
from bench.throughput import WORKS, Measured
from bench.workload import NODE, STATIONS
from gateway.simulation.broker import mosquitto

NAMED = {
    "kernels", "throughput", "peers", "latency", "capacity", "scale", "nation", "soak", "startup",
    "record", "load", "detection", "compare",
}  # fmt: skip
needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m bench`."""
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], capture_output=True, text=True, check=False
    )


def test_the_benches_are_listed() -> None:
    """Without a name every bench is named with what it measures."""
    done = bench()
    assert done.returncode == 0
    named = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert set(named) == NAMED
    assert all(text.endswith(".") for text in named.values())


@pytest.mark.parametrize("arguments", [("nothing",), ("kernels", "--runs", "0")])
def test_wrong_usage_is_refused(arguments: tuple[str, ...]) -> None:
    """An unknown bench and a count below 1 end with status 2."""
    assert bench(*arguments).returncode == 2


def test_kernels_end_with_their_figures() -> None:
    """The last line of `kernels` is JSON with the promised keys."""
    done = bench("kernels", "--readings", "100000", "--runs", "1")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["readings_per_s"] > 10_000
    assert figures["random_order_readings_per_s"] > 10_000
    assert 64 < figures["state_bytes_per_point"] < 4_096


def measured(file: Path, *rows: str) -> dict[str, float]:
    """Run a small throughput bench and return its figures; everything said must have arrived."""
    only = [word for row in rows for word in ("--only", row)]
    done = bench("throughput", "--messages", "3000", "--runs", "1", *only, "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    assert json.loads(file.read_text(encoding="utf-8")) == figures
    assert figures["sound"] is True
    for row in rows:
        assert figures[f"{row}_lost"] == figures[f"{row}_sink_lost"] == 0
        assert figures[f"{row}_msgs_per_s"] > 100
        assert figures[f"{row}_sink_msgs_per_s"] > 100
        assert figures[f"{row}_ratio"] > 0
        assert figures[f"{row}_cpu_us_per_msg"] > 0
    return figures


@pytest.mark.more
@pytest.mark.broker
@needs_mosquitto
def test_a_small_run_measures_and_is_sound(tmp_path: Path) -> None:
    """Every message is taken, stored and acknowledged, and the figures stand in line and file."""
    measured(tmp_path / "figures.json", "qos1")


@pytest.mark.broker
@pytest.mark.more
@needs_mosquitto
def test_every_row_measures_and_is_sound(tmp_path: Path) -> None:
    """Each row of the table can be measured, and the promised keys are there."""
    rows = [work.name for work in WORKS]
    figures = measured(tmp_path / "figures.json", *rows)
    assert {
        "qos0_ratio", "qos1_ratio", "qos0_msgs_per_s", "qos1_msgs_per_s",
        "qos1_default_window_ratio", "batch_readings_per_s",
    } <= set(figures)  # fmt: skip


@pytest.mark.broker
@needs_mosquitto
def test_what_was_not_acknowledged_is_counted(tmp_path: Path) -> None:
    """An edge that took messages and acknowledged none of them does not pass for a fast one."""
    with Broker(tmp_path, inflight=INFLIGHT, queued=1_000) as broker:
        edge = EdgeProcess(tmp_path / "edge", STATIONS, broker, version="3.1.1")
        with connect(broker.port, f"hazgate-{NODE}", resume=True) as session:
            subscribe(session, ["a/b"], qos=1)
            frames = [publish(b"a/b", b"1", qos=1, number=number) for number in range(1, 8)]
            with connect(broker.port, "sender") as sender:
                send(sender, frames, qos=1, count=len(frames))
            assert session.recv(1)
        assert edge.unacknowledged() == len(frames)


@pytest.mark.broker
@needs_mosquitto
@pytest.mark.parametrize(("inflight", "window"), [(None, 20), (INFLIGHT, INFLIGHT)])
def test_the_broker_has_the_window_that_a_row_names(
    tmp_path: Path, inflight: int | None, window: int
) -> None:
    """A receiver that acknowledges nothing is given as many messages as the window, and no more."""
    count = 2 * INFLIGHT
    frames = [publish(b"a/b", b"1", qos=1, number=number) for number in range(1, count + 1)]
    blocks = [b"".join(frames[at : at + BLOCK]) for at in range(0, count, BLOCK)]
    with (
        Broker(tmp_path, inflight=inflight, queued=count) as broker,
        connect(broker.port, "receiver") as receiver,
        connect(broker.port, "sender") as sender,
    ):
        subscribe(receiver, ["a/b"], qos=1)
        send(sender, blocks, qos=1, count=count)
        came = receiver.recv(window * len(frames[0]), socket.MSG_WAITALL)
        receiver.settimeout(0.5)
        with pytest.raises(TimeoutError):
            receiver.recv(1)
    assert len(came) == window * len(frames[0])


@pytest.mark.parametrize("each", [True, False])
def test_a_sink_counts_and_acknowledges_every_message(*, each: bool) -> None:
    """Both sinks take every frame and answer it once, in order."""
    count = 5_000
    frames = b"".join(publish(b"a/b", b"1", qos=1, number=n) for n in range(1, count + 1))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=theirs.sendall, args=(frames,))
        answers = bytearray()

        def read() -> None:
            while len(answers) < PUBACK_BYTES * count:
                answers.extend(theirs.recv(1 << 16))

        reader = threading.Thread(target=read)
        for thread in (sender, reader):
            thread.start()
        taken, _ = drain(ours, count, each=each)
        for thread in (sender, reader):
            thread.join(timeout=30)
    assert taken == count
    assert answers == b"".join(b"\x40\x02" + n.to_bytes(2, "big") for n in range(1, count + 1))


def test_the_generator_keeps_its_window_and_says_that_it_waited() -> None:
    """It never has more unacknowledged than its window, and its waiting is in its answer."""
    count = WINDOW + 10 * BLOCK
    frames = [publish(b"a/b", b"1", qos=1, number=n % 65_535 + 1) for n in range(count)]
    blocks = [b"".join(frames[at : at + BLOCK]) for at in range(0, count, BLOCK)]
    ours, theirs = socket.socketpair()
    seen: list[int] = []

    def answer() -> None:
        came = b""
        theirs.settimeout(1.0)
        try:
            while True:
                came += theirs.recv(1 << 20)
        except TimeoutError:
            seen.append(len(came))
        theirs.settimeout(None)
        theirs.sendall(b"\x40\x02\x00\x01" * (len(came) // len(frames[0])))
        while len(came) < len(frames[0]) * count:
            came += theirs.recv(1 << 20)
        theirs.sendall(b"\x40\x02\x00\x01" * (count - seen[0] // len(frames[0])))

    with ours, theirs:
        broker = threading.Thread(target=answer)
        broker.start()
        sent = send(ours, blocks, qos=1, count=count)
        broker.join(timeout=30)
    assert seen[0] == WINDOW * len(frames[0])
    assert sent.waited_s > 0.9
    assert sent.ended_s - sent.began_s >= sent.waited_s


def test_a_generator_that_was_the_limit_is_told() -> None:
    """Neither waiting nor being done early: then the figure is the generator's own."""
    limit = Measured(rate=1.0, lost=0, waited=0.0, share=0.99)
    assert not limit.outran
    assert Measured(rate=1.0, lost=0, waited=0.5, share=0.99).outran
    assert Measured(rate=1.0, lost=0, waited=0.0, share=0.2).outran
