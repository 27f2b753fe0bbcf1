"""Plans of every kind, the payloads their devices send, and what the judge makes of them."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable, Sequence

import numpy as np

from device_profiles.bindings import ChannelBinding
from device_profiles.decode import DecodeError, Plan, compile_plan
from device_profiles.quality import Quality
from device_profiles.registry import load_registry
from device_profiles.schema import Profile
from gateway.southbound.decoding.bulk import NO_TIME, Bulk, BulkDecoder

PROFILES = load_registry()
TS = 1_767_225_600


def profile_of(channels: dict[str, dict[str, object]], **facts: object) -> Profile:
    """Return a profile whose channels are given by what is special about them."""
    usual: dict[str, object] = {"quantity": "x", "unit": "ppm", "range": [-1e6, 1e6]}
    said: dict[str, object] = {
        "id": "test/one",
        "title_en": "one",
        "title_zh": "一",
        "vendor": "test",
        "model": "one",
        "payload": "json",
        "time": "/ts",
        "interval": "1s",
        "example": [{"payload": "", "error": "empty"}],
    }
    written = {name: {**usual, "pointer": f"/{name}", **each} for name, each in channels.items()}
    return Profile.model_validate({**said, "channel": written, **facts})


def bind(profile: Profile, *, time: str | None = None) -> Plan:
    """Return the plan of all channels of a profile."""
    channels = [ChannelBinding(channel=name) for name in profile.channel]
    return compile_plan(profile, channels=channels, time=time)


def open_plan(*pointers: str, time: str | None = None) -> Plan:
    """Return a plan of generic/json with a channel at each pointer."""
    bindings = [ChannelBinding(channel=f"c{n}", pointer=at) for n, at in enumerate(pointers)]
    return compile_plan(PROFILES["generic/json"], channels=bindings, time=time)


SCALED = profile_of(
    {
        "a": {"scale": 0.1, "range": [0, 30], "sentinels": [-9999, 65535]},
        "b": {"scale": -1.5, "offset": 273.15, "sentinels": [0.5, 0]},
        "c": {"text": True, "sentinels": [0]},
        "d": {"scale": 1e300},
    }
)
FLAGGED = profile_of(
    {
        "a": {"fault_pointer": "/status/a", "fault_values": [True, 1, "E5", 2.5]},
        "b": {"fault_pointer": "/status/b", "fault_values": ["故障", 0, False]},
        "c": {"fault_pointer": "/c", "fault_values": [65535, "err"]},
        "d": {"fault_pointer": "/ts", "fault_values": [0]},
    }
)
SAYING = profile_of(
    {
        "a": {"warm_up_pointer": "/status", "warm_up_values": ["ok", True, 1], "range": [0, 50]},
        "b": {"warm_up_pointer": "/a", "warm_up_values": [65535, 2.5], "sentinels": [1]},
        "c": {
            "text": True,
            "warm_up_pointer": "/status",
            "warm_up_values": ["err", True],
            "fault_pointer": "/status",
            "fault_values": ["E5", True],
        },
        "d": {
            "unit_pointer": "/e",
            "unit_values": ["ok", 1, 0, "故障"],
            "fault_pointer": "/e",
            "fault_values": [0, False],
        },
        "lel": {"unit_pointer": "/e", "unit_values": ["ok", 1, False], "signal": "4-20mA"},
    }
)
LOOPS = profile_of(
    {
        "a": {"signal": "4-20mA", "range": [0, 100]},
        "b": {"signal": "4-20mA", "range": [-0.1, 0.2], "sentinels": [0]},
        "c": {"signal": "4-20mA", "range": [15, 25], "text": True},
    }
)
FORMATS = ("auto", "iso8601", "unix_s", "unix_ms", "unix_us", "unix_ns")
TIMED = [profile_of({"a": {}}, time_format=each) for each in FORMATS]
ZONED = profile_of({"a": {}}, utc_offset="+08:00")
NUMBER = compile_plan(PROFILES["generic/number"], channels=[ChannelBinding(channel="value")])
UPLINK = bind(PROFILES["chirpstack/multigas-4"])
NEAR = open_plan("/a", "/b", "/c", "/d")
PLANS = [
    NEAR,
    bind(PROFILES["generic/multigas-4"]),
    UPLINK,
    NUMBER,
    bind(SCALED),
    bind(FLAGGED),
    bind(FLAGGED, time="received"),
    *(bind(each, time=time) for each in (SAYING, LOOPS) for time in (None, "received")),
    *(bind(each) for each in (*TIMED, ZONED)),
    open_plan("/a/b/c", "/a/b/d", "/a/e", "/status/0", time="/status/1"),
    open_plan("/0", "/1/a", "/1/b", "/2/0/0", "/17"),
    open_plan("/a", "/a", "/~0~1/x", "/", "/名", time="received"),
    # What is no trie, or has a key that no bytes spell.
    open_plan("/a", "/a/b"),
    open_plan("", "/a"),
    open_plan("/\ud800", "/a"),
    compile_plan(PROFILES["generic/json"], channels=[]),
    # Here the sign of a zero shows.
    compile_plan(
        PROFILES["generic/json"],
        channels=[ChannelBinding(channel="a", pointer="/a", offset=-0.0)],
    ),
]


def pack(payloads: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return payloads in one buffer, with a byte of no payload around each."""
    buffer = np.frombuffer(b"".join(b'"' + each for each in payloads) + b"9", np.uint8).copy()
    sizes = np.array([len(each) for each in payloads], np.int64)
    end = (sizes + 1).cumsum()
    return buffer, end - sizes, end


