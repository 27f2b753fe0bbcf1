"""A centre that takes whatever comes, also what it has."""

from __future__ import annotations

from typing import Any

from gateway.cli import main
from gateway.supervision import intake


class Forgetful:
    """A transaction that does not find events that are there: what must not be done."""

    def __init__(self, write: Any) -> None:
        self._write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._write, name)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        """Find no event."""
        if sql.startswith("SELECT hash FROM event"):
            return []
        return self._write.execute(sql, parameters)


take = intake._take_event


def take_again(write: Any, item: Any, taken: Any, **named: Any) -> Any:
    """Store an event, whether it is known or not."""
    write.execute("DROP INDEX IF EXISTS event_identity")
    return take(Forgetful(write), item, taken, **named)


intake._take_event = take_again

if __name__ == "__main__":
    main()
