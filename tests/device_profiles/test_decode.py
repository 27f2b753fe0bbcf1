from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from device_profiles.bindings import BindingError, ChannelBinding
from device_profiles.decode import (
    MAX_NESTING,
    MAX_PAYLOAD,
    Decoded,
    DecodeError,
    Plan,
    compile_plan,
)
from device_profiles.quality import Quality, Verdict
from device_profiles.registry import load_registry
from device_profiles.schema import Profile

PROFILES = load_registry()
JSON = PROFILES["generic/json"]
NUMBER = PROFILES["generic/number"]
LOOP = PROFILES["generic/current-loop"]
UPLINK = PROFILES["chirpstack/multigas-4"]
TS = 1_767_225_600


def profile_of(**channel: object) -> Profile:
    """Return a profile whose channel "x" stands at /x."""
    facts = {"pointer": "/x", "quantity": "x", "unit": "ppm", "range": [0, 100], **channel}
    return Profile.model_validate(
        {
            "id": "test/one",
            "title_en": "one",
            "title_zh": "一",
            "vendor": "test",
            "model": "one",
            "payload": "json",
            "time": "/ts",
            "interval": "1s",
            "channel": {"x": facts},
            "example": [{"payload": "", "error": "empty"}],
        }
    )


def decode_x(payload: str, **channel: object) -> tuple[float, Quality]:
    """Return value and quality of channel "x"."""
    plan = compile_plan(profile_of(**channel), channels=[ChannelBinding(channel="x")])
    decoded = plan.decode(payload.encode())
    return decoded.values[0], Quality(decoded.qualities[0])


@pytest.mark.parametrize(
    ("written", "quality"),
    [
        ("null", Quality.MISSING),
        ('"12.3"', Quality.WRONG_TYPE),
        ("true", Quality.WRONG_TYPE),
        ("false", Quality.WRONG_TYPE),
        ("[1]", Quality.WRONG_TYPE),
        ('{"x": 1}', Quality.WRONG_TYPE),
        ("NaN", Quality.NOT_FINITE),
        ("Infinity", Quality.NOT_FINITE),
        ("-Infinity", Quality.NOT_FINITE),
        ("1e400", Quality.NOT_FINITE),
        ("1" + "0" * 400, Quality.NOT_FINITE),
    ],
)
def test_what_is_no_number_is_bad_without_one(written: str, quality: Quality) -> None:
    """A channel without a usable number is BAD with its reason, and its value is NaN."""
    value, found = decode_x(f'{{"x": {written}}}')
    assert found is quality
    assert found.verdict is Verdict.BAD
    assert math.isnan(value)


def test_a_channel_that_is_not_sent_is_missing() -> None:
    """Silence on one channel of a message is BAD, not the last value."""
    assert decode_x("{}")[1] is Quality.MISSING


@pytest.mark.parametrize("written", ["NaN", "1e400", "null", "true", '"x"', "[[1]]"])
def test_a_failed_neighbour_spoils_nothing(written: str) -> None:
    """One failed cell leaves the readings of the others GOOD."""
    bindings = [ChannelBinding(channel=name, pointer=f"/{name}") for name in "ab"]
    decoded = compile_plan(JSON, channels=bindings).decode(
        f'{{"ts": {TS}, "a": {written}, "b": 7.5}}'.encode()
    )
    assert decoded.values[1] == 7.5
    assert decoded.qualities[0] != Quality.GOOD
    assert decoded.qualities[1] == Quality.GOOD


@pytest.mark.parametrize(
    ("raw", "quality"),
    [
        (0, Quality.GOOD),
        (100, Quality.GOOD),
        (100.0001, Quality.ABOVE_RANGE),
        (-0.0001, Quality.BELOW_RANGE),
        (1e308, Quality.ABOVE_RANGE),
        (2**60, Quality.ABOVE_RANGE),
    ],
)
def test_outside_the_range_is_bad_and_keeps_its_number(raw: float, quality: Quality) -> None:
    """A value past either end of the scale is BAD, never normal, and people may still see it."""
    assert decode_x(json.dumps({"x": raw})) == (raw, quality)


