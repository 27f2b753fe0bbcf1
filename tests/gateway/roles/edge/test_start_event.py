"""The journal says with what a gateway was started."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gateway.roles.edge.site import load_site
from gateway.simulation.broker import LocalBroker
from tests.gateway.roles.edge.edge import running, stored, until, write_site

pytestmark = pytest.mark.broker


async def test_a_change_of_the_site_file_is_in_the_journal(
    tmp_path: Path, broker: LocalBroker
) -> None:
    """Also one that is no rule: each start names the digest of the file, as `sha256sum` does."""
    path = write_site(tmp_path, port=broker.port)
    folder, rules, digests = load_site(path).folder, load_site(path).hash, []
    for topic in ("site/siren", "site/yard"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("site/siren", topic), encoding="utf-8")
        async with running(path) as edge:
            await until(lambda: edge.node.session.connected)
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    starts = [event.detail for event in stored(folder) if event.kind == "start"]
    assert [detail["site_file"] for detail in starts] == digests
    assert {detail["configuration"] for detail in starts} == {rules}
    assert len(set(digests)) == 2