def decode(decoder: BulkDecoder, payloads: Sequence[bytes], device: Sequence[int]) -> Bulk:
    """Return what a decoder makes of payloads."""
    return decoder.decode(*pack(payloads), np.array(device, np.int32))


Told = tuple[list[str], list[int], int, int, str | None]


def told(bulk: Bulk, message: int) -> Told:
    """Return all that was decoded of a message, values as their bits."""
    at = slice(bulk.first[message], bulk.first[message + 1])
    return (
        [struct.pack(">d", each).hex() for each in bulk.value[at].tolist()],
        bulk.quality[at].tolist(),
        int(bulk.time_ns[message]),
        int(bulk.time_quality[message]),
        dict(bulk.errors).get(message),
    )


def judged(plan: Plan, payload: bytes) -> Told:
    """Return what the judge makes of a payload."""
    try:
        decoded = plan.decode(payload)
    except DecodeError as error:
        many = len(plan.channels)
        nan = struct.pack(">d", math.nan).hex()
        return [nan] * many, [int(Quality.UNDECODABLE)] * many, NO_TIME, 0, error.reason
    return (
        [struct.pack(">d", each).hex() for each in decoded.values],
        [int(each) for each in decoded.qualities],
        NO_TIME if decoded.time_ns is None else decoded.time_ns,
        int(decoded.time_quality),
        None,
    )


def check(decoder: BulkDecoder, payloads: Sequence[bytes]) -> None:
    """Assert that each payload, sent by a device of each plan, is decoded as the judge does."""
    pairs = [(payload, number) for payload in payloads for number in range(len(PLANS))]
    bulk = decode(decoder, [payload for payload, _ in pairs], [number for _, number in pairs])
    for message, (payload, number) in enumerate(pairs):
        found, meant = told(bulk, message), judged(PLANS[number], payload)
        assert found == meant, f"plan {number}, payload {payload[:300]!r}"


LITERALS = (
    *("0", "-0", "-0.0", "0.0", "0e5", "-0e-5", "0.5", "65535", "65535.0", "-9999", "2.5", "1"),
    *("1e400", "-1e400", "1e-400", "1E2", "1e+2", "1e999999999999", "NaN", "Infinity"),
    *("3.5", "3.6", "3.7", "3.8", "3.95", "20.5", "20.6", "21", "21.1", "4"),
    *("-Infinity", "01", "1.", ".5", "+1", "-", "1e", "1e+", "-.5", "1_0", "0x1F"),
)
YEARS = (1999, 2000, 2001, 2024, 2026, 2100, 2199, 2200)
FRACTIONS = ("", ".", ".5", ",25", ".123456789", ".1234567891", ".12345678901234567890")
ZONES = (
    *("Z", "z", "", "+08:00", "-03:30", "+0530", "-08", "+18:00", "+18:01", "+1", "+08:60"),
    *("+0800Z", "+99:00", "Z "),
)


