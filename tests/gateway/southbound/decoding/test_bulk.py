from __future__ import annotations

import json
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_profiles.bindings import ChannelBinding
from device_profiles.decode import MAX_NESTING, MAX_PAYLOAD, Plan, compile_plan
from device_profiles.quality import Quality
from gateway.southbound.decoding.bulk import NO_TIME, BulkDecoder
from gateway.southbound.decoding.tables import compile_tables
from tests.gateway.southbound.decoding.fleet import (
    KEYS,
    PLANS,
    PROFILES,
    TS,
    check,
    decode,
    document,
    judged,
    mutant,
    number,
    open_plan,
    told,
    value,
)

DECODER = BulkDecoder(PLANS)
EXAMPLES = [
    example.payload.encode() for profile in PROFILES.values() for example in profile.example
]
REALISTIC = [
    b'{"ts":1767225600123,"a":20.91,"b":-7,"c":"12.5","d":0.30000000000000004}',
    b'{"a": 12.345678901234567, "status": {"a": true, "b": "\xe6\x95\x85\xe9\x9a\x9c"}, "c": null}',
    b'{"time":"2026-01-01T00:00:00.433502349+00:00","object":{"o2":209,"status":"fault"}}',
    b'[1, {"a": -0.0, "b": 9007199254740993}, [[3]], "\\ud83d\\ude00", {"x": [true, false]}]',
    b" 12.50\r\n",
]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("seed", range(8))
def test_it_reads_what_devices_send_as_the_judge_does(seed: int) -> None:
    """Payloads of every shape, whole and damaged, give the same bits as one after the other."""
    chance = random.Random(seed)
    payloads = []
    for _ in range(150):
        make = chance.choice([document, document, document, document, value, number])
        payload = make(chance).encode()
        payloads.append(mutant(chance, payload) if chance.random() < 0.3 else payload)
    check(DECODER, payloads)


@settings(max_examples=200)
@given(DOCUMENTS, st.sampled_from([True, False]))
def test_it_reads_any_document_as_the_judge_does(said: object, ascii_only: object) -> None:
    """Whatever JSON a device sends, the answer is the judge's."""
    check(
        DECODER, [json.dumps(said, ensure_ascii=bool(ascii_only)).encode("utf-8", "surrogatepass")]
    )


@settings(max_examples=200)
@given(st.binary(max_size=60))
def test_it_reads_any_bytes_as_the_judge_does(said: bytes) -> None:
    """Whatever bytes arrive, in or outside a text, the answer is the judge's."""
    check(DECODER, [said, b'{"a": "' + said + b'", "b": 1}', b'{"' + said + b'": 1, "a": 2}'])


@pytest.mark.parametrize("payload", [*REALISTIC, *EXAMPLES])
def test_it_reads_a_truncated_payload_as_the_judge_does(payload: bytes) -> None:
    """A payload cut anywhere, whatever bytes lie behind it, is what the judge makes of it."""
    cuts = range(0, len(payload) + 1, 1 + len(payload) // 200)
    check(DECODER, [payload[:cut] for cut in cuts])


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a":' + b"[" * (MAX_NESTING - 1) + b"]" * (MAX_NESTING - 1) + b"}",
        b'{"x":' + b"[" * (MAX_NESTING - 1) + b"]" * (MAX_NESTING - 1) + b',"a":1}',
        b'{"x":' + b"[" * MAX_NESTING + b"]" * MAX_NESTING + b',"a":1}',
        b'{"x":' + b'{"x":[' * 31 + b"1" + b"]}" * 31 + b',"a":1}',
        b'{"a":1,"x":"' + b"y" * (MAX_PAYLOAD - 14) + b'"}',
        b'{"a":1,"x":"' + b"y" * (MAX_PAYLOAD - 13) + b'"}',
        b'{"a":' + b"1" * 5_000 + b"}",
        b'{"x":' + b"1" * 5_000 + b',"a":1}',
        b'{"x":1e400,"a":0.1}',
        b'{"x":"\\ud800","a":1}',
        b'{"a":-0}',
        b'{"a":-0.0}',
        b'{"a":1,"a":2}',
        b'{"status":{"a":1},"status":{}}',
        b'{"\\u0061":1}',
        b'{"a":1,"\\u0061":2}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_it_reads_the_extremes_as_the_judge_does(payload: bytes) -> None:
    """At each bound, and just past it, the answer is the judge's."""
    check(DECODER, [payload])


