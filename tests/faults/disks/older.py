"""Stores as older programs left them: of either role, of any schema, with rows in every table.

Journal, alarms and outbox are real; other tables hold rows that say which they are. What of it an
upgrade may not change is read before, and again after it, by the columns that there were.
"""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.alarms.catalogue import Catalogue, node_alarms
from gateway.alarms.desk import Desk
from gateway.db import Database
from gateway.identity import Identity, load_key
from gateway.journal import Chain, write_entries
from gateway.model import NANOSECONDS, Detection
from gateway.northbound import outbox
from gateway.roles.edge.rows import set_position, write_snapshot, write_transitions
from tests.faults.disks.stores import LIFE, NODE, NOON

#: A query of columns that an older schema has -> its rows.
Rows = dict[str, list[tuple[object, ...]]]
#: Events that wait.
FEW: Final = 12
#: Rows of a table that nothing real is put into.
FILLED: Final = 3
#: What the journal's own check reads may hold nothing made up.
REAL_ONLY: Final = frozenset({"journal", "journal_segment", "journal_anchor", "node_self"})
#: What an upgrade makes of what it finds: each query returns what is wrong.
MADE: Final = {
    "edge": (
        "SELECT seq FROM outbox WHERE alarm <> json_extract(CAST(entry AS TEXT), '$.alarm')",
        (
            "SELECT destination, COUNT(*), SUM(LENGTH(entry)) FROM outbox GROUP BY destination "
            "EXCEPT SELECT destination, events, bytes FROM outbox_size"
        ),
    ),
    "centre": (
        "SELECT node FROM mirror WHERE owner = ''",
        "SELECT number FROM act WHERE id = ''",
    ),
}


def migrations(role: str) -> list[str]:
    """Return today's migrations of a store, in order."""
    folder = resources.files("gateway") / "migrations" / role
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names]


def leave(path: Path, role: str, schema: int, *, waiting: int = FEW, node: str = NODE) -> Rows:
    """Write a store as the program of a schema left it, and return its rows.

    Parameters
    ----------
    waiting
        Events in its journal; all of them wait, where the schema has an outbox.
    node
        Whose store it is.
    """
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    for number, sql in enumerate(migrations(role)[:schema], start=1):
        with connection:
            connection.execute(sql)
            connection.execute(f"PRAGMA user_version={number}")
    with tempfile.TemporaryDirectory() as scratch:
        today = Path(scratch) / "today.db"
        write_today(today, role, waiting=waiting, node=node, key=path.parent)
        source = apsw.Connection(str(today))
        with connection:
            queries = [fill(connection, source, table) for table in tables(connection)]
        source.close()
    found = {sql: connection.execute(sql).fetchall() for sql in queries}
    connection.close()
    return found


def tables(connection: apsw.Connection) -> list[str]:
    """Return the names of a store's tables."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return [name for (name,) in rows if not str(name).startswith("sqlite_")]


def fill(connection: apsw.Connection, source: apsw.Connection, table: str) -> str:
    """Put rows into a table of an older schema; return the query that reads them."""
    columns = {row[1]: row[2] for row in connection.execute(f"PRAGMA table_info({table})")}
    names = ", ".join(columns)
    rows = source.execute(f"SELECT {names} FROM {table}").fetchall()  # noqa: S608
    if not rows and table not in REAL_ONLY:
        rows = [
            tuple(made_up(name, kind, n) for name, kind in columns.items())
            for n in range(1, FILLED + 1)
        ]
    marks = ", ".join("?" * len(columns))
    connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)  # noqa: S608
    return f"SELECT {names} FROM {table} ORDER BY {names}"  # noqa: S608


def made_up(column: str, kind: str, number: int) -> object:
    """Return a value that says where it belongs."""
    if kind == "TEXT":
        return f"{column} {number}"
    return f'{{"{column}": {number}}}'.encode() if kind == "BLOB" else number


def write_today(path: Path, role: str, *, waiting: int, node: str, key: Path) -> None:
    """Write what today's program would have in journal, alarms and outbox."""
    database = Database(path, role)
    chain = Chain(Identity(node, LIFE, "e" * 16))
    with database.transaction():
        database.execute("INSERT INTO node_self (name, value) VALUES ('life', ?)", (LIFE,))
        if role == "edge":
            write_edge(database, chain, waiting, load_key(key))
        else:
            write_centre(database, chain, waiting)
    database.close()


def write_edge(database: Database, chain: Chain, waiting: int, key: Ed25519PrivateKey) -> None:
    """Let the alarms that a node raises about itself move until so many events wait."""
    definitions = Catalogue(chain.identity.node).with_own(
        node_alarms(chain.identity.node, "330106003000")
    )
    desk = Desk(definitions, chain)
    count = len(list(definitions))
    while chain.seq < waiting:
        number = chain.seq
        now = NOON + number * NANOSECONDS
        row, active = number % count, number // count % 2 == 0
        moved = desk.detect(Detection(row, active, now, now, float("nan")))
        write_transitions(database, moved, ["parent"], key)
    set_position(database, 0)
    write_snapshot(database, 0, b"\0", made_ns=NOON)


def write_centre(database: Database, chain: Chain, waiting: int) -> None:
    """Write what a centre says of itself."""
    rows = []
    for _ in range(waiting):
        event, entry = chain.seal("clock", received_ns=NOON)
        rows.append(outbox.Row(event.seq, "", entry))
    write_entries(database, [(row.seq, row.entry) for row in rows])
    outbox.append(database, rows, ["parent"])
