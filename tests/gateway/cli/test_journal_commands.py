"""`journal`: what happened, and whether it was altered since."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from gateway.alarms.desk import Desk
from gateway.model import Cause
from gateway.simulation.broker import LocalBroker
from tests.gateway.alarms.desks import GAS, HIGH, NOW, edge, make_desk, request
from tests.gateway.cli.desks import kept
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.edge.edge import running, stored, until, write_site


@pytest.mark.broker
async def test_a_journal_that_was_altered_is_told(tmp_path: Path, broker: LocalBroker) -> None:
    """Status 0 and no problem as written; 1, and the entry, after anybody changed a byte."""
    async with running(write_site(tmp_path, port=broker.port)) as edge:
        await edge.say(150.0, 20.0, 160.0)
        store = tmp_path / "data"
        await until(lambda: any(event.value == 160.0 for event in stored(store)))
    good = hazgate("journal", "verify", store, "--json")
    assert good.exit_code == 0
    told = figures(good)
    assert told["problems"] == []
    assert told["not_anchored"] == told["entries"] == len(stored(store))
    assert hazgate("journal", "verify", store / "store.db").exit_code == 0
    events = stored(store)
    altered = next(event for event in events if event.value == 160.0)
    connection = apsw.Connection(str(store / "store.db"))
    with connection:
        connection.execute(
            "UPDATE journal SET entry = CAST(replace(CAST(entry AS TEXT), '160.0', '16.00') "
            "AS BLOB) WHERE seq = ?",
            (altered.seq,),
        )
    connection.close()
    bad = hazgate("journal", "verify", store, "--json")
    assert bad.exit_code == 1
    assert any(f"entry {altered.seq}:" in problem for problem in figures(bad)["problems"])
    connection = apsw.Connection(str(store / "store.db"))
    with connection:
        connection.execute("DELETE FROM journal WHERE seq = ?", (altered.seq - 1,))
    connection.close()
    gone = hazgate("journal", "verify", store)
    assert gone.exit_code == 1
    assert "missing" in gone.stdout


@pytest.mark.parametrize("body", [None, b"no database at all" * 100], ids=["absent", "odd"])
def test_a_file_that_is_no_journal_is_told(tmp_path: Path, body: bytes | None) -> None:
    """Absent or something else: status 1 and a line, never a traceback or a new file."""
    path = tmp_path / "store.db"
    if body is not None:
        path.write_bytes(body)
    found = hazgate("journal", "verify", path)
    assert found.exit_code == 1
    assert str(path) in found.stderr
    assert path.exists() == (body is not None)


REFUSED = {"order": "o1", "action": "reset", "result": "refused", "reason": "too early"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site whose journal tells of two alarms, an order, and one that was refused."""
    desk = make_desk()
    told = [
        desk.note(
            "start", now_ns=NOW, detail={"version": "1", "configuration": "0123456789abcdef" * 4}
        ),
        *desk.detect(edge()),
        *desk.detect(edge(GAS, value=30.0)),
        *desk.order(request(desk, Cause.ACKNOWLEDGE, operator="Li Lei"), now_ns=NOW),
        desk.note("order", now_ns=NOW, alarm=HIGH, operator="Wang", detail=REFUSED),
    ]
    path = write_site(tmp_path, port=1)
    kept(tmp_path / "data", told)
    return path


def test_the_journal_is_listed(site: Path) -> None:
    """One line an entry, the newest last: what moved, at what value, by whom and why."""
    found = hazgate("journal", "list", "--config", site)
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0].split() == ["time", "what", "state", "alarm", "value", "limit", "who", "why"]
    assert lines[-1] == "5 entries"
    assert "version 1, configuration 0123456789ab...\n" in f"{lines[1]}\n"
    assert all(word in lines[2] for word in ("raise", "NORM -> UNACK", HIGH, "120 ppm", "100 ppm"))
    assert all(word in lines[4] for word in ("acknowledge", "UNACK -> ACKED", "Li Lei", "seen"))
    assert all(word in lines[5] for word in ("reset refused", HIGH, "Wang", "too early"))
    assert "None" not in found.stdout
    where = [line.index(word) for line, word in zip(lines[2:5], (HIGH, GAS, HIGH), strict=True)]
    assert len(set(where)) == 1


def test_the_journal_of_one_point(site: Path) -> None:
    """`--tag` keeps one point, its refused orders too; `--last` the newest."""
    told = figures(hazgate("journal", "list", "--config", site, "--tag", "T1", "--json"))
    assert [entry["seq"] for entry in told["entries"]] == [2, 4, 5]
    told = figures(hazgate("journal", "list", "--config", site, "--last", "2", "--json"))
    assert [entry["seq"] for entry in told["entries"]] == [4, 5]
    none = hazgate("journal", "list", "--config", site, "--tag", "T9")
    assert (none.exit_code, none.stdout) == (0, "no entry\n")


def test_a_long_journal_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entry is found behind many parts, none is told twice or left out."""
    monkeypatch.setattr("gateway.cli.journal.CHUNK", 3)
    desk = make_desk()
    kept(tmp_path / "data", [desk.note("start", now_ns=NOW) for _ in range(10)])
    path = write_site(tmp_path, port=1)
    told = figures(hazgate("journal", "list", "--config", path, "--json"))
    assert [entry["seq"] for entry in told["entries"]] == list(range(1, 11))


def test_a_place_without_a_store_is_told(tmp_path: Path) -> None:
    """A folder that is not there, and one that holds no store, are told apart."""
    absent = hazgate("journal", "verify", tmp_path / "nowhere")
    assert absent.exit_code == 1
    assert "no such file or folder" in absent.stderr
    empty = hazgate("journal", "verify", tmp_path)
    assert empty.exit_code == 1
    assert "holds no store" in empty.stderr


def test_a_centres_journal_is_verified(tmp_path: Path) -> None:
    """A centre's folder is taken as an edge's is, and what was altered in it is found."""
    desk: Desk = make_desk()
    kept(tmp_path, [desk.note("start", now_ns=NOW) for _ in range(3)], "centre.sqlite", "centre")
    good = hazgate("journal", "verify", tmp_path, "--json")
    assert good.exit_code == 0
    assert figures(good)["entries"] == 3
    connection = apsw.Connection(str(tmp_path / "centre.sqlite"))
    connection.execute("DELETE FROM journal WHERE seq = 2")
    connection.close()
    bad = hazgate("journal", "verify", tmp_path)
    assert bad.exit_code == 1
    assert "problems:\n  journal entry 3: expected 2" in bad.stdout
