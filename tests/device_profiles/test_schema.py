from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from device_profiles.problems import ProfileError
from device_profiles.registry import load_profile
from device_profiles.schema import Profile

GOOD = """\
id = "acme/gas-1"
title_en = "Gas detector"
title_zh = "气体检测仪"
vendor = "Acme"
model = "Gas 1"
payload = "json"
time = "/ts"
interval = "10s"

[channel.nh3]
pointer = "/nh3"
quantity = "nh3"
unit = "ppm"
range = [0, 1000]

[[example]]
payload = '{"ts": 1767225600, "nh3": 12}'
expect = { nh3 = 12 }
"""


def problems_of(folder: Path, text: str) -> list[str]:
    """Return what loading `text` as acme/gas-1 complains about, without the path."""
    path = folder / "acme" / "gas-1.toml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_the_smallest_profile_has_safe_defaults(tmp_path: Path) -> None:
    """What a profile leaves out claims nothing: no scale, no sentinel, no noise floor."""
    path = tmp_path / "acme" / "gas-1.toml"
    path.parent.mkdir()
    path.write_text(GOOD, encoding="utf-8")
    profile = load_profile(path)
    channel = profile.channel["nh3"]
    assert (profile.interval, profile.silence_interval) == (10**10, 10**10)
    assert (channel.scale, channel.offset, channel.sentinels) == (1.0, 0.0, ())
    assert channel.noise_floor is None
    assert channel.t90 is None


def test_silence_is_judged_by_the_keep_alive() -> None:
    """A device that reports by exception is silent only after its keep-alive."""
    profile = Profile.model_validate(
        {
            "id": "acme/gas-1",
            "title_en": "x",
            "title_zh": "x",
            "vendor": "x",
            "model": "x",
            "payload": "number",
            "time": "received",
            "interval": "1s",
            "keep_alive": "10min",
            "example": [{"payload": "1", "expect": {"value": 1}}],
        }
    )
    assert profile.silence_interval == 600 * 10**9


