"""Four tiers agree after any partition, healed in any order; broken forms of it are caught."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.identity import Identity
from gateway.northbound import outbox, uplink
from gateway.northbound.outbox import Row
from gateway.northbound.sending import Sending
from gateway.roles.upward import PARENT
from gateway.supervision import mirror
from tests.chain.outages import stood_again
from tests.chain.tiers import Outcome, run

CONTROL_S = 6.0


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute between attempts is right for a county, and long for a test."""
    monkeypatch.setattr(uplink, "RETRY_LAST_S", 0.5)


def found(outcome: Outcome) -> str:
    return f"{outcome}"


@pytest.mark.timeout(300)
async def test_any_partition_converges(tmp_path: Path) -> None:
    """Links fall and heal, nodes start anew: then every tier has the same, once, byte for byte."""
    outcome = await run(tmp_path, partitions=10, seed=7)
    assert outcome.sound, found(outcome)
    assert outcome.events >= 50
    assert outcome.restarts >= 1


@pytest.mark.more
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_many_partitions_converge(tmp_path: Path, seed: int) -> None:
    """The same for longer, and with lives that end."""
    outcome = await run(tmp_path, partitions=25, seed=seed)
    assert outcome.sound, found(outcome)


@pytest.mark.more
@pytest.mark.timeout(600)
async def test_tiers_in_processes_of_their_own_converge(tmp_path: Path) -> None:
    """Each tier a `hazgate centre`, as it is installed."""
    outcome = await run(tmp_path, partitions=4, seed=5, processes=True)
    assert outcome.sound, found(outcome)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "cut",
    [
        "gw1",
        pytest.param("enterprise", marks=pytest.mark.more),
        pytest.param("township", marks=pytest.mark.more),
        "county",
    ],
)
async def test_what_ended_behind_a_cut_link_stands_at_no_tier(tmp_path: Path, cut: str) -> None:
    """While a backlog drains through the tiers, none of them shows an alarm that has ended."""
    assert await stood_again(tmp_path, cut=cut) == []


@pytest.mark.more
@pytest.mark.timeout(300)
async def test_a_mirror_that_takes_a_backlog_for_the_present_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: where events that a list covers move alarms, what ended stands again."""
    monkeypatch.setattr(mirror, "apply", mirror._follow)
    assert await stood_again(tmp_path, cut="gw1") != []


@pytest.mark.more
@pytest.mark.timeout(300)
async def test_a_row_deleted_before_the_receipt_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: what leaves the outbox when it is sent is missing after a partition."""
    whole = Sending._events

    async def hasty(self: Sending, who: Identity, rows: Sequence[Row], **more: Any) -> bool:
        await self._source.store(
            lambda database: outbox.received(database, PARENT, [row.seq for row in rows])
        )
        return await whole(self, who, rows, **more)

    monkeypatch.setattr(Sending, "_events", hasty)
    outcome = await run(tmp_path, partitions=10, seed=7, settle_s=CONTROL_S)
    assert outcome.missing > 0, found(outcome)


@pytest.mark.more
@pytest.mark.timeout(300)
async def test_a_mirror_that_looks_at_no_revision_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: late events move alarms back where no tier compares revisions."""
    monkeypatch.setattr(mirror, "_known", lambda *_: None)
    outcome = await run(tmp_path, partitions=10, seed=7, settle_s=CONTROL_S)
    assert outcome.regressed > 0, found(outcome)
