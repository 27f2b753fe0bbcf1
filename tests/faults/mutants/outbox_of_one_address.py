"""An edge whose outbox is made anew at each start, as one that belongs to an address would be."""

from __future__ import annotations

from typing import Any

from gateway.cli import main
from gateway.db import Database
from gateway.northbound import outbox
from gateway.roles.edge import run

begin = run.run_edge


async def anew(site: Any, **options: Any) -> Any:
    """Clear what waits before the start."""
    path = site.folder / "store.db"
    if path.exists():
        database = Database(path, "edge")
        with database.transaction():
            outbox.clear(database, "parent")
        database.close()
    return await begin(site, **options)


run.run_edge = anew

if __name__ == "__main__":
    main()
