"""Bad input from the field: quarantined or BAD, counted, never a crash, never "normal"."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.quality import Quality, Verdict
from gateway.model import NANOSECONDS
from gateway.observe import Metrics
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.roles.edge.site import load_site
from gateway.southbound.arrivals import Arrivals, Message
from gateway.southbound.ingest import FUTURE_NS, KEPT_BYTES, KEPT_PAYLOADS, Ingest, Taken

NOW = 1_790_000_000 * NANOSECONDS
SITE = """[node]
id = "gw"
division = "330106003000"
enterprise = { name = "E" }
[broker]
url = "mqtt://127.0.0.1:1"
[[area]]
id = "A1"
name = "Machine room"
hazard = "ammonia_refrigeration"
[[device]]
id = "d1"
profile = "generic/json"
area = "A1"
topic = "plant/+/v"
time = "/ts"
[[device.point]]
channel = "nh3"
pointer = "/a"
tag = "A"
unit = "ppm"
range = [0, 1000]
limits = { h = 100, deadband = 5 }
[[device.point]]
channel = "nh3"
pointer = "/b/0"
tag = "B"
unit = "ppm"
range = [0, 1000]
limits = { l = 10 }
"""
STANDING = {"ts": NOW // 1_000_000, "a": 150, "b": [5]}


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Plant:
    path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(SITE, encoding="utf-8")
    return load_site(path).plant


def message(payload: bytes, topic: str = "plant/d1/v", **flags: bool) -> Message:
    return Message(topic, payload, qos=1, mid=1, **flags)


def take(ingest: Ingest, *messages: Message, at: int = NOW, fenced: bool = False) -> Taken:
    return ingest.take(Arrivals.of(messages, received_ns=at, fenced=fenced))


def verdicts(quality: np.ndarray) -> set[Verdict]:
    return {Quality(int(each)).verdict for each in quality}


DEEP = b'{"ts": 1, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
UNDECODABLE = {
    "empty": b"",
    "cut off": b'{"ts": 1, "a": 1',
    "no JSON": b"hello",
    "no UTF-8": b'{"a": "\xff\xfe"}',
    "zeros": bytes(64),
    "binary": bytes(range(256)),
    "deep nesting": DEEP,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a megabyte": b"x" * 1_000_000,
    "a megabyte of brackets": b"[" * 1_000_000,
}


@pytest.mark.parametrize("payload", UNDECODABLE.values(), ids=UNDECODABLE.keys())
def test_what_cannot_be_decoded_is_kept_counted_and_bad(plant: Plant, payload: bytes) -> None:
    """The payload is quarantined with its reason, and its device's points are BAD, not silent."""
    metrics = Metrics()
    taken = take(Ingest(plant, metrics), message(payload))
    (kept,) = taken.quarantined
    assert kept.reason.startswith("undecodable: ")
    assert (kept.topic, kept.at_ns, kept.size) == ("plant/d1/v", NOW, len(payload))
    assert kept.payload == payload[:KEPT_BYTES]
    assert taken.batch.quality.tolist() == [Quality.UNDECODABLE] * 2
    assert np.isnan(taken.batch.value).all()
    assert metrics.quarantined.labels("undecodable")._value.get() == 1
    assert metrics.messages._value.get() == 1


BAD_VALUES = {
    "text": b'"150"',
    "null": b"null",
    "true": b"true",
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "1e400": b"1e400",
    "-1e400": b"-1e400",
    "a number of 400 digits": b"1" + b"0" * 400,
    "an object": b"{}",
    "an array": b"[150]",
    "below its range": b"-1",
    "above its range": b"1000.5",
}


