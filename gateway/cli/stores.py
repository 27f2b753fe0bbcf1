"""Opening a store beside its owner: which file it is, and whether anybody runs on it."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.cli.output import complain
from gateway.config import ConfigError, load
from gateway.db import Database, StoreError
from gateway.journal import as_bytes
from gateway.model import decode_event

if TYPE_CHECKING:
    from gateway.roles.edge.site import Site

#: The store of an edge and of a centre, each with the migrations that build it.
FILES: Final = {"store.db": "edge", "centre.sqlite": "centre"}


def site_of(config: Path) -> Site:
    """Return a checked site as its edge runs it, or tell every problem of its file."""
    from gateway.roles.edge.site import start_site

    try:
        # A model that is missing leaves a process blind; it must not keep anybody from a siren.
        return start_site(config)[0]
    except ConfigError as error:
        complain(error.problems)


def open_store(site: Site, *, writing: bool = False) -> Database:
    """Open the store of a site, or say why it cannot be."""
    path = site.folder / "store.db"
    if not path.exists():
        complain([f"{path}: no store yet; start the edge first"])
    try:
        return Database(path, "edge", read_only=not writing)
    except StoreError as error:
        complain([str(error)])


@dataclass(frozen=True, slots=True)
class Home:
    """Where a node keeps its store: its folder, the file, and the migrations that build it."""

    folder: Path
    file: str
    migrations: str

    def open(self, *, writing: bool = False) -> Database:
        """Open the store, or say why it cannot be."""
        path = self.folder / self.file
        if not path.exists():
            complain([f"{path}: no store yet; start the {self.migrations} first"])
        try:
            return Database(path, self.migrations, read_only=not writing)
        except StoreError as error:
            complain([str(error)])


def home_of(config: Path) -> Home:
    """Return where the node of a site file, or of a centre file, keeps its store."""
    from gateway.cli.site import kind_of

    if kind_of(config) != "centre":
        return Home(site_of(config).folder, "store.db", "edge")
    from gateway.roles.centre import CentreSettings

    try:
        settings, _ = load(config, CentreSettings)
    except ConfigError as error:
        complain(error.problems)
    return Home(Path(settings.store.folder), "centre.sqlite", "centre")


def store_file(store: Path) -> Path:
    """Return the file that a store's path means: itself, or the one in that folder."""
    if not store.exists():
        complain([f"{store}: no such file or folder; name the store of a node, as in: data"])
    if not store.is_dir():
        return store
    found = [store / name for name in FILES if (store / name).exists()]
    if not found:
        complain([f"{store}: holds no store; a node's folder has {' or '.join(FILES)}"])
    return found[0]


def is_running(folder: Path) -> bool:
    """Return whether a process runs on a store's folder; True where that cannot be told.

    A shared lock is taken and given back at once: it succeeds only while nobody holds the folder.
    """
    try:
        file = (folder / "lock").open("rb")
    except FileNotFoundError:
        return False
    except OSError:
        return True
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def last_written_ns(database: Database) -> int:
    """Return when an edge last wrote into its store: an event, or the state of its engine."""
    found = [0]
    found += [row[0] for row in database.execute("SELECT MAX(made_ns) FROM snapshot") if row[0]]
    for (entry,) in database.execute("SELECT entry FROM journal ORDER BY seq DESC LIMIT 1"):
        found.append(decode_event(as_bytes(entry)).received_ns)
    return max(found)