@pytest.mark.parametrize("raw", ["65535", "65535.0", "6.5535e4", "-1"])
def test_sentinels_are_compared_before_scaling(raw: str) -> None:
    """A raw number that means "no value" is no value, although scaled it would be in range."""
    value, quality = decode_x(f'{{"x": {raw}}}', scale=0.001, offset=1.0, sentinels=[65535, -1])
    assert quality is Quality.SENTINEL
    assert math.isnan(value)


def test_scale_and_offset() -> None:
    """The value is raw times scale plus offset."""
    assert decode_x('{"x": 12}', scale=6.25, offset=-25.0) == (50.0, Quality.GOOD)


def test_a_product_beyond_a_double_is_not_finite() -> None:
    """Scaling cannot turn a number into infinity unnoticed."""
    assert decode_x('{"x": 1e300}', scale=1e300)[1] is Quality.NOT_FINITE


@pytest.mark.parametrize("written", ['"12.5"', '" 12.5 "', '"1.25e1"', "12.5"])
def test_text_channels_take_numbers_as_text(written: str) -> None:
    """With ``text`` a number written as text counts as that number."""
    assert decode_x(f'{{"x": {written}}}', text=True) == (12.5, Quality.GOOD)


@pytest.mark.parametrize("written", ['"12,5"', '"1_0"', '"٣"', '"0x1F"', '""', '"ok"', '"\\ud800"'])
def test_text_channels_take_no_other_text(written: str) -> None:
    """With ``text`` nothing but a plain decimal number is read as one."""
    assert decode_x(f'{{"x": {written}}}', text=True)[1] is Quality.WRONG_TYPE


@pytest.mark.parametrize("flag", ["true", "1", '"E5"'])
def test_a_flag_of_the_device_wins_over_a_good_number(flag: str) -> None:
    """What the device itself calls faulty is BAD, whatever number stands beside it."""
    payload = f'{{"x": 5, "status": {{"x": {flag}}}}}'
    values = [True, 1, "E5"]
    assert decode_x(payload, fault_pointer="/status/x", fault_values=values) == (
        5.0,
        Quality.DEVICE_FAULT,
    )


@pytest.mark.parametrize("flag", ["false", "0", "null", "{}", '"true"'])
def test_other_flags_report_no_fault(flag: str) -> None:
    """Only the listed values mean a fault, and true is not 1."""
    payload = f'{{"x": 5, "status": {flag}}}'
    for values in ([True, "E5"], [1]):
        found = decode_x(payload, fault_pointer="/status", fault_values=values)
        assert found == (5.0, Quality.GOOD)
    assert decode_x('{"x": 5, "status": true}', fault_pointer="/status", fault_values=[1]) == (
        5.0,
        Quality.GOOD,
    )


def test_the_last_of_two_equal_keys_counts() -> None:
    """A key written twice is read as nearly every JSON reader reads it."""
    assert decode_x('{"x": 1, "x": 2}') == (2.0, Quality.GOOD)


def bind(profile: Profile, *, time: str | None = None) -> Plan:
    channels = [ChannelBinding(channel=name) for name in profile.channel]
    if not channels and profile.payload == "number":
        channels = [ChannelBinding(channel="value")]
    elif not channels:
        span = (None, None) if profile.signal is None else (0.0, 100.0)
        channels = [ChannelBinding(channel="nh3", pointer="/nh3", low=span[0], high=span[1])]
    return compile_plan(profile, channels=channels, time=time)


@pytest.mark.parametrize(
    ("payload", "time_ns", "quality"),
    [
        ('{"ts": 1767225600, "nh3": 1}', TS * 10**9, Quality.GOOD),
        ('{"nh3": 1}', None, Quality.TIME_MISSING),
        ('{"ts": null, "nh3": 1}', None, Quality.TIME_MISSING),
        ('{"ts": 0, "nh3": 1}', None, Quality.TIME_IMPLAUSIBLE),
        ('{"ts": "soon", "nh3": 1}', None, Quality.TIME_IMPLAUSIBLE),
        ('{"ts": true, "nh3": 1}', None, Quality.TIME_IMPLAUSIBLE),
    ],
)
def test_a_time_not_to_be_trusted_is_uncertain(
    payload: str, time_ns: int | None, quality: Quality
) -> None:
    """A missing or implausible time is told as such, and the value is read all the same."""
    decoded = bind(JSON).decode(payload.encode())
    assert (decoded.time_ns, decoded.time_quality) == (time_ns, quality)
    assert decoded.values == [1.0]


