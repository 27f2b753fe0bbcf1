"""docs/operations.md says nothing of the program and its files that is not so."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.alarms.catalogue import NODE_ALARMS
from gateway.observe import Metrics
from gateway.supervision.metrics import CentreMetrics
from tests.deploy import commands
from tests.deploy.shipped import (
    CENTRE,
    CERTIFICATES,
    DEPLOY,
    MOSQUITTO,
    OPERATIONS,
    ROOT,
    SITE,
    SYSUSERS,
    UNITS,
    all_options,
    as_shipped,
    broker_options,
)

TEXT = OPERATIONS.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PROGRAM = "\n".join(
    path.read_text(encoding="utf-8")
    for package in ("gateway", "detectors")
    for path in sorted((ROOT / package).rglob("*.py"))
)
SHIPPED = "\n".join(
    path.read_text(encoding="utf-8")
    for path in (SITE, CENTRE, MOSQUITTO, SYSUSERS, *UNITS.values())
)
#: What the page itself makes, and no shipped file names.
MADE_HERE = {
    "/opt/hazgate",
    "/opt/hazgate/bin/python",
    "/etc/sysusers.d/hazgate.conf",
    "/etc/hazgate",
    "/etc/hazgate/tls",
    "/etc/hazgate/secrets",
    "/etc/mosquitto",
    "/etc/mosquitto/tls",
    *(f"/etc/systemd/system/{path.name}" for path in UNITS.values()),
}


def places(text: str) -> set[str]:
    """Return the absolute paths in a text."""
    found = re.findall(r"(?<![\w.])/(?:etc|opt|var|run)/[\w./-]*[\w/]", text)
    return {path.rstrip("/") for path in found}


def metric_names(registry: CollectorRegistry) -> set[str]:
    """Return the names of a registry as Prometheus shows them."""
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in registry.collect()
    }


def test_every_command_exists() -> None:
    """Each line that starts hazgate is a command of the program with options that it has."""
    lines = commands.hazgate_lines(TEXT)
    assert {line[0] for line in lines} >= {"check", "pair", "alarms", "journal"}
    for line in lines:
        commands.check(line)


def test_every_block_is_shell() -> None:
    """The blocks to be typed are valid shell."""
    assert BLOCKS
    for block in BLOCKS:
        done = subprocess.run(
            ["sh", "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (block, done.stderr)


def test_every_installed_file_is_there() -> None:
    """What the blocks copy out of deploy/ is there, and nothing to install is left out."""
    for name in re.findall(r"deploy/[\w./-]+\w", TEXT):
        assert (ROOT / name).exists(), name
    for path in (SITE, CENTRE, SITE.with_name("points.csv"), SYSUSERS, *UNITS.values()):
        assert f" {path.relative_to(ROOT)} " in TEXT, path
    for path in sorted((DEPLOY / "mosquitto").glob("[a-z]*")):
        assert f" {path.relative_to(ROOT)} /etc/mosquitto/{path.name}" in TEXT, path


def test_every_path_is_known() -> None:
    """Each path of the page is one of a shipped file, is made here, or lies in a store."""
    stores = tuple(as_shipped(path)["store"]["folder"] for path in (SITE, CENTRE))
    known = places(SHIPPED) | MADE_HERE
    for path in places(TEXT) - known:
        assert path.startswith(stores), path
        name = re.sub(r"lake-cold-store-gw1", "{node}", Path(path).name)
        assert name in PROGRAM, path
    for path in places(SHIPPED) - places(TEXT):
        assert path.startswith(("/run/credentials", "/etc/hazgate/divisions.csv", *stores)) or any(
            path.startswith(f"{folder}/") for folder in ("/etc/mosquitto", "/etc/hazgate")
        ), path


def test_certificates_of_the_page_are_those_of_the_files(tmp_path: Path) -> None:
    """The page's own commands make every certificate that configuration and examples name."""
    for block in BLOCKS:
        for line in block.splitlines():
            if str(CERTIFICATES.relative_to(ROOT)) in line:
                line_here = line.replace("deploy/", f"{DEPLOY}/")
                subprocess.run(
                    ["sh", "-c", line_here], cwd=tmp_path, check=True, capture_output=True
                )
    site, centre = tmp_path / "site-ca", tmp_path / "centre-ca"
    options = broker_options(MOSQUITTO.read_text(encoding="utf-8"))
    for key in ("cafile", "certfile", "keyfile"):
        for place in options[key]:
            assert (site / Path(place).name).exists(), place
    broker = all_options(SITE)["broker"]
    assert (site / Path(broker["cert_file"]).name).exists()
    assert (centre / Path(as_shipped(CENTRE)["listen"]["cert"]).name).exists()
    installed = re.findall(r"(?:site|centre)-ca/[\w.-]+(?= )", TEXT)
    assert len(installed) >= 6
    assert all((tmp_path / name).exists() for name in installed)


