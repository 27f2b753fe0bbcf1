"""Captured traffic: what is written is read again, and goes back to a broker on its schedule."""

from __future__ import annotations

import argparse
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from bench import BenchError, load
from bench.broker import INFLIGHT, Broker
from bench.load import frames
from bench.traffic import Captured, Header, Writer, messages, read_header
from gateway.simulation.broker import free_port, mosquitto

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
SAID = (
    Captured(0, b"plant/a", b'{"ts":1,"nh3":2.5}', 1, retain=False),
    Captured(40_000_000, "plant/温度".encode(), bytes(range(256)), 0, retain=False),
    Captured(120_000_000, b"plant/b", b"", 2, retain=True),
)


def written(path: Path, said: tuple[Captured, ...] = SAID) -> Path:
    """Write a file of captured traffic."""
    with path.open("wb") as file:
        writer = Writer(file, Header(began_ns=1, broker="mqtt://127.0.0.1", topics=["#"]))
        for message in said:
            writer.add(message)
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    """Topics and payloads byte for byte, QoS, retain and the instants."""
    path = written(tmp_path / "traffic")
    assert tuple(messages(path)) == SAID
    assert read_header(path).topics == ["#"]


def test_a_recording_ended_in_the_middle_keeps_what_is_whole(tmp_path: Path) -> None:
    """Wherever it is cut, the messages before the cut are there and nothing is made up."""
    whole = written(tmp_path / "whole").read_bytes()
    head = written(tmp_path / "head", ()).stat().st_size
    for end in range(head, len(whole)):
        (tmp_path / "cut").write_bytes(whole[:end])
        found = tuple(messages(tmp_path / "cut"))
        assert found == SAID[: len(found)]
        assert len(found) < len(SAID)


@pytest.mark.parametrize(
    "damaged", [b"", b"topic,payload\n" * 9, b"\x00\x00\x00\x05hello", b"\xff" * 64]
)
def test_what_is_no_recording_is_refused(tmp_path: Path, damaged: bytes) -> None:
    """A file of another kind is told as such."""
    (tmp_path / "other").write_bytes(damaged)
    with pytest.raises(BenchError, match="is no captured traffic"):
        read_header(tmp_path / "other")


def test_another_version_is_refused(tmp_path: Path) -> None:
    """What a later version wrote is not guessed at."""
    with (tmp_path / "later").open("wb") as file:
        Writer(file, Header(version=2, began_ns=1, broker="", topics=[]))
    with pytest.raises(BenchError, match="hazgate-traffic 2 is not known"):
        read_header(tmp_path / "later")


def test_a_faster_replay_keeps_the_proportions(tmp_path: Path) -> None:
    """At ten times the speed every instant is a tenth of what it was, from the first message on."""
    late = tuple(Captured(m.offset_ns + 5_000_000_000, *list_of(m)) for m in SAID)
    found = list(frames(written(tmp_path / "traffic", late), speed=10.0))
    assert [round(at, 9) for at, _ in found] == [0.0, 0.004, 0.012]
    assert [frame[0] for _, frame in found] == [0x32, 0x30, 0x35]


def list_of(message: Captured) -> tuple[bytes, bytes, int, bool]:
    """Return what a message is but for its instant."""
    return message.topic, message.payload, message.qos, message.retain


@pytest.mark.more
@pytest.mark.broker
@needs_mosquitto
def test_recorded_traffic_comes_back_the_same(tmp_path: Path) -> None:
    """Through two brokers: played into one, recorded from it, played into another, received."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    kept = tmp_path / "kept"
    with Broker(first, inflight=INFLIGHT, queued=1_000) as broker:
        with subprocess.Popen(
            [sys.executable, "-m", "bench", "record", "--broker", broker.url,
             "--topic", "plant/#", "--out", str(kept), "--seconds", "60"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as recorder:  # fmt: skip
            # It is there when a retained message of ours has reached its file.
            said = 1
            client = mqtt.Client(CallbackAPIVersion.VERSION2)
            client.connect("127.0.0.1", broker.port)
            client.loop_start()
            client.publish("plant/first", b"here", qos=1, retain=True).wait_for_publish(30)
            deadline = time.monotonic() + 60
            while not grown(kept, b"plant/first") and time.monotonic() < deadline:
                time.sleep(0.05)
            assert replay(broker.port, written(tmp_path / "traffic"))["sound"]
            said += len(SAID)
            while not grown(kept, b"plant/b") and time.monotonic() < deadline:
                time.sleep(0.05)
            client.disconnect()
            client.loop_stop()
            recorder.terminate()
            out, err = recorder.communicate(timeout=60)
        assert recorder.returncode == 0, out + err
        assert json.loads(out.splitlines()[-1])["messages"] == said
    found = tuple(messages(kept))
    assert list_of(found[0]) == (b"plant/first", b"here", 1, True)
    # Of a live message the broker tells others that it is not retained: so it was received.
    assert sorted(list_of(m)[:3] for m in found[1:]) == sorted(list_of(m)[:3] for m in SAID)
    offsets = {m.topic: m.offset_ns for m in found}
    assert offsets[b"plant/b"] - offsets[b"plant/a"] >= 100_000_000
    with Broker(second, inflight=INFLIGHT, queued=1_000) as broker:
        got: list[tuple[str, bytes]] = []
        all_there, listening = threading.Event(), threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)

        def take(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
            got.append((message.topic, bytes(message.payload)))
            if len(got) == said:
                all_there.set()

        client.on_message = take
        client.on_subscribe = lambda *_: listening.set()
        client.connect("127.0.0.1", broker.port)
        client.subscribe("#", 2)
        client.loop_start()
        assert listening.wait(30)
        assert replay(broker.port, kept)["sound"]
        assert all_there.wait(30)
        client.disconnect()
        client.loop_stop()
    assert sorted(got) == sorted((m.topic.decode(), m.payload) for m in found)


def grown(path: Path, topic: bytes) -> bool:
    """Whether a topic has reached a file that is still written."""
    return path.exists() and topic in path.read_bytes()


def replay(port: int, file: Path, speed: float = 1.0) -> dict[str, object]:
    """Play a file into a broker on loopback."""
    arguments = argparse.Namespace(
        broker=f"mqtt://127.0.0.1:{port}", username=None, password_file=None, ca_file=None,
        file=file, speed=speed,
    )  # fmt: skip
    return dict(load.run(arguments))


def test_a_schedule_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    """A broker that takes its time makes the replay unsound, not slower and sound."""
    said = tuple(Captured(n * 10_000, b"a", bytes(500), 0, retain=False) for n in range(20_000))
    file = written(tmp_path / "traffic", said)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def slow() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.recv(1 << 10)
                peer.sendall(b"\x20\x02\x00\x00")
                while peer.recv(1 << 16):
                    time.sleep(0.02)

        broker = threading.Thread(target=slow)
        broker.start()
        figures = replay(port, file)
        broker.join(timeout=60)
    assert figures["schedule_kept"] is False
    assert figures["sound"] is False
    assert figures["messages"] == len(said)


def test_a_broker_that_is_not_there_is_told(tmp_path: Path) -> None:
    """And so is an address that is none."""
    file = written(tmp_path / "traffic")
    with pytest.raises(BenchError, match="refused"):
        replay(free_port(), file)
    arguments = argparse.Namespace(
        broker="http://x", username=None, password_file=None, ca_file=None, file=file, speed=1.0
    )
    with pytest.raises(BenchError, match="is no broker address"):
        load.run(arguments)
