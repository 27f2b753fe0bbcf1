"""The bench of peers, small: it measures a peer whole, and says of a missing one that it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.peers import measure, node_red, thingsboard
from bench.peers.environment import Environment
from bench.peers.measure import EDGE, QOS, Peer, Row
from bench.peers.process import cpu_s, process
from bench.peers.stand_in import CONNECT, REQUEST, RESPONSE, TELEMETRY, platform
from bench.peers.tally import Tally
from bench.throughput import Measured
from gateway.simulation.broker import mosquitto

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed")
ROWS = {peer.name: peer for peer in measure.peers()}
PATIENCE_S = 60.0


class Here(Environment):
    """The environment the tests run in, where paho-mqtt is installed already."""

    @property
    def python(self) -> Path:
        """This interpreter."""
        return Path(sys.executable)

    def install(self) -> None:
        """Leave it as it is."""


def paho() -> Peer:
    """Return the row of paho-mqtt, run in this environment."""
    here = Here("paho")
    start = measure.small_client(here, "bench.peers.paho_callback")
    return Peer(name="paho", means="", start=start, environment=here)


@pytest.mark.broker
@needs_mosquitto
@pytest.mark.parametrize("work", QOS, ids=lambda work: work.name)
def test_a_client_is_measured_over_every_message(work: measure.Work) -> None:
    """Every message is taken, and it cost time of the processor."""
    row = Row()
    measure.take_turn(paho(), work, 3_000, row)
    assert not row.missing
    assert row.lost(work.qos) == 0
    assert row.rate(work.qos) > 100
    assert 0 < row.cpu_us(work.qos) < 10_000


@pytest.mark.broker
@needs_mosquitto
def test_a_sink_is_a_peer_with_a_processor_time() -> None:
    """The bare sink of `throughput` is measured in the same way."""
    row = Row()
    measure.take_turn(ROWS["sink"], QOS[1], 3_000, row)
    assert not row.missing
    assert row.lost(1) == 0
    assert row.cpu_us(1) > 0


@pytest.mark.broker
@needs_mosquitto
def test_a_client_that_cannot_start_has_its_reason_in_its_row() -> None:
    """What it complained of is the row; the bench is not ended by it."""
    row = Row()
    here = Here("paho")
    broken = Peer(name="paho", means="", start=measure.small_client(here, "bench.peers.absent"))
    measure.take_turn(broken, QOS[0], 10, row)
    assert "No module named bench.peers.absent" in row.missing
    assert not row.measured


def test_a_peer_that_cannot_be_installed_has_its_reason_in_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its row says so, in the table and in the figures, and nothing passes for installed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    versions = tmp_path / "versions.toml"
    versions.write_text('[gone]\npip = ["./gone-1.0-py3-none-any.whl"]\n', encoding="utf-8")
    environment = Environment("gone", versions=versions)
    gone = Peer(name="gone", means="nothing", start=ROWS["sink"].start, environment=environment)
    row = Row(missing=measure.installed(gone))
    assert "could not be installed" in row.missing
    assert not (environment.folder / "installed.json").exists()
    measure.print_table([gone], {"gone": row}, 100)
    assert f"gone: not measured: {row.missing}" in capsys.readouterr().out
    assert measure.row_figures("gone", row) == {"peers_gone_missing": row.missing}


def test_an_environment_is_used_again_while_its_versions_match(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made once; another version makes it anew."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made: list[str] = []

    def run(_self: Environment, command: list[str], **_: object) -> None:
        made.append(" ".join(command[1:]))
        (tmp_path / "hazgate" / "peers" / "one").mkdir(parents=True, exist_ok=True)

    monkeypatch.setattr(Environment, "_run", run)
    versions = tmp_path / "versions.toml"
    for wanted, commands in (("one==1", 2), ("one==1", 2), ("one==2", 4)):
        versions.write_text(f'[one]\npip = ["{wanted}"]\n', encoding="utf-8")
        Environment("one", versions=versions).install()
        assert len(made) == commands
    assert made[1].endswith("one==1")
    assert made[3].endswith("one==2")


def test_every_peer_has_one_version() -> None:
    """What is measured is pinned, to the last of its packages that is named."""
    for peer in ROWS.values():
        if peer.environment is not None:
            assert all("==" in each for each in peer.environment.wanted["pip"])
            assert all(v[0].isdecimal() for v in peer.environment.wanted.get("npm", {}).values())


def test_the_processor_time_is_that_of_the_whole_tree(tmp_path: Path) -> None:
    """What a grandchild that lives and a child that ended have used is counted too."""
    burn = (
        "import sys, time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass\n"
    )
    (tmp_path / "ended.py").write_text(burn, encoding="utf-8")
    living = "print('burnt', flush=True)\nsys.stdin.readline()\n"
    (tmp_path / "living.py").write_text(burn + living, encoding="utf-8")
    run = "import subprocess, sys\nfor name in sys.argv[1:]: subprocess.run([sys.executable, '-S', "
    (tmp_path / "middle.py").write_text(f"{run}'living.py'])\n", encoding="utf-8")
    (tmp_path / "head.py").write_text(f"{run}name, 'living.py'])\n", encoding="utf-8")
    command = [sys.executable, "-S", "head.py", "ended.py", "middle.py"]
    with process(command, folder=tmp_path, environment={}, answers=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "burnt\n"
        used = cpu_s(running.pid)
        own = Path(f"/proc/{running.pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
        alone = sum(int(field) for field in own.split()[11:13]) / 100
    assert alone < 0.5
    assert used >= 0.98


def test_a_count_ends_when_nothing_comes_any_more() -> None:
    """What was dropped on the way is not waited for, and not counted."""
    tally = Tally(10, idle_s=0.2)
    for _ in range(7):
        tally.one()
    before = time.monotonic()
    taken, last = tally.end()
    assert taken == 7
    assert before <= last < time.monotonic()


def test_a_count_ends_with_the_last_message() -> None:
    """The time is that of the last message and not of when it was noticed."""
    tally = Tally(1_000)
    thread = threading.Thread(target=lambda: [tally.one() for _ in range(1_000)])
    thread.start()
    taken, last = tally.end()
    thread.join()
    assert taken == 1_000
    assert last <= time.monotonic()


@pytest.mark.broker
@needs_mosquitto
def test_the_platform_answers_a_gateway_and_counts_its_values(tmp_path: Path) -> None:
    """A session is granted without limits; devices and values are counted as they come."""
    answers: list[dict[str, object]] = []
    answered, granted = threading.Event(), threading.Event()

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        assert message.topic == f"{RESPONSE}1"
        answers.append(json.loads(message.payload))
        answered.set()

    with platform(tmp_path) as above, ExitStack() as stack:
        gateway = mqtt.Client(CallbackAPIVersion.VERSION2)
        gateway.on_subscribe = lambda *_: granted.set()
        gateway.on_message = on_message
        gateway.connect("127.0.0.1", above.port)
        gateway.loop_start()
        stack.callback(gateway.loop_stop)
        stack.callback(gateway.disconnect)
        gateway.subscribe(f"{RESPONSE}+", 1)
        assert granted.wait(PATIENCE_S)
        gateway.publish(f"{REQUEST}1", json.dumps({"method": "getSessionLimits"}), qos=1)
        assert answered.wait(PATIENCE_S)
        sets = [{"ts": 1, "values": {"nh3": 1.0, "o2": 2.0}}, {"ts": 2, "values": {"nh3": 3.0}}]
        gateway.publish(CONNECT, json.dumps({"device": "d0001", "type": "station"}), qos=1)
        gateway.publish(TELEMETRY, json.dumps({"d0001": sets, "d0002": sets[:1]}), qos=1)
        deadline = time.monotonic() + PATIENCE_S
        while above.values < 5 and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        assert above.values == 5
        assert above.devices == {"d0001"}
    assert answers[0]["rateLimits"] == {
        "messages": "",
        "telemetryMessages": "",
        "telemetryDataPoints": "",
    }


def test_node_red_has_the_threshold_of_the_workload_and_counts_both_sides() -> None:
    """Nothing leaves the flow uncounted, and what is compared is a limit of the edge's own."""
    nodes = {node["id"]: node for node in node_red.flow(1883, 1)}
    assert nodes["in"]["qos"] == "1"
    assert nodes["in"]["wires"] == [["json"]]
    assert nodes["json"]["wires"] == [["threshold"]]
    assert nodes["threshold"]["wires"] == [["count"], ["count"]]
    assert [rule["t"] for rule in nodes["threshold"]["rules"]] == ["gte", "else"]
    assert nodes["threshold"]["rules"][0]["v"] == "50.0"