ISO = "2026-01-01T00:00:00.123+08:00"


@pytest.mark.parametrize(
    ("plan", "payload"),
    [
        (PLANS[0], '{"ts":1767225600123,"a":20.91,"b":0,"c":-18.3,"d":1e3}'),
        (PLANS[0], '{ "d" : 4 , "unknown" : {"a": [1, "\\n", null]} , "a" : 1 }'),
        (PLANS[0], '{"a":null,"b":true,"c":"text","ts":"' + ISO + '"}'),
        (PLANS[0], '{"a":0.30000000000000004,"b":1e-300,"c":1e400,"ts":1767225600.25}'),
        (PLANS[0], '{"名":"故障","a":1,"ts":"soon"}'),
        (PLANS[3], " 12.50\n"),
        (PLANS[3], "123456789012345678901234567890"),
        (PLANS[4], '{"a":65535,"b":0.5,"c":"12.5"}'),
        (PLANS[5], '{"a":1,"b":2,"status":{"a":true,"b":"故障"},"c":65535}'),
        (PLANS[2], '{"object":{"o2":209,"status":"fault"},"time":"' + ISO + '"}'),
        (open_plan("/a/0/b", "/1"), '{"a":[{"b":1},2],"1":3}'),
        (open_plan("/0", "/2"), "[1,[2],3.5]"),
    ],
)
def test_what_devices_send_is_decided_by_the_kernel(plan: Plan, payload: str) -> None:
    """Ordinary payloads never wait for Python, however they are spaced and ordered."""
    decoder = BulkDecoder([plan])
    for _ in range(2):
        bulk = decode(decoder, [payload.encode()] * 3, [0] * 3)
        assert decoder.slow == 0
        assert [told(bulk, each) for each in range(3)] == [judged(plan, payload.encode())] * 3


@pytest.mark.parametrize(
    "payload", ['{"a":9007199254740993}', '{"a":1,"a":2}', '{"\\u0061":1}', '{"a":[1]}', '{"a":1']
)
def test_what_is_not_certain_is_left_to_the_judge(payload: str) -> None:
    """A message that only the judge may decide is counted as slow."""
    decode(DECODER, [b'{"a":1}', payload.encode(), b'{"a":2}'], [0, 0, 0])
    assert DECODER.slow == 1


def test_messages_of_many_devices_keep_to_themselves() -> None:
    """Readings stand where `first` says, and nobody's payload has none."""
    payloads = [b'{"a":1,"b":2}', b"7", b"{", b'{"a":5}', b"8", b'{"o2":20.9}']
    bulk = decode(DECODER, payloads, [0, 3, 0, -1, 3, 1])
    assert bulk.first.tolist() == [0, 4, 5, 9, 9, 10, 14]
    assert bulk.value[[0, 1, 4, 9]].tolist() == [1.0, 2.0, 7.0, 8.0]
    assert bulk.quality[5:9].tolist() == [Quality.UNDECODABLE] * 4
    assert [message for message, _ in bulk.errors] == [2]
    assert "not JSON" in bulk.errors[0][1]
    assert bulk.time_ns.tolist() == [NO_TIME] * 6
    assert bulk.time_quality[[0, 1, 2]].tolist() == [Quality.TIME_MISSING, 0, 0]