def test_a_device_overrides_where_its_time_stands() -> None:
    """The pointer of a device, or "received", replaces that of its profile."""
    payload = b'{"at": 1767225600, "nh3": 1}'
    assert bind(JSON, time="/at").decode(payload).time_ns == TS * 10**9
    received = bind(JSON, time="received").decode(payload)
    assert (received.time_ns, received.time_quality) == (None, Quality.GOOD)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b" \r\n", "empty"),
        (b"{", "not JSON"),
        (b'{"nh3": 1} {"nh3": 2}', "not JSON"),
        (b"\xff\xfe{", "not JSON"),
        (b'{"nh3": "\xff"}', "not JSON"),
        (b"nh3=1", "not JSON"),
        (b"12.5", 'payload = "number"'),
        (b'"text"', "a text"),
        (b"null", "null"),
        (b"true", "true or false"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 30_000, "nested deeper"),
        (b'{"nh3": ' + b"[" * 65 + b"]" * 65 + b"}", "nested deeper"),
        (b'{"nh3": ' + b"1" * 5_000 + b"}", "not JSON"),
        (b" " * (MAX_PAYLOAD + 1), "at most 262144"),
        (b"[" * 1_000_000, "at most 262144"),
    ],
)
def test_an_unreadable_payload_says_why(payload: bytes, reason: str) -> None:
    """What cannot be read at all is a DecodeError with the reason a person needs."""
    with pytest.raises(DecodeError, match=reason):
        bind(JSON).decode(payload)


def test_nesting_is_bounded_exactly_and_counts_no_brackets_in_text() -> None:
    """The depth limit is ours and the same on every call stack; brackets in a text are text."""
    deep = b"[" * (MAX_NESTING - 1) + b"]" * (MAX_NESTING - 1)
    assert bind(JSON).decode(b'{"nh3": 3, "deep": ' + deep + b"}").values == [3.0]
    quoted = b'{"nh3": 3, "text": "\\"' + b"[" * 1000 + b'"}'
    assert bind(JSON).decode(quoted).values == [3.0]
    wide = b'{"nh3": 3, "wide": [' + b"[]," * 1000 + b"[]]}"
    assert bind(JSON).decode(wide).values == [3.0]


@pytest.mark.parametrize("payload", [b"12.5", b" +12.5\n", b"1.25E1", b"12.50"])
def test_a_plain_number_is_read(payload: bytes) -> None:
    """A payload that is one number is that number, at the time it was received."""
    assert bind(NUMBER).decode(payload) == Decoded(None, Quality.GOOD, [12.5], [Quality.GOOD])


@pytest.mark.parametrize("payload", [b"12,5", b"1_0", b"0x1F", b"12 ppm", b"true", b"[1]", b"\xff"])
def test_a_plain_number_is_never_guessed(payload: bytes) -> None:
    """Anything but a plain decimal number is refused."""
    with pytest.raises(DecodeError, match="plain number"):
        bind(NUMBER).decode(payload)


@pytest.mark.parametrize("payload", [b"{}", b'{"object": null}', b'{"object": 3}', b"[]"])
def test_an_uplink_that_no_codec_decoded_says_what_to_do(payload: bytes) -> None:
    """An uplink without decoded fields names the codec that is missing on the server."""
    with pytest.raises(DecodeError, match="payload codec"):
        bind(UPLINK).decode(payload)


def test_values_come_in_the_order_of_the_bindings() -> None:
    """The caller's order rules, not the file's and not the payload's."""
    names = list(PROFILES["generic/multigas-4"].channel)
    random.Random(1).shuffle(names)
    plan = compile_plan(
        PROFILES["generic/multigas-4"], channels=[ChannelBinding(channel=name) for name in names]
    )
    decoded = plan.decode(b'{"ts": 1767225600, "o2": 20.9, "lel": 1, "h2s": 2, "co": 3}')
    assert plan.channels == tuple(names)
    assert dict(zip(names, decoded.values, strict=True)) == {
        "o2": 20.9,
        "combustible": 1.0,
        "h2s": 2.0,
        "co": 3.0,
    }


