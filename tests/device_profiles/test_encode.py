from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_profiles.bindings import ChannelBinding
from device_profiles.decode import compile_plan
from device_profiles.encode import ComposeError, compose
from device_profiles.instant import from_nanoseconds
from device_profiles.quality import Quality
from device_profiles.registry import load_registry
from device_profiles.schema import Profile

PROFILES = load_registry()
JSON = PROFILES["generic/json"]
FIXED = [profile for profile in PROFILES.values() if profile.channel]
NEW_YEAR_NS = 1_767_225_600 * 10**9


def bindings_of(profile: Profile) -> list[ChannelBinding]:
    return [ChannelBinding(channel=name) for name in profile.channel]


@pytest.mark.parametrize("profile", FIXED, ids=lambda profile: profile.id)
@given(st.data())
def test_decoding_reads_back_what_was_composed(profile: Profile, data: st.DataObject) -> None:
    """For every shipped device type, values and time survive the way through its own format."""
    bindings = bindings_of(profile)
    values = [
        data.draw(st.floats(*profile.channel[each.channel].range, allow_subnormal=False))
        for each in bindings
    ]
    payload = compose(profile, bindings, values=values, time_ns=NEW_YEAR_NS + 1)
    decoded = compile_plan(profile, channels=bindings).decode(payload)
    assert decoded.time_ns == NEW_YEAR_NS + 1
    for binding, value, back, code in zip(
        bindings, values, decoded.values, decoded.qualities, strict=True
    ):
        if code == Quality.GOOD:
            assert back == pytest.approx(value, rel=1e-12, abs=1e-12)
        else:  # rounding at the end of the range, or a value that is a sentinel of the device
            low, high = profile.channel[binding.channel].range
            scaled = profile.channel[binding.channel].sentinels
            assert math.isnan(back) or back == pytest.approx(low if back < low else high)
            assert code in {Quality.ABOVE_RANGE, Quality.BELOW_RANGE} or scaled


@given(
    st.dictionaries(st.text(max_size=4), st.floats(allow_nan=False, allow_infinity=False)),
    st.sampled_from(["/", "/0/", "/deep/3/"]),
)
def test_an_open_profile_writes_where_the_points_say(values: dict[str, float], prefix: str) -> None:
    """Any keys, arrays and nesting that a point may name are written so that they are read back."""
    bindings = [
        ChannelBinding(
            channel=f"c{place}",
            pointer=prefix + "k" + key.replace("~", "~0").replace("/", "~1"),
        )
        for place, key in enumerate(values)
    ]
    payload = compose(
        JSON, bindings, values=list(values.values()), time_ns=NEW_YEAR_NS, time="received"
    )
    plan = compile_plan(JSON, channels=bindings, time="received")
    if not values:
        assert payload == b"{}"
    else:
        assert plan.decode(payload).values == list(values.values())


def test_the_payload_of_the_example_device() -> None:
    """The bytes are those of a real device: its keys, its time, nothing else."""
    binding = ChannelBinding(channel="nh3", pointer="/gas/0/nh3")
    assert (
        compose(JSON, [binding], values=[12.5], time_ns=NEW_YEAR_NS)
        == b'{"ts":"2026-01-01T00:00:00Z","gas":[{"nh3":12.5}]}'
    )


def test_values_by_name_leave_out_what_is_not_sent() -> None:
    """A device may send some of its channels; the others are MISSING on arrival."""
    profile = PROFILES["generic/multigas-4"]
    bindings = bindings_of(profile)
    payload = compose(profile, bindings, values={"co": 3.0}, time_ns=NEW_YEAR_NS)
    decoded = compile_plan(profile, channels=bindings).decode(payload)
    assert decoded.qualities.count(Quality.MISSING) == 3
    assert 3.0 in decoded.values


def test_a_failed_channel_is_written_as_null() -> None:
    """NaN becomes what a device writes for a failed cell, and arrives as MISSING."""
    binding = ChannelBinding(channel="nh3", pointer="/nh3")
    payload = compose(JSON, [binding], values=[math.nan], time_ns=NEW_YEAR_NS)
    assert compile_plan(JSON, channels=[binding]).decode(payload).qualities == [Quality.MISSING]