def number(chance: random.Random) -> str:
    """Return a number as devices and fuzzers write it."""
    shapes: list[Callable[[], str]] = [
        lambda: f"{chance.gauss(20, 5):.2f}",
        lambda: str(chance.randint(-100, 70000)),
        lambda: repr(chance.gauss(20, 5)),
        lambda: repr(struct.unpack(">d", chance.randbytes(8))[0]),
        lambda: f"{chance.random():.{chance.randint(0, 30)}e}",
        lambda: f"{chance.randint(0, 9)}.{chance.randint(0, 10**25):0{chance.randint(1, 30)}d}",
        lambda: str(chance.randint(-(2**70), 2**70)),
        lambda: str(2**53 + chance.randint(-2, 2)),
        lambda: str(chance.choice([2**63, 2**64, 10**19, TS * 10**9]) + chance.randint(-2, 2)),
        lambda: f"{TS}{'0' * chance.choice([0, 3, 6, 9])}",
        lambda: f"{chance.randint(1, 9**15)}e{chance.randint(-25, 25)}",
        lambda: chance.choice(LITERALS),
        lambda: "1" * chance.choice([63, 64, 65, 400]),
    ]
    return chance.choice(shapes)()


def text(chance: random.Random) -> str:
    """Return a string in JSON: times, flags, numbers, and what is only almost one."""
    if chance.random() < 0.3:
        return f'"{number(chance)}"'
    moment = (
        f"{chance.choice(YEARS)}-"
        f"{chance.randint(0, 13):02}-{chance.randint(0, 32):02}{chance.choice('TTTTt _')}"
        f"{chance.randint(0, 24):02}:{chance.randint(0, 60):02}:{chance.randint(0, 60):02}"
        f"{chance.choice(FRACTIONS)}"
        f"{chance.choice(ZONES)}"
    )
    return chance.choice(
        [
            f'"{moment}"',
            *(
                '"E5"',
                '"ok"',
                '""',
                '"故障"',
                '"err"',
                '" 12.5 "',
                '"true"',
                '"12.5\\n"',
                '"\\u0031"',
            ),
            *('"\\ud83d\\ude00"', '"\\ud800"', '"\\x"', '"\\u12g4"', '"a\tb"', '"\x7f"', '"\\"]}"'),
            json.dumps(str(TS)),
        ]
    )


def value(chance: random.Random, depth: int = 0) -> str:
    """Return any JSON value, and some that are none."""
    kind = chance.random()
    if kind < 0.6:
        return number(chance)
    if kind < 0.75:
        return text(chance)
    if kind < 0.88 or depth > 3:
        return chance.choice(["null", "true", "false", "nul", "True", "nulls", ""])
    return document(chance, depth + 1)


KEYS = (
    "a",
    "b",
    "c",
    "d",
    "e",
    "ts",
    "status",
    "object",
    "o2",
    "lel",
    "co",
    "h2s",
    "time",
    "fault",
)
ODD_KEYS = ("0", "1", "17", "", "~/", "名", "\\u0061", "\\n", "x", "tss", "unknown key", "\\/")


def document(chance: random.Random, depth: int = 0) -> str:
    """Return an object or a list, spaced as it may be, with keys that devices know and others."""
    gap = chance.choice(["", "", "", " ", "\n\t", "\r\n "])
    many = chance.randint(0, 6)
    if chance.random() < 0.15:
        return (
            f"[{gap}" + f"{gap},{gap}".join(value(chance, depth) for _ in range(many)) + f"{gap}]"
        )
    keys = [chance.choice(KEYS if chance.random() < 0.85 else ODD_KEYS) for _ in range(many)]
    if chance.random() < 0.8:
        keys = list(dict.fromkeys(keys))
    body = f"{gap},{gap}".join(f'"{key}"{gap}:{gap}{value(chance, depth)}' for key in keys)
    return f"{{{gap}{body}{gap}}}"


def mutant(chance: random.Random, payload: bytes) -> bytes:
    """Return a payload with a few bytes changed, lost, added, cut off or repeated."""
    said = bytearray(payload)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(said) + 1)
        match chance.randrange(5):
            case 0:
                said[at : at + 1] = chance.randbytes(1)
            case 1:
                del said[at : at + 1]
            case 2:
                said.insert(at, chance.choice(b'{}[]",:\\ 0e.-\xff\xe5'))
            case 3:
                del said[at:]
            case _:
                said += said[at:]
    return bytes(said)