def test_thingsboard_is_as_shipped_but_for_its_two_sides(tmp_path: Path) -> None:
    """Its own configuration is kept, whatever it says of storage, packs and logs."""
    environment = Environment("thingsboard")
    environment.folder = tmp_path / "environment"
    shipped = environment.packages / "thingsboard_gateway" / "config"
    shipped.mkdir(parents=True)
    general = {"thingsboard": {"host": "elsewhere", "qos": 1}, "storage": {"type": "memory"}}
    (shipped / "tb_gateway.json").write_text(json.dumps(general), encoding="utf-8")
    (shipped / "logs.json").write_text('{"version": 1}', encoding="utf-8")
    thingsboard.configure(environment, tmp_path, platform=1, broker=2, qos=0)
    written = json.loads((tmp_path / "tb_gateway.json").read_text(encoding="utf-8"))
    assert written["storage"] == general["storage"]
    assert written["thingsboard"]["qos"] == 1
    assert (written["thingsboard"]["host"], written["thingsboard"]["port"]) == ("127.0.0.1", 1)
    connector = json.loads((tmp_path / "mqtt.json").read_text(encoding="utf-8"))
    assert connector["broker"]["port"] == 2
    assert [each["key"] for each in connector["mapping"][0]["converter"]["timeseries"]] == [
        "nh3", "o2", "co", "temperature",
    ]  # fmt: skip
    assert (tmp_path / "logs.json").read_text(encoding="utf-8") == '{"version": 1}'