def test_a_point_overrides_its_channel() -> None:
    """Pointer, scale, offset and range of a point replace those of the profile."""
    binding = ChannelBinding(channel="x", pointer="/y", scale=2.0, offset=1.0, low=0.0, high=10.0)
    plan = compile_plan(profile_of(), channels=[binding])
    assert plan.decode(b'{"x": 50, "y": 4}').values == [9.0]
    assert plan.decode(b'{"x": 50, "y": 5}').qualities == [Quality.ABOVE_RANGE]


def test_every_misfit_of_a_device_is_told_at_once() -> None:
    """All points that do not fit their profile are named together, with what would fit."""
    bindings = [
        ChannelBinding(channel="y"),
        ChannelBinding(channel="x", pointer="x"),
        ChannelBinding(channel="x", scale=2.0),
        ChannelBinding(channel="x", scale=0.0, low=0.0, high=1.0),
        ChannelBinding(channel="x", low=1.0),
        ChannelBinding(channel="x", low=1.0, high=1.0),
        ChannelBinding(channel="x", offset=math.nan, low=0.0, high=1.0),
    ]
    with pytest.raises(BindingError) as caught:
        compile_plan(profile_of(), channels=bindings)
    assert len(caught.value.problems) == len(bindings)


@pytest.mark.parametrize(
    ("profile", "bindings", "time", "text"),
    [
        (JSON, [ChannelBinding(channel="a")], None, "needs a pointer"),
        (NUMBER, [ChannelBinding(channel="a", pointer="/a")], None, "remove the pointer"),
        (NUMBER, [ChannelBinding(channel=name) for name in "ab"], None, "bind one channel"),
        (NUMBER, [ChannelBinding(channel="a")], "/ts", "carries no time"),
        (JSON, [], "ts", "JSON pointer"),
        (LOOP, [ChannelBinding(channel="a", pointer="/a")], None, "a current needs a range"),
    ],
)
def test_open_profiles_say_what_a_point_must_state(
    profile: Profile, bindings: list[ChannelBinding], time: str | None, text: str
) -> None:
    """A point of an open profile that leaves something open is refused."""
    with pytest.raises(BindingError, match=text):
        compile_plan(profile, channels=bindings, time=time)


PLANS = [bind(profile) for profile in PROFILES.values()]
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(65535)
)
KEYS = st.sampled_from(["ts", "time", "object", "o2", "lel", "co", "nh3", "fault", "status"])
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


def check_never_normal_by_accident(payload: bytes) -> None:
    for plan in PLANS:
        try:
            decoded = plan.decode(payload)
        except DecodeError:
            continue
        assert len(decoded.values) == len(decoded.qualities) == len(plan.channels)
        for value, code in zip(decoded.values, decoded.qualities, strict=True):
            assert Quality(code).verdict in {Verdict.GOOD, Verdict.BAD}
            assert math.isfinite(value) or code != Quality.GOOD


@settings(max_examples=300)
@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"a":' * 40_000)
@example(b'"' + b"\\" * 100_001)
@example(b'{"ts": 1e400, "nh3": -1e999, "o2": NaN, "object": {"co": 1e999}}')
@example(b'{"nh3": ' + b"9" * 4_400 + b"}")
@example(b'{"nh3": "\\ud800", "ts": "\\ud800"}')
@example(b"\xef\xbb\xbf{}")
def test_no_bytes_raise_anything_but_a_decode_error(payload: bytes) -> None:
    """Whatever arrives, the answer is readings with a quality each, or a DecodeError."""
    check_never_normal_by_accident(payload)


@settings(max_examples=300)
@given(DOCUMENTS)
def test_no_document_raises_or_yields_a_good_reading_without_a_number(document: object) -> None:
    """Whatever JSON a device sends, GOOD is given to finite numbers alone."""
    check_never_normal_by_accident(json.dumps(document).encode())


@given(st.floats() | st.integers(), st.sampled_from([1.0, 0.1, -2.0, 1e300]))
def test_the_quick_test_agrees_with_the_judge(raw: float, scale: float) -> None:
    """A number under one key is judged as the same number deeper in the document."""
    flat = decode_x(json.dumps({"x": raw}), scale=scale, sentinels=[7])
    deep = decode_x(json.dumps({"y": {"x": raw}}), scale=scale, sentinels=[7], pointer="/y/x")
    assert flat[1] is deep[1]
    assert flat[0] == deep[0] or (math.isnan(flat[0]) and math.isnan(deep[0]))