def test_a_fault_is_flagged_as_the_device_flags_it() -> None:
    """A simulated fault arrives as DEVICE_FAULT on that channel alone."""
    profile = PROFILES["generic/multigas-4"]
    bindings = bindings_of(profile)
    payload = compose(
        profile, bindings, values=[20.9, 0, 0, 0], time_ns=NEW_YEAR_NS, faults=["combustible"]
    )
    qualities = compile_plan(profile, channels=bindings).decode(payload).qualities
    assert qualities == [Quality.GOOD, Quality.DEVICE_FAULT, Quality.GOOD, Quality.GOOD]


def test_a_warm_up_and_a_unit_are_told_as_the_device_tells_them() -> None:
    """A simulated warm-up arrives as WARMING_UP, and a device that states its unit states it."""
    profile = PROFILES["generic/multigas-4"]
    told = {"warm_up_pointer": "/state", "warm_up_values": ["warm-up"], "unit_pointer": "/u"}
    co = profile.channel["co"].model_copy(update={**told, "unit_values": ("PPM",)})
    warming = profile.model_copy(update={"channel": {"co": co}})
    bindings = [ChannelBinding(channel="co")]
    payload = compose(warming, bindings, values=[3.0], time_ns=NEW_YEAR_NS, warming=["co"])
    assert b'"u":"PPM","state":"warm-up"' in payload.replace(b'"co":3.0,', b"")
    decoded = compile_plan(warming, channels=bindings).decode(payload)
    assert (decoded.values, decoded.qualities) == ([3.0], [Quality.WARMING_UP])
    with pytest.raises(ComposeError, match="no warm_up_pointer"):
        compose(JSON, [], values=[], time_ns=NEW_YEAR_NS, warming=["co"])


@pytest.mark.parametrize(("value", "payload"), [(12.5, b"12.5"), (math.nan, b"nan")])
def test_a_plain_number_is_only_that(value: float, payload: bytes) -> None:
    """A device that sends one number sends nothing around it."""
    profile = PROFILES["generic/number"]
    binding = ChannelBinding(channel="value")
    assert compose(profile, [binding], values=[value], time_ns=NEW_YEAR_NS) == payload


def test_an_uplink_always_has_its_object() -> None:
    """An uplink with no values is still one that its codec decoded."""
    profile = PROFILES["chirpstack/multigas-4"]
    payload = compose(profile, bindings_of(profile), values={}, time_ns=NEW_YEAR_NS)
    decoded = compile_plan(profile, channels=bindings_of(profile)).decode(payload)
    assert set(decoded.qualities) == {Quality.MISSING}


@pytest.mark.parametrize(
    ("pointers", "values", "faults", "text"),
    [
        (["/a"], [1.0, 2.0], [], "2 values for 1"),
        (["/a"], {"c9": 1.0}, [], "c9: not bound"),
        (["/a"], [math.inf], [], "finite"),
        (["/a"], [1.0], ["c0"], "no fault_pointer"),
        (["/a", "/a/b"], [1.0, 2.0], [], "inside another"),
        (["/a/b", "/a"], [1.0, 2.0], [], "inside another"),
        (["/ts"], [1.0], [], "inside another"),
    ],
)
def test_what_cannot_be_written_is_refused(
    pointers: list[str], values: list[float] | dict[str, float], faults: list[str], text: str
) -> None:
    """Values that have no place in the format are an error, never a payload with a hole."""
    bindings = [
        ChannelBinding(channel=f"c{place}", pointer=pointer)
        for place, pointer in enumerate(pointers)
    ]
    with pytest.raises(ComposeError, match=text):
        compose(JSON, bindings, values=values, time_ns=NEW_YEAR_NS, faults=faults)


def test_a_plain_number_needs_its_value() -> None:
    """A number that is not there cannot be sent."""
    binding = ChannelBinding(channel="value")
    with pytest.raises(ComposeError, match="one value"):
        compose(PROFILES["generic/number"], [binding], values={}, time_ns=NEW_YEAR_NS)


def test_text_is_written_with_a_zone() -> None:
    """A composed time names UTC, so that no profile's offset applies to it."""
    assert str(from_nanoseconds(NEW_YEAR_NS, "auto")).endswith("Z")
