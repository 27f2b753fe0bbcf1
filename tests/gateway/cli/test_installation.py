"""Files of centres in `check`, workers in `replay`, and what an installation lacks."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gateway import cli
from gateway.identity import load_key, public_hex
from tests.chain.site import site_text
from tests.gateway.cli.shell import figures, hazgate

CENTRE = '[node]\nid = "county"\n[listen]\naddress = "127.0.0.1:8080"\n'


def test_centre_file_is_checked(tmp_path: Path) -> None:
    """A good one is a file without points; a bad one is told by line, its divisions too."""
    path = tmp_path / "centre.toml"
    path.write_text(CENTRE)
    told = figures(hazgate("check", path, "--json"))
    assert told["files"] == 1
    assert (told["points"], told["alarms"], told["problems"]) == (0, 0, [])
    path.write_text(CENTRE.replace("address", "addressed") + '[divisions]\nfile = "none.csv"\n')
    found = hazgate("check", path)
    assert found.exit_code == 1
    assert f"{path}:4: listen.addressed: unknown key" in found.stdout
    path.write_text(CENTRE + '[divisions]\nfile = "none.csv"\n')
    assert "none.csv" in hazgate("check", path).stdout


@pytest.mark.more
def test_workers_change_nothing_but_speed(tmp_path: Path) -> None:
    """However many processes share the devices, the events are the same to the byte."""
    chance = random.Random(5)
    site = tmp_path / "site.toml"
    text = site_text("mqtt://127.0.0.1:1", points=7).replace('"10min"', '"2s"')
    site.write_text(text, encoding="utf-8")
    rows = ["time," + ",".join(f"T{n:02}" for n in range(7))]
    now = 1_790_000_000_000
    for _ in range(400):
        now += chance.choice([200, 500, 1000, 7000])
        cells = [str(chance.choice([20, 98, 105, 700, ""])) for _ in range(7)]
        rows.append(f"{now},{','.join(cells)}")
    (tmp_path / "said.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    found = []
    for workers in (1, 2, 3):
        out = tmp_path / f"{workers}.jsonl"
        arguments = ("--input", tmp_path / "said.csv", "--out", out, "--workers", workers)
        told = figures(hazgate("replay", "--config", site, *arguments, "--json"))
        found.append((told, out.read_bytes()))
    assert found[0][0]["by_alarm"].keys() >= {"chain-gw/T00/h", "chain-gw/T01/no_data"}
    assert found[1] == found[0]
    assert found[2] == found[0]


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command whose modules are not installed says which extra brings them."""

    def lacking() -> None:
        raise ModuleNotFoundError("No module named 'numba'", name="numba.core")

    monkeypatch.setattr(cli, "app", lacking)
    with pytest.raises(SystemExit, match=r'pip install "hazgate\[edge\]"'):
        cli.main()

    def broken() -> None:
        raise ModuleNotFoundError("No module named 'gateway.typo'", name="gateway.typo")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_check_lists_the_alarms_as_they_were_resolved(tmp_path: Path) -> None:
    """A pack's limits and delays stand in no site file: the list shows them, one alarm a line."""
    site = tmp_path / "site.toml"
    site.write_text(site_text("mqtt://127.0.0.1:1", points=1), encoding="utf-8")
    found = hazgate("check", site, "--alarms")
    assert found.exit_code == 0
    row = next(line for line in found.stdout.splitlines() if "chain-gw/T00/h " in line).split()
    assert row[:6] == ["chain-gw/T00/h", "100", "ppm", "2s", "0s", "5"]
    told = figures(hazgate("check", site, "--alarms", "--json"))["alarm_rows"]
    assert {each["alarm"] for each in told} == {
        f"chain-gw/T00/{rule}" for rule in ("h", "hh", "fault", "over_range", "no_data", "clock")
    }


def test_check_tries_the_files_a_centre_names(tmp_path: Path) -> None:
    """A certificate that is not there and a store that cannot be made are told in one round."""
    path = tmp_path / "centre.toml"
    (tmp_path / "file").write_text("in the way")
    tls = 'cert = "none.crt"\nkey = "none.key"\n'
    path.write_text(CENTRE + tls + '[store]\nfolder = "file/store"\n', encoding="utf-8")
    found = hazgate("check", path)
    assert found.exit_code == 1
    keys = [line.split(": ")[1] for line in found.stdout.splitlines()]
    assert keys == ["listen.cert", "listen.key", "store.folder"]


def test_a_centre_is_paired_as_a_site_is(tmp_path: Path) -> None:
    """`pair` takes a centre's file too: it says what is missing, and asks the parent it names."""
    path = tmp_path / "centre.toml"
    path.write_text(CENTRE)
    alone = hazgate("pair", "--config", path, "--code", "X")
    assert (alone.exit_code, "write [parent]" in alone.stderr) == (1, True)
    path.write_text(CENTRE + '[parent]\nurl = "http://127.0.0.1:9"\n[store]\nfolder = "kept"\n')
    away = hazgate("pair", "--config", path, "--code", "X")
    assert (away.exit_code, "http://127.0.0.1:9" in away.stderr) == (1, True)
    assert (tmp_path / "kept" / "parent.token.offered").exists()


def test_departments_of_a_centre_are_checked(tmp_path: Path) -> None:
    """Each problem of the file of departments has its line; what it leaves out is a warning."""
    path, departments = tmp_path / "centre.toml", tmp_path / "departments.toml"
    path.write_text(f'{CENTRE}[departments]\nfile = "departments.toml"\n', encoding="utf-8")
    sound = '[[department]]\nid = "office"\nname = "Office"\ndivision = "330106"\n'
    route = '[[route]]\nto = ["nobody"]\nreceipt = "10min"\n'
    departments.write_text(sound + route, encoding="utf-8")
    found = hazgate("check", path)
    assert found.exit_code == 1
    (problem,) = found.stdout.splitlines()
    assert problem.startswith(f"{departments}:6: ")
    departments.write_text(sound, encoding="utf-8")
    found = hazgate("check", path)
    assert found.exit_code == 0
    assert len(found.stderr.splitlines()) == 6
    departments.write_text(sound + route.replace("nobody", "office"), encoding="utf-8")
    assert hazgate("check", path).stderr == ""


def test_a_centre_prints_its_key(tmp_path: Path) -> None:
    """What a site file states of it is what it says; before its first start it has none."""
    path = tmp_path / "centre.toml"
    path.write_text(CENTRE + '[store]\nfolder = "kept"\n')
    asked = ("centre", "--config", path, "--show-key")
    none = hazgate(*asked)
    assert (none.exit_code, "start the centre once" in none.stderr) == (1, True)
    (tmp_path / "kept").mkdir()
    key = public_hex(load_key(tmp_path / "kept"))
    assert hazgate(*asked).stdout == f"{key}\n"