def test_what_was_read_before_leaves_no_trace() -> None:
    """A call's answer does not depend on the calls, sizes and key orders before it."""
    chance = random.Random(5)
    decoder = BulkDecoder(PLANS)
    for many in (1, 40, 3, 200, 1):
        names = ["ts", "a", "b", "c", "d", "status", "object"]
        payloads = []
        for _ in range(many):
            chance.shuffle(names)
            said = {name: chance.gauss(20, 5) for name in names[: chance.randint(0, 7)]}
            payloads.append(json.dumps(said).encode())
        check(decoder, payloads)


def test_it_takes_read_only_and_narrow_arrays() -> None:
    """What a receive path holds, bytes and 32-bit places, is taken as it is."""
    buffer = np.frombuffer(b'{"a":1}{"a":2}', np.uint8)
    places = np.array([0, 7, 14], np.int32)
    bulk = DECODER.decode(buffer, places[:-1], places[1:], np.zeros(2, np.int32))
    assert bulk.value[::4].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("begin", "end", "device"),
    [(-1, 3, 0), (0, 8, 0), (5, 4, 0), (0, 7, len(PLANS)), (0, 7, -2)],
)
def test_it_reads_nothing_outside(begin: int, end: int, device: int) -> None:
    """Places outside the buffer and devices that are none are refused before any byte is read."""
    buffer = np.frombuffer(b'{"a":1}', np.uint8).copy()
    with pytest.raises(ValueError, match="outside the buffer"):
        DECODER.decode(
            buffer, np.array([begin]), np.array([end]), np.array([device], dtype=np.int32)
        )


def test_no_messages_and_no_devices_are_no_trouble() -> None:
    """A gateway without devices decodes nothing, and gets nothing."""
    decoder = BulkDecoder([])
    decoder.warm_up()
    bulk = decode(decoder, [b"{}"], [-1])
    assert (bulk.first.tolist(), bulk.errors, decoder.slow) == ([0, 0], [], 0)


def test_equal_plans_are_compiled_once() -> None:
    """A thousand devices of one type take no more room than one."""
    many = compile_tables([open_plan("/a", "/b") for _ in range(1_000)])
    one = compile_tables([open_plan("/a", "/b")])
    assert many.ints.size == one.ints.size
    assert many.plan_of.tolist() == [one.plan_of[0]] * 1_000


def test_an_offset_of_minus_zero_is_another_plan() -> None:
    """Plans that Python calls equal but that give other bits are not mixed up."""
    plans = [
        compile_plan(
            PROFILES["generic/json"],
            channels=[ChannelBinding(channel="a", pointer="/a", offset=offset)],
        )
        for offset in (0.0, -0.0)
    ]
    bulk = decode(BulkDecoder(plans), [b'{"a":-0.0}'] * 2, [0, 1])
    assert np.signbit(bulk.value).tolist() == [False, True]


def test_every_day_of_the_calendar_is_read_as_the_judge_does() -> None:
    """The days about the end of February and of each year, in each zone, come at the same time."""
    days = ("01-01", "02-28", "02-29", "03-01", "04-30", "04-31", "12-31")
    zones = ("Z", "+08:00", "-0330", "+18")
    said = [
        f'{{"ts":"{year}-{day}T23:59:59.25{zones[(year + place) % 4]}"}}'.encode()
        for year in range(1999, 2202)
        for place, day in enumerate(days)
    ]
    bulk = decode(DECODER, said, [0] * len(said))
    assert [told(bulk, at) for at in range(len(said))] == [judged(PLANS[0], each) for each in said]


def test_a_time_is_read_by_its_format() -> None:
    """The whole numbers and texts that devices write need no Python to become a time."""
    said = [f'{{"ts":{TS}}}', f'{{"ts":{TS}000000000}}', f'{{"ts":"{ISO}"}}']
    bulk = decode(DECODER, [each.encode() for each in said], [0, 0, 0])
    assert (bulk.time_ns - TS * 10**9).tolist() == [0, 0, -8 * 3600 * 10**9 + 123_000_000]
    assert (DECODER.slow, DECODER._work[2]) == (0, 0)