def test_profiles_are_frozen(tmp_path: Path) -> None:
    """A loaded profile cannot be changed under a running plan."""
    path = tmp_path / "acme" / "gas-1.toml"
    path.parent.mkdir()
    path.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ValidationError, match="frozen"):
        load_profile(path).channel["nh3"].scale = 2.0


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("range =", "ranges =", "14: channel.nh3.ranges: unknown key; did you mean 'range'?"),
        ('unit = "ppm"\n', "", "10: channel.nh3.unit: is missing"),
        ("[0, 1000]", "[0, true]", "14: channel.nh3.range[1]: input should be a valid number"),
        ("[0, 1000]", '[0, "9"]', "14: channel.nh3.range[1]: input should be a valid number"),
        ("[0, 1000]", "[0, inf]", "14: channel.nh3.range[1]: input should be a finite number"),
        ("[0, 1000]", "[5, 5]", "10: channel.nh3: range = [5, 5] is empty"),
        ("[0, 1000]", "[0, 9]\nscale = 0", "10: channel.nh3: scale = 0"),
        ("[0, 1000]", '[0, 9]\nfault_pointer = "/f"', "10: channel.nh3: fault_pointer and"),
        ("[0, 1000]", "[0, 9]\nfault_values = [1]", "10: channel.nh3: fault_pointer and"),
        ("[0, 1000]", "[0, 9]\nnoise_floor = 0", "15: channel.nh3.noise_floor: input should be g"),
        ("[0, 1000]", "[0, 9]\nnoise_floor = 9", "15: channel.nh3.noise_floor: 9 is as high as"),
        ("[0, 1000]", '[0, 9]\nwarm_up_pointer = "/f"', "10: channel.nh3: warm_up_pointer and"),
        ("[0, 1000]", '[0, 9]\nunit_values = ["ppm"]', "10: channel.nh3: unit_pointer and"),
        ("[0, 1000]", '[0, 9]\nsignal = "0-20mA"', "15: channel.nh3.signal: input should be '4-20"),
        ("[0, 1000]", '[0, 9]\nsignal = "4-20mA"\nscale = 2', "16: channel.nh3.scale: follows"),
        ("[0, 1000]", '[0, 9]\nsignal = "4-20mA"\noffset = 0', "16: channel.nh3.offset: follows"),
        (
            "[0, 1000]",
            '[1e16, 1.0000000000000004e16]\nsignal = "4-20mA"',
            "14: channel.nh3.range: is",
        ),
        (
            'interval = "10s"',
            'interval = "10s"\nsignal = "4-20mA"',
            "9: signal: only for profiles w",
        ),
        ("[0, 1000]", "[0, 9]\nspike = 9", "15: channel.nh3.spike: 9 is as high as range = [0, 9]"),
        ("[0, 1000]", "[0, 9]\nnoise = 90", "15: channel.nh3.noise: 90 is as high as range"),
        ("[0, 1000]", "[0, 9]\nnoise = 0", "15: channel.nh3.noise: input should be greater than 0"),
        ("[0, 1000]", "[0, 9]\nzero_drift = 9.5", "15: channel.nh3.zero_drift: 9.5 is as high"),
        ("[0, 1000]", "[0, 9]\nzero_drift = -1", "15: channel.nh3.zero_drift: input should be gr"),
        ("[0, 1000]", "[0, 9]\nsaturates = 9.5", "15: channel.nh3.saturates: 9.5 is not within"),
        ("[0, 1000]", "[0, 9]\nsaturates = 0", "15: channel.nh3.saturates: 0 is not within"),
        ("[0, 1000]", '[0, 9]\ncalibration = "0s"', "15: channel.nh3.calibration: input should be"),
        ("[0, 1000]", "[0, 9]\ncalibration = 90", "15: channel.nh3.calibration: '90' is not a dur"),
        ("[0, 1000]", "[0, 9]\nmin_oxygen = 10", "15: channel.nh3.min_oxygen: only a catalytic"),
        (
            "[0, 1000]",
            '[0, 9]\nprinciple = "infrared"\nmin_oxygen = 10',
            "16: channel.nh3.min_oxygen: only a catalytic",
        ),
        (
            "[0, 1000]",
            '[0, 9]\nprinciple = "catalytic"\nmin_oxygen = 21',
            "16: channel.nh3.min_oxygen: input should be less than 20.9476",
        ),
        ("expect =", "ranges = { nh3 = [0, 9] }\nexpect =", "18: example[0].ranges: only for"),
        ('"10s"', "10", "8: interval: '10' is not a duration"),
        ('"10s"', '"0s"', "8: interval: input should be greater than 0"),
        ('"/nh3"', '"nh3"', "11: channel.nh3.pointer: 'nh3' is not a JSON pointer"),
        ('pointer = "/nh3"\n', "", "10: channel.nh3: pointer is missing"),
        ('"/ts"', '"ts"', "7: time: 'ts' is not a JSON pointer"),
        ('"/ts"', '"/ts"\nutc_offset = "8"', "8: utc_offset: '8' is not an offset"),
        ('"json"', '"xml"', "6: payload: input should be 'json', 'number' or 'chirpstack'"),
        (
            "channel.nh3]",
            "channel.NH3]",
            "10: channel.NH3.[key]: must be lower-case letters, digits",
        ),
        ('"ppm"', '"p p m"', "13: channel.nh3.unit: must be 1 to 16 characters without"),
        ("acme/gas-1", "acme", "1: id: must be vendor/model, both of lower-case letters"),
        ("acme/gas-1", "acme/gas-2", "1: id: 'acme/gas-2'; by its place it is 'acme/gas-1'"),
        ("nh3 = 12 }", "co = 12 }", "16: example[0]: co is no channel of this profile; known: nh3"),
        ("expect = { nh3 = 12 }", "", "16: example[0]: nothing is expected"),
        ("expect =", 'error = "x"\nexpect =', "16: example[0]: error stands alone"),
        ("expect =", 'time_quality = "GOOD"\nexpect =', "18: example[0].time_quality: 'GOOD' is"),
        ("expect =", 'pointers = { a = "/a" }\nexpect =', "18: example[0].pointers: only for"),
        ("12 }", '12 }\nquality = { nh3 = "ODD" }', "19: example[0].quality: nh3 = 'ODD' is un"),
        ("12 }", '12 }\nquality = { nh3 = "FENCED" }', "19: example[0].quality: nh3 = 'FENCED'"),
        ("[[example]]", "[example]", "16: example: must be a list: [a, b], or [[name]] for tables"),
        ("id =", "id", "1: not TOML: Expected '=' after a key in a key/value pair; mend this"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Every mistake in a profile is told at its line and key, with what is allowed."""
    assert old in GOOD
    found = problems_of(tmp_path, GOOD.replace(old, new, 1))
    assert any(each.startswith(problem) for each in found), found


FACTS = """\
principle = "catalytic"
min_oxygen = 10
noise = 2
spike = 50
zero_drift = 5
saturates = 1000
calibration = "180d"
"""


def test_the_facts_of_a_sensor_are_kept_and_none_is_invented(tmp_path: Path) -> None:
    """What a data sheet says is read as it stands; what it leaves out is None."""
    path = tmp_path / "acme" / "gas-1.toml"
    path.parent.mkdir()
    keys = ("min_oxygen", "noise", "spike", "zero_drift", "saturates", "calibration")
    for text, meant in ((GOOD, [None] * 6), (FACTS, [10, 2, 50, 5, 1000, 180 * 86400 * 10**9])):
        whole = GOOD if text is GOOD else GOOD.replace("[0, 1000]\n", f"[0, 1000]\n{text}")
        path.write_text(whole, encoding="utf-8")
        channel = load_profile(path).channel["nh3"]
        assert [getattr(channel, key) for key in keys] == meant


def test_a_number_payload_says_nothing_beside_its_number(tmp_path: Path) -> None:
    """A payload that is one number has no place for a flag, a warm-up or a unit."""
    told = 'warm_up_pointer = "/w"\nwarm_up_values = [1]\nunit_pointer = "/u"\nunit_values = [1]\n'
    text = GOOD.replace('"json"', '"number"').replace("[0, 1000]\n", f"[0, 1000]\n{told}")
    found = "\n".join(problems_of(tmp_path, text))
    assert "channel.nh3.warm_up_pointer: the whole payload is the number" in found
    assert "channel.nh3.unit_pointer: the whole payload is the number" in found


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """Three mistakes are three problems, in the order of their lines."""
    text = GOOD.replace('"json"', '"xml"').replace("quantity", "quantum")
    text = 'interval = "10"\n' + text.replace('interval = "10s"\n', "")
    lines = [problem.partition(":")[0] for problem in problems_of(tmp_path, text)]
    assert lines == ["1", "7", "10", "12"]


def test_a_number_payload_has_one_channel_and_no_time(tmp_path: Path) -> None:
    """A payload that is one number has no pointer, no time of its own and no second channel."""
    second = '[channel.co]\nquantity = "co"\nunit = "ppm"\nrange = [0, 1]\n\n[[example]]'
    text = GOOD.replace('"json"', '"number"').replace("[[example]]", second)
    found = "\n".join(problems_of(tmp_path, text))
    assert "7: time: a number carries no time" in found
    assert "11: channel.nh3.pointer: the whole payload is the number" in found
    assert "10: channel: a number is one channel" in found
    assert "nothing is said of co" in found
