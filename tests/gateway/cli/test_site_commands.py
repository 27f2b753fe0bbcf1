"""`check` and `simulate`: figures for scripts, problems on their own lines, the right status."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from device_profiles.registry import SHIPPED
from gateway.pipeline import alarm_list
from gateway.pipeline.alarm_list import AlarmRow
from gateway.pipeline.plant import Plant
from gateway.simulation.broker import LocalBroker
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import write_site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path, port=1883)


def test_a_good_file_is_counted(site: Path) -> None:
    """Status 0, with the number of points and alarms."""
    found = hazgate("check", site, "--json")
    assert found.exit_code == 0
    counted = {"files": 1, "points": 2, "alarms": 10, "problems": [], "statutory_response": []}
    assert figures(found) == counted
    assert "no problems" in hazgate("check", site).stdout


def test_problems_of_every_file_are_told(site: Path, tmp_path: Path) -> None:
    """Status 1, each problem a line of its own, the files one after the other."""
    bad = tmp_path / "bad.toml"
    text = site.read_text().replace('unit = "ppm"', 'unit = "ppm"\nsize = 3')
    bad.write_text(text, encoding="utf-8")
    found = hazgate("check", bad, site, tmp_path / "absent.toml", "--json")
    assert found.exit_code == 1
    told = figures(found)
    assert (told["files"], told["points"]) == (3, 2)
    assert [problem.split(":")[0] for problem in told["problems"]] == [
        str(bad), str(bad), str(tmp_path / "absent.toml"),
    ]  # fmt: skip
    plain = hazgate("check", bad)
    assert plain.exit_code == 1
    assert plain.stdout.splitlines() == told["problems"][:2]


def test_a_scenario_that_is_unknown_is_a_problem(site: Path) -> None:
    """`simulate` names those there are."""
    found = hazgate(
        "simulate", "--config", site, "--broker", "mqtt://127.0.0.1:1", "--scenario", "war"
    )  # fmt: skip
    assert found.exit_code == 1
    assert "leak" in found.stderr


@pytest.mark.parametrize(
    ("broker", "told"),
    [
        ("127.0.0.1:18883", "write mqtt://host:port, as in mqtt://127.0.0.1:18883"),
        ("localhost", "write mqtt://host:port"),
        ("http://127.0.0.1:1883", "as in mqtt://127.0.0.1:1883"),
        ("mqtt://127.0.0.1:port", "write mqtt://host:port"),
        ("mqtts://127.0.0.1:8883", "without TLS"),
        ("mqtt://me:secret@127.0.0.1", "without a password"),
    ],
)
def test_an_address_that_is_none_is_told(site: Path, broker: str, told: str) -> None:
    """What was forgotten is named, before any connection: never another broker than was meant."""
    found = hazgate("simulate", "--config", site, "--broker", broker, "--seconds", "1")
    assert found.exit_code == 1
    assert told in found.stderr


@pytest.mark.broker
def test_a_simulation_says_that_it_goes_on(
    tmp_path: Path, broker: LocalBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once connected, and again while it runs, on stderr; the figure stands alone on stdout."""
    monkeypatch.setattr("gateway.cli.site.PROGRESS_S", 0.0)
    path = write_site(tmp_path, port=broker.port)
    url = f"mqtt://127.0.0.1:{broker.port}"
    found = hazgate(
        "simulate", "--config", path, "--broker", url, "--rate", "20", "--seconds", "0.5"
    )  # fmt: skip
    assert found.exit_code == 0
    lines = found.stderr.splitlines()
    assert lines[0] == f"plays 1 device(s) to {url}; Ctrl-C ends it"
    assert len(lines) > 1
    assert found.stdout == f"messages: {lines[-1].split()[0]}\n"
    assert int(lines[-1].split()[0]) > 0


def test_a_profile_is_no_site() -> None:
    """One line that says what the file is and which command tests it."""
    path = SHIPPED / "generic" / "multigas-4.toml"
    found = hazgate("check", path)
    assert found.exit_code == 1
    (line,) = found.stdout.splitlines()
    assert line.startswith(f"{path}:1: is a device profile")
    assert "hazgate profiles test" in line


def test_alarms_are_listed_only_when_asked_for(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site may have millions: they are counted, and no row is made unless somebody wants it."""
    made: list[AlarmRow] = []
    plain = alarm_list.alarm_rows

    def counted(plant: Plant) -> Iterator[AlarmRow]:
        for row in plain(plant):
            made.append(row)
            yield row

    monkeypatch.setattr(alarm_list, "alarm_rows", counted)
    assert figures(hazgate("check", site, "--json"))["alarms"] == 10
    assert "10 alarms" in hazgate("check", site).stdout
    assert made == []
    told = figures(hazgate("check", site, "--alarms", "--json"))
    assert len(told["alarm_rows"]) == len(made) == 10
