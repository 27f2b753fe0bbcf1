"""What a transaction leaves to be told after its commit: to the parent, and to the screens.

Screens are shown a row as it stands at the end of a transaction, once, however often it was
touched: a child that was away for an hour moves an alarm a hundred times in one post.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.db import StoreError
from gateway.model import AlarmEvent
from gateway.observe import log
from gateway.supervision.opening import PARENT

#: What the parent is told beside events.
Told = Literal["inventory", "present", "nodes", "summary"]
#: Publishes some rows of a node, given their names.
Show = Callable[[Sequence[str]], None]
#: Whether an export carries an event.
Wanted = Callable[[AlarmEvent], bool]


@dataclass(frozen=True, slots=True)
class News:
    """What the parent should hear of a node, told after the commit; `body` is a summary's own.

    An event is in the outbox by then; of everything else the parent is told how it stands now.
    """

    kind: Literal["event"] | Told
    node: str
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who has rows in the outbox.

    Parameters
    ----------
    parent
        Whether there is a tier above, which gets every event.
    exports
        Which events go to each export, by its name in the outbox.
    """

    parent: bool = False
    exports: Mapping[str, Wanted] = field(default_factory=dict)

    def of(self, event: AlarmEvent) -> list[str]:
        """Return the names of those that get an event."""
        wanting = [name for name, wanted in self.exports.items() if wanted(event)]
        return [PARENT, *wanting] if self.parent else wanting


NOBODY: Final = Receivers()


class Shown:
    """Rows that were touched, in the order in which they first were."""

    def __init__(self) -> None:
        self._touched: dict[tuple[str, str], tuple[Show, dict[str, None]]] = {}

    def touch(self, what: str, node: str, names: Iterable[str], *, show: Show) -> None:
        """Note rows of one sort of a node; what a savepoint takes back is shown as it stood."""
        self._touched.setdefault((what, node), (show, {}))[1].update(dict.fromkeys(names))

    def show(self, anew: Callable[[str], None]) -> None:
        """Publish them all; where that fails, by a defect of this program, `anew` is told the node.

        What was stored stays so: no event is lost since it cannot be shown.
        """
        for (what, node), (show, names) in self._touched.items():
            try:
                show(list(names))
            except StoreError:
                raise
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                log("feed").exception("cannot show rows", what=what, node=node)
                anew(node)
        self._touched.clear()
