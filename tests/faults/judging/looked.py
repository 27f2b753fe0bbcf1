"""What a run left, with everything that is read or reckoned from it once."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from gateway.model import AlarmEvent
from gateway.roles.edge.site import load_site
from tests.faults.judging.accounts import Account, accounts
from tests.faults.judging.evidence import Evidence, Message
from tests.faults.judging.lives import Life, lives
from tests.faults.judging.stores import CentreStore, EdgeStore, read_centre, read_edge

#: Rules about the sensor, not about what it measures: the reference of the levels has none of them.
ABOUT_SENSORS: Final = frozenset({"no_data", "fault", "clock"})
#: Begins every tag that is no point's: of the node itself, of what a centre says of its children.
NO_POINT: Final = "@"


class Looked:
    """The evidence with everything that is read or reckoned from it once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence

    @cached_property
    def edge(self) -> EdgeStore | None:
        """The edge's store."""
        folder = self.evidence.edge
        return read_edge(folder) if folder is not None else None

    @cached_property
    def centre(self) -> CentreStore | None:
        """The centre's store."""
        folder = self.evidence.centre
        return read_centre(folder) if folder is not None else None

    @cached_property
    def node(self) -> str:
        """The edge's name, as its journal has it, or else its site file."""
        if self.edge is not None and self.edge.events:
            return self.edge.events[0].node
        return load_site(self.evidence.site).plant.node if self.evidence.site else ""

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """The tag of each point."""
        return load_site(self.evidence.site).plant.points.tags if self.evidence.site else ()

    def is_stored(self, message: Message) -> bool:
        """Whether what a message says lies in the edge's store as a reading."""
        reading = (self.tags[message.point], message.source_ns, message.value)
        return self.edge is not None and reading in self.edge.readings

    @property
    def unreadable(self) -> list[Message]:
        """What was acknowledged and cannot be decoded."""
        said = self.evidence.said or []
        return [each for each in said if not each.readable and each.acknowledged is not None]

    @property
    def moves(self) -> list[AlarmEvent]:
        """Raises and clears of what is measured, as the centre holds them."""
        events = self.centre.events if self.centre is not None else []
        return [
            event
            for event in events
            if event.cause in {"raise", "clear"}
            and not event.tag.startswith(NO_POINT)
            and event.rule not in ABOUT_SENSORS
        ]

    @cached_property
    def accounts(self) -> list[Account]:
        """What each life should have told, and what it told."""
        site, said = self.evidence.site, self.evidence.said
        if site is None or said is None:
            return []
        return accounts(site, said, own=self.own, moves=self.moves, stored=self.is_stored)

    @cached_property
    def lives(self) -> list[Life]:
        """The lives that the edge had."""
        return lives(self.own)

    @cached_property
    def own(self) -> list[AlarmEvent]:
        """Every event known of the edge itself, from both stores, each once."""
        events: dict[tuple[str, int], AlarmEvent] = {}
        for store in (self.edge, self.centre):
            for event in store.events if store is not None else ():
                if event.node == self.node:
                    events[event.life, event.seq] = event
        return list(events.values())
