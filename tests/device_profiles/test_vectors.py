from __future__ import annotations

import pytest

from device_profiles.registry import load_registry
from device_profiles.schema import Example, Profile
from device_profiles.vectors import run_vectors, summary

PROFILES = load_registry()
DETECTOR = PROFILES["generic/multigas-4"]
CLEAN = DETECTOR.example[0]


def with_example(profile: Profile, **changes: object) -> Profile:
    """Return the profile with its first example changed, and no other."""
    changed = profile.example[0].model_copy(update=changes)
    return profile.model_copy(update={"example": (changed,)})


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.id)
def test_every_shipped_example_holds(profile: Profile) -> None:
    """Each shipped profile reads its examples as it says."""
    assert [result.problems for result in run_vectors([profile]) if not result.passed] == []


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.id)
def test_every_shipped_profile_shows_good_bad_and_failed(profile: Profile) -> None:
    """A shipped profile shows a good payload, a BAD channel, and one that cannot be read."""
    examples = profile.example
    assert len(examples) >= 3
    assert any(not each.quality and each.error is None for each in examples)
    assert any(each.quality for each in examples)
    assert any(each.error for each in examples)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.id)
def test_every_sentinel_and_fault_flag_is_shown(profile: Profile) -> None:
    """A shipped profile that knows sentinels or fault flags proves one of each."""
    shown = {quality for example in profile.example for quality in example.quality.values()}
    if any(channel.sentinels for channel in profile.channel.values()):
        assert "SENTINEL" in shown
    if any(channel.fault_values for channel in profile.channel.values()):
        assert "DEVICE_FAULT" in shown


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"expect": {**CLEAN.expect, "co": 2.0}}, "co: expected 2.0, got 1.0"),
        ({"quality": {"co": "MISSING"}}, "co: expected quality MISSING, got GOOD"),
        ({"payload": '{"ts": 1767225600}'}, "co: expected quality GOOD, got MISSING"),
        ({"time": "2026-01-01T00:00:01Z"}, "time: expected '2026-01-01T00:00:01Z'"),
        ({"time": 5}, "time: expected 5 = None"),
        ({"time_quality": "TIME_MISSING"}, "time: expected quality TIME_MISSING, got GOOD"),
        ({"time_pointer": "/no"}, "time: expected quality GOOD, got TIME_MISSING"),
        ({"time_pointer": "no"}, "time: 'no' is not a JSON pointer"),
        ({"payload": "{"}, "expected readings, got an error: not JSON"),
        ({"error": "not JSON"}, "expected an error with 'not JSON', got readings"),
        ({"error": "deep", "payload": ""}, "expected an error with 'deep', got: the payload is"),
    ],
)
def test_a_false_example_fails(changes: dict[str, object], problem: str) -> None:
    """An example that says anything else than the decoder does is told, with both."""
    (result,) = run_vectors([with_example(DETECTOR, **changes)])
    assert not result.passed
    assert any(each.startswith(problem) for each in result.problems), result.problems


def test_the_summary_counts_profiles_vectors_and_failures() -> None:
    """The figures are those of the run: every profile, every example, every failure."""
    false = with_example(DETECTOR, payload="{")
    results = run_vectors([PROFILES["generic/number"], false])
    count = len(PROFILES["generic/number"].example)
    assert summary(results) == {"profiles": 2, "vectors": count + 1, "failed": 1}


def test_an_example_names_its_channels_in_order() -> None:
    """An example speaks of the channels it expects and of those it calls bad, each once."""
    example = Example(
        payload="", expect={"a": 1, "b": 2}, quality={"c": "MISSING", "a": "SENTINEL"}
    )
    assert example.channels == ("a", "b", "c")


def test_a_time_without_a_zone_is_told_what_it_lacks() -> None:
    """TIME_IMPLAUSIBLE for want of a zone names utc_offset; a time that is none does not."""
    payload = CLEAN.payload.replace("00:00Z", "00:00")
    changed = with_example(DETECTOR, payload=payload)
    (result,) = run_vectors([changed])
    assert any("TIME_IMPLAUSIBLE" in each and "utc_offset" in each for each in result.problems)
    odd = with_example(DETECTOR, payload=CLEAN.payload.replace("00:00Z", "noon"))
    (result,) = run_vectors([odd])
    assert result.problems
    assert "utc_offset" not in str(result.problems)
