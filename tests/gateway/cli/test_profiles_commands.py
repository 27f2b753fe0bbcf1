"""`profiles`: what ships, what one says, and whether its own examples hold."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device_profiles.registry import load_profile
from tests.gateway.cli.shell import figures, hazgate

OWN = """id = "acme/gas"
title_en = "Gas"
title_zh = "气体"
vendor = "Acme"
model = "Gas"
payload = "json"
time = "/ts"
interval = "10s"
[channel.nh3]
pointer = "/nh3"
quantity = "nh3"
unit = "ppm"
range = [0, 1000]
[[example]]
payload = '{"ts": 1767225600, "nh3": 12.5}'
expect = { nh3 = 12.5 }
"""


def own(folder: Path, text: str = OWN) -> Path:
    """A folder with one profile of its own."""
    (folder / "acme").mkdir(parents=True, exist_ok=True)
    (folder / "acme" / "gas.toml").write_text(text, encoding="utf-8")
    return folder


def test_list_names_every_profile_with_its_units(tmp_path: Path) -> None:
    """Those that ship, and those of the site's own folder."""
    shipped = figures(hazgate("profiles", "list", "--json"))
    assert "ppm" in shipped["generic/multigas-4"]
    assert shipped["generic/json"] == "any channel"
    both = figures(hazgate("profiles", "list", "--folder", own(tmp_path), "--json"))
    assert both == {**shipped, "acme/gas": "nh3 [ppm]"}
    lines = hazgate("profiles", "list", "--folder", tmp_path).stdout.splitlines()
    assert ["acme/gas", "nh3 [ppm]"] in [line.split(maxsplit=1) for line in lines]
    assert len({len(line) - len(line.split(maxsplit=1)[1]) for line in lines}) == 1


def test_show_tells_what_a_profile_says() -> None:
    """Channels with unit and range; an unknown one names those there are."""
    told = figures(hazgate("profiles", "show", "generic/multigas-4", "--json"))
    assert told["channel"]["o2"]["unit"] == "%vol"
    plain = hazgate("profiles", "show", "generic/multigas-4").stdout
    assert "channel o2:\n  pointer: /o2\n" in plain
    assert "\n  t90: " in plain
    assert not re.search(r"None|\{'|\d{9}", plain)
    found = hazgate("profiles", "show", "acme/none")
    assert found.exit_code == 1
    assert "generic/json" in found.stderr


def test_test_runs_the_examples(tmp_path: Path) -> None:
    """Status 0 when all hold; 1, and what differs, when one does not."""
    found = hazgate("profiles", "test", "--json")
    assert found.exit_code == 0
    shipped = figures(found)
    assert shipped["failed"] == 0
    assert shipped["vectors"] >= shipped["profiles"] > 3
    more = figures(hazgate("profiles", "test", "--folder", own(tmp_path), "--json"))
    assert more["vectors"] == shipped["vectors"] + 1
    own(tmp_path, OWN.replace("{ nh3 = 12.5 }", "{ nh3 = 13.0 }"))
    bad = hazgate("profiles", "test", "--folder", tmp_path, "--json")
    assert bad.exit_code == 1
    assert figures(bad)["failed"] == 1
    assert "acme/gas: example 1" in bad.stderr


def test_a_profile_that_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    """Every command about profiles says so, with status 1."""
    own(tmp_path, OWN.replace('unit = "ppm"', 'unit = "ppm"\ncolour = 3'))
    for command in (["list"], ["show", "acme/gas"], ["test"]):
        found = hazgate("profiles", *command, "--folder", tmp_path)
        assert found.exit_code == 1
        assert "gas.toml:13: " in found.stderr


def test_new_writes_one_that_passes_and_overwrites_none(tmp_path: Path) -> None:
    """What it writes is sound as it stands; a second time it refuses."""
    assert hazgate("profiles", "new", "acme/gas-7", "--folder", tmp_path).exit_code == 0
    told = figures(hazgate("profiles", "test", "--folder", tmp_path, "--json"))
    assert told["failed"] == 0
    assert "acme/gas-7" in figures(hazgate("profiles", "list", "--folder", tmp_path, "--json"))
    assert hazgate("profiles", "new", "acme/gas-7", "--folder", tmp_path).exit_code == 1
    assert hazgate("profiles", "new", "gas-8", "--folder", tmp_path).exit_code == 1


def test_the_folder_of_ones_own_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `profiles` here is read, and written, without being named; another one if named."""
    monkeypatch.chdir(tmp_path)
    before = figures(hazgate("profiles", "test", "--json"))["profiles"]
    made = hazgate("profiles", "new", "acme/gas-7")
    assert made.exit_code == 0
    assert "now run: hazgate profiles test\n" in made.stdout
    assert (tmp_path / "profiles" / "acme" / "gas-7.toml").exists()
    assert figures(hazgate("profiles", "test", "--json"))["profiles"] == before + 1
    assert hazgate("profiles", "show", "acme/gas-7").exit_code == 0
    assert "acme/gas-7" in hazgate("profiles", "list").stdout
    other = own(tmp_path / "other")
    assert "acme/gas-7" not in hazgate("profiles", "list", "--folder", other).stdout


def test_new_lowers_the_case_of_the_id_alone(tmp_path: Path) -> None:
    """Vendor and model stay as they are printed on the device; the id is one that is valid."""
    assert hazgate("profiles", "new", "Frigo/NH3-X", "--folder", tmp_path).exit_code == 0
    profile = load_profile(tmp_path / "frigo" / "nh3-x.toml")
    assert (profile.id, profile.vendor, profile.model) == ("frigo/nh3-x", "Frigo", "NH3-X")


@pytest.mark.parametrize(
    "name",
    ["gas", "/gas", "acme/", "acme/gas 7", "acme/../gas", 'ac"me/gas', "气体/探测器", "hazards/x",
     "generic/json", "Generic/JSON"],
)  # fmt: skip
def test_new_writes_nothing_that_would_be_refused(tmp_path: Path, name: str) -> None:
    """A name that is no id, or taken, is told; the folder stays as it was."""
    found = hazgate("profiles", "new", name, "--folder", tmp_path)
    assert found.exit_code == 1
    assert found.stderr
    assert list(tmp_path.iterdir()) == []


def test_new_tells_of_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the folder should be: one line, no traceback."""
    (tmp_path / "file").write_text("")
    found = hazgate("profiles", "new", "acme/gas", "--folder", tmp_path / "file")
    assert found.exit_code == 1
    assert "cannot be written" in found.stderr