def test_a_rate_that_was_the_generators_own_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A peer that kept up with all that was sent might have taken more."""
    kept_up = Measured(rate=1, lost=0, waited=0.0, share=0.99)
    measure.print_doubts({"gmqtt": Row(measured={0: [kept_up]}), "paho": Row()})
    assert capsys.readouterr().out.startswith("gmqtt, QoS 0: the generator did not out-run it")


def test_the_ratios_are_those_of_the_same_turns() -> None:
    """A peer is divided by the edge of its own turn, and only where both were measured."""
    edge = [Measured(rate=1, lost=0, waited=1, share=1, cpu_us=cpu) for cpu in (10.0, 20.0, 40.0)]
    theirs = [Measured(rate=1, lost=0, waited=1, share=1, cpu_us=cpu) for cpu in (60.0, 120, 280)]
    rows = {EDGE: Row(measured={0: edge}), "nodered": Row(measured={0: theirs})}
    assert measure.print_ratios(rows) == {"cpu_ratio_nodered": 6.0}
    figures = measure.row_figures("nodered", rows["nodered"])
    assert figures["peers_nodered_qos0_cpu_us_per_msg"] == 120.0
    turns = dict(measure.samples("nodered", rows["nodered"]))
    assert turns["peers_nodered_qos0_cpu_us_per_msg"] == [60.0, 120, 280]


@pytest.mark.broker
@needs_mosquitto
def test_a_peer_that_takes_nothing_has_no_rate() -> None:
    """Without a message taken there is nothing to divide by, and the row says so."""

    class Deaf:
        pid = os.getpid()

        def finish(self) -> tuple[int, float]:
            return 0, time.monotonic()

    @contextmanager
    def start(*_: object) -> Iterator[Deaf]:
        yield Deaf()

    row = Row()
    measure.take_turn(Peer(name="deaf", means="", start=start), QOS[0], 10, row)
    assert row.missing == "took none of the messages"


def test_what_runs_in_a_peer_needs_nothing_of_ours() -> None:
    """A client's environment holds that client alone: neither numpy nor the gateway is imported."""
    script = (
        "import sys; import bench.peers.tally; "
        "print([n for n in sys.modules if n.split('.')[0] in ('numpy', 'numba', 'gateway')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
