"""`profiles quarantine`: what could not be decoded, and why, the newest first."""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.cli.output import local
from gateway.northbound.spool import Configuration, Kind, Quarantined, encode
from gateway.northbound.spool_writer import Spool
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import write_site

NOON_NS = 1_790_000_000_000_000_000


def keep(site: Path, count: int) -> None:
    """Quarantine payloads in two segments, as an edge that was started twice does."""
    for part in range(2):
        spool = Spool(site.parent / "data" / "spool", Configuration(hash="h", tags=[]))
        for number in range(part * count, (part + 1) * count):
            refused = Quarantined(
                topic="plant/a",
                reason="undecodable: no JSON",
                at_ns=NOON_NS + number * 1_000_000_000,
                size=3,
                payload=f"{{{number}\xff".encode("latin-1"),
            )
            record = encode(Kind.QUARANTINE, msgspec.msgpack.encode(refused))
            spool.append(record, spool.position)
        spool.close()


def test_newest_first_with_reason(tmp_path: Path) -> None:
    """Each payload with its topic, time and reason, also where it is no text."""
    site = write_site(tmp_path, port=1883)
    keep(site, 3)
    found = hazgate("profiles", "quarantine", "--config", site, "--count", 4)
    assert found.exit_code == 0
    head, *lines = found.stdout.splitlines()
    assert head.split() == ["time", "topic", "reason", "bytes", "payload"]
    assert [line.split("{")[1][0] for line in lines] == ["5", "4", "3", "2"]
    newest = [cell for cell in lines[0].split("  ") if cell]
    at = local(NOON_NS + 5 * 1_000_000_000)
    assert [cell.strip() for cell in newest[:3]] == [at, "plant/a", "undecodable: no JSON"]
    told = figures(hazgate("profiles", "quarantine", "--config", site, "--json"))
    assert len(told) == 6


def test_empty_quarantine_is_told(tmp_path: Path) -> None:
    """A site without refused payloads, or that never ran, says so."""
    site = write_site(tmp_path, port=1883)
    found = hazgate("profiles", "quarantine", "--config", site)
    assert (found.exit_code, found.stdout) == (0, "no payload waits in quarantine\n")
