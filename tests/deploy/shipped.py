"""The files under deploy/, and how each kind is read."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SITE = DEPLOY / "edge" / "site.toml"
CENTRE = DEPLOY / "centre" / "centre.toml"
MOSQUITTO = DEPLOY / "mosquitto" / "mosquitto.conf"
ACL = DEPLOY / "mosquitto" / "acl"
COMPOSE = DEPLOY / "compose.yaml"
SYSUSERS = DEPLOY / "systemd" / "hazgate.sysusers"
CERTIFICATES = DEPLOY / "tls" / "make-certificates.sh"
OPERATIONS = ROOT / "docs" / "operations.md"
UNITS = {name: DEPLOY / "systemd" / f"hazgate-{name}.service" for name in ("edge", "centre")}
OPTION = re.compile(r"^#(?=[A-Za-z\[])")
KEY = re.compile(r"^#?(?P<key>[a-z_]+) = ")
TABLE = re.compile(r"^#?(?P<table>\[\[?[a-z_.]+\]\]?)$")


def as_shipped(path: Path) -> dict[str, Any]:
    """Return what a TOML example sets."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def all_options(path: Path) -> dict[str, Any]:
    """Return a TOML example with every option set that it shows as a comment."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return tomllib.loads("\n".join(OPTION.sub("", line) for line in lines))


def unexplained(path: Path) -> list[str]:
    """Return the keys and tables whose first mention in an example follows no sentence."""
    missing: list[str] = []
    seen: set[tuple[str, str]] = set()
    table, above = "", ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if found := TABLE.match(line):
            table = found["table"]
        elif found := KEY.match(line):
            if (table, found["key"]) not in seen and not above.rstrip().endswith("."):
                missing.append(f"{table} {found['key']}")
            seen.add((table, found["key"]))
        above = line if line.startswith("# ") else ""
    return missing


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """Return a systemd unit: section, then key, then every value given."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.strip()
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), defaultdict(list))
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section[key].append(value)
    return sections


def broker_options(text: str) -> dict[str, list[str]]:
    """Return a Mosquitto configuration: every value of each option, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition(" ")
            found[key].append(value)
    return found


def acl() -> dict[str, dict[str, str]]:
    """Return the broker's access list: user, then topic, then what the user may do with it."""
    users: dict[str, dict[str, str]] = {}
    topics: dict[str, str] = {}
    for line in ACL.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "user":
            topics = users.setdefault(words[1], {})
        else:
            assert words[0] == "topic", line
            topics[words[2]] = words[1]
    return users