@pytest.mark.parametrize("value", BAD_VALUES.values(), ids=BAD_VALUES.keys())
def test_a_value_that_is_none_is_bad_and_holds_what_stands(plant: Plant, value: bytes) -> None:
    """It is BAD and clears no alarm, whatever it looks like; the point beside it is untouched."""
    ingest, engine = Ingest(plant, Metrics()), Engine(plant)
    raised, _ = engine.process(take(ingest, message(json.dumps(STANDING).encode())).batch)
    assert [edge.active for edge in raised] == [True, True]
    later = NOW + NANOSECONDS
    payload = b'{"ts": %d, "a": %s, "b": [20]}' % (later // 1_000_000, value)
    taken = take(ingest, message(payload), at=later)
    by_point = dict(zip(taken.batch.point.tolist(), taken.batch.quality.tolist(), strict=True))
    if taken.quarantined:
        # Not JSON at all (NaN, Infinity): then nothing of the message is believed.
        assert set(by_point.values()) == {int(Quality.UNDECODABLE)}
    else:
        assert Quality(by_point[0]).verdict == Verdict.BAD
        assert by_point[1] == Quality.GOOD
    moved = [edge for edge in engine.process(taken.batch)[0] if plant.point_of(edge.row) == 0]
    assert all(edge.active for edge in moved)
    # What says nothing of the point is no fault of its sensor; anything else is, at once.
    rules = [plant.definitions[edge.row].rule for edge in moved]
    wanted = {Quality.MISSING: [], Quality.ABOVE_RANGE: ["over_range"]}
    assert rules == wanted.get(Quality(by_point[0]), ["fault"])


TIMES = {
    "missing": (b"", Quality.TIME_MISSING),
    "null": (b'"ts": null,', Quality.TIME_MISSING),
    "text": (b'"ts": "yesterday",', Quality.TIME_IMPLAUSIBLE),
    "before any sensor": (b'"ts": 12,', Quality.TIME_IMPLAUSIBLE),
    "a day ahead": (b'"ts": %d,' % (NOW // 10**6 + 86_400_000), Quality.TIME_FUTURE),
    "six seconds ahead": (b'"ts": %d,' % (NOW // 10**6 + 6_000), Quality.TIME_FUTURE),
}


@pytest.mark.parametrize(("time", "expected"), TIMES.values(), ids=TIMES.keys())
def test_a_time_that_is_none_makes_the_reading_uncertain(
    plant: Plant, time: bytes, expected: Quality
) -> None:
    """The received time stands in: such a reading raises like a good one and never clears."""
    ingest, engine = Ingest(plant, Metrics()), Engine(plant)
    taken = take(ingest, message(b'{%s "a": 150, "b": [5]}' % time))
    assert taken.batch.time_ns.tolist() == [NOW] * 2
    found = {Quality(each) for each in taken.batch.quality.tolist()}
    assert {each.verdict for each in found} == {Verdict.UNCERTAIN}
    if time != b'"ts": "yesterday",':
        assert found == {expected}
    raised, _ = engine.process(taken.batch)
    assert [edge.active for edge in raised] == [True, True]
    later = take(ingest, message(b'{%s "a": 20, "b": [50]}' % time), at=NOW + NANOSECONDS // 2)
    assert engine.process(later.batch)[0] == []


def test_a_clock_a_little_ahead_is_believed(plant: Plant) -> None:
    """Up to five seconds ahead is transport and drift, not another clock's mistake."""
    ahead = NOW + FUTURE_NS
    said = message(json.dumps({**STANDING, "ts": ahead // 1_000_000}).encode())
    taken = take(Ingest(plant, Metrics()), said)
    assert verdicts(taken.batch.quality) == {Verdict.GOOD}
    assert taken.batch.time_ns.tolist() == [ahead] * 2
    told = take(Ingest(plant, Metrics()), said, at=NOW - 1)
    assert set(told.batch.quality.tolist()) == {int(Quality.TIME_FUTURE)}
    assert told.batch.time_ns.tolist() == [NOW - 1] * 2


@pytest.mark.parametrize(
    ("flag", "quality"), [("retain", Quality.RETAINED), ("fenced", Quality.FENCED)]
)
def test_old_values_without_a_time_meet_fixed_limits_only(
    plant: Plant, flag: str, quality: Quality
) -> None:
    """A retained or queued value of unknown age may raise a limit; it clears nothing."""
    ingest, engine = Ingest(plant, Metrics()), Engine(plant)

    def old(payload: bytes, at: int = NOW) -> Taken:
        said = message(payload, retain=flag == "retain")
        return take(ingest, said, at=at, fenced=flag == "fenced")

    first = old(b'{"a": 150, "b": [5]}')
    assert set(first.batch.quality.tolist()) == {int(quality)}
    raised, _ = engine.process(first.batch)
    assert [(edge.active, edge.historical) for edge in raised] == [(True, True)] * 2
    calm = old(b'{"a": 20, "b": [50]}', at=NOW + NANOSECONDS)
    assert engine.process(calm.batch)[0] == []
    # One that says its own time is as good as that time.
    told = old(json.dumps(STANDING).encode())
    assert verdicts(told.batch.quality) == {Verdict.GOOD}


def test_a_topic_that_nobody_owns_is_kept_and_counted(plant: Plant) -> None:
    """It is told, its payload kept, and it makes no reading."""
    metrics = Metrics()
    strange = [message(b"{}", topic=topic) for topic in ("plant/d1", "plant/d1/v/x", "", "x")]
    taken = take(Ingest(plant, metrics), *strange)
    assert len(taken.batch) == 0
    assert {kept.reason.split(":")[0] for kept in taken.quarantined} == {"unrouted"}
    assert metrics.unrouted._value.get() == len(taken.quarantined) == 4


def test_the_quarantine_is_bounded(plant: Plant) -> None:
    """A flood of large broken payloads costs a fixed room; every one of them is still counted."""
    metrics = Metrics()
    flood = [message(b"\x00" * 100_000)] * 1000
    taken = take(Ingest(plant, metrics), *flood)
    assert len(taken.quarantined) == KEPT_PAYLOADS
    assert sum(len(kept.payload) for kept in taken.quarantined) <= KEPT_PAYLOADS * KEPT_BYTES
    assert metrics.quarantined.labels("undecodable")._value.get() == 1000
    assert len(taken.batch) == 2000


def test_good_messages_beside_broken_ones_lose_nothing(plant: Plant) -> None:
    """Order is kept and each message is judged alone."""
    good = json.dumps(STANDING).encode()
    said = [message(payload) for payload in (good, b"{", good, b"", good)]
    taken = take(Ingest(plant, Metrics()), *said)
    assert [Quality(q).verdict for q in taken.batch.quality.tolist()[::2]] == [
        Verdict.GOOD, Verdict.BAD, Verdict.GOOD, Verdict.BAD, Verdict.GOOD,
    ]  # fmt: skip


def test_a_repeated_message_is_known_by_its_flag(plant: Plant) -> None:
    """Only what the broker marks as repeated is compared: a device may repeat itself."""
    metrics = Metrics()
    ingest = Ingest(plant, metrics)
    payload = json.dumps(STANDING).encode()
    ingest.repeats.remember(take(ingest, message(payload)).batch)
    assert len(take(ingest, message(payload)).batch) == 2
    assert len(take(ingest, message(payload, dup=True)).batch) == 0
    assert metrics.duplicates._value.get() == 2
    other = json.dumps({**STANDING, "a": 151}).encode()
    assert take(ingest, message(other, dup=True)).batch.value.tolist() == [151.0]


def test_a_whole_window_is_known_though_some_of_it_is_kept_anew(plant: Plant) -> None:
    """What has no time is new each time a broker repeats it, and pushes out nothing that has."""
    ingest = Ingest(plant, Metrics(), window=1000)
    window = [message(json.dumps({**STANDING, "a": n}).encode()) for n in range(900)]
    window += [message(b"not JSON") for _ in range(100)]
    for each in window:
        ingest.repeats.remember(take(ingest, each).batch)
    for second in range(1, 9):
        again = [each._replace(dup=True) for each in window]
        taken = take(ingest, *again, at=NOW + second * NANOSECONDS).batch
        assert len(taken) == 200
        ingest.repeats.remember(taken)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)
documents = st.dictionaries(st.sampled_from(["ts", "a", "b", "c"]), json_values)


@given(
    st.lists(
        st.binary(max_size=200)
        | documents.map(lambda each: json.dumps(each).encode())
        | json_values.map(lambda each: json.dumps(each).encode()),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([{}, {"retain": True}, {"retain": True, "dup": True}]),
    st.booleans(),
)
def test_whatever_is_sent_nothing_raises_and_only_numbers_are_good(
    plant: Plant,
    payloads: list[bytes],
    flags: dict[str, bool],
    fenced: bool,  # noqa: FBT001
) -> None:
    """Any bytes give readings or a quarantine entry; GOOD and UNCERTAIN ones hold usable values."""
    metrics = Metrics()
    sent = [message(payload, **flags) for payload in payloads]
    taken = take(Ingest(plant, metrics), *sent, fenced=fenced)
    assert len(taken.batch) == 2 * len(payloads)
    for value, quality, time_ns in zip(
        taken.batch.value.tolist(),
        taken.batch.quality.tolist(),
        taken.batch.time_ns.tolist(),
        strict=True,
    ):
        assert time_ns <= NOW + FUTURE_NS
        if Quality(quality).verdict == Verdict.BAD:
            continue
        assert math.isfinite(value)
        assert 0 <= value <= 1000
    Engine(plant).process(taken.batch)