def test_every_user_of_the_broker_gets_a_password() -> None:
    """The passwords that are made are of users of the access list, and the gateway's is one."""
    made = set(re.findall(r"^mosquitto_passwd \S+ (\S+)$", TEXT, re.MULTILINE))
    users = set(re.findall(r"^user (\S+)$", (DEPLOY / "mosquitto/acl").read_text(), re.MULTILINE))
    assert as_shipped(SITE)["broker"]["username"] in made
    assert made <= users


def test_every_port_is_listened_on() -> None:
    """Ports of the table are those of the shipped files."""
    listened = set(broker_options(MOSQUITTO.read_text(encoding="utf-8"))["listener"])
    document = all_options(SITE)
    listened |= {document[table]["listen"].rpartition(":")[2] for table in ("metrics", "screen")}
    listened |= {as_shipped(CENTRE)["listen"]["address"].rpartition(":")[2]}
    listened |= {document["influx"]["url"].rpartition(":")[2]}
    assert set(re.findall(r"(?<![\d.,x])\b(?:[1-9]\d{3})\b(?!\d| messages)", TEXT)) == listened


def test_every_variable_is_read() -> None:
    """Each environment variable is one that the program reads."""
    for name in re.findall(r"HAZGATE_[A-Z_]+", TEXT + SHIPPED):
        assert f'"{name}"' in PROGRAM, name


def test_every_counter_is_told() -> None:
    """The page tells of every counter that there is, and of none that is not."""
    known = metric_names(Metrics().registry) | metric_names(CentreMetrics().registry)
    assert set(re.findall(r"`(hazgate_\w+)`", TEXT)) == known


def test_every_alarm_of_the_node_is_told() -> None:
    """The table of store trouble has a row for each alarm that a node raises about itself."""
    section = TEXT[TEXT.index("## 9. Store trouble") : TEXT.index("## 10.")]
    told = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(told) == sorted(row[0] for row in NODE_ALARMS)


@pytest.mark.parametrize(
    "line",
    [
        *re.findall(r"^\| `([^`]+ [^`]+|subscribed)` \|", TEXT, re.MULTILINE),
        "connected to the parent",
        "first start",
    ],
)
def test_every_line_of_the_log_is_written(line: str) -> None:
    """Each log line that the page quotes is one that the program writes."""
    assert f"`{line}`" in TEXT or f"'{line}'" in TEXT
    assert line in PROGRAM, line


def test_every_extra_exists() -> None:
    """Each extra of the page is one of the project."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for found in re.findall(r"(?:hazgate|'\.)\[([a-z,]+)\]", TEXT):
        for extra in found.split(","):
            assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


def test_what_was_not_run_is_said() -> None:
    """The page says that nothing was started from the compose file."""
    assert re.search(r"\*\*Not run:\*\* no container engine", TEXT)
    assert shlex.split(BLOCKS[-1])[:4] == ["docker", "compose", "--file", "deploy/compose.yaml"]
