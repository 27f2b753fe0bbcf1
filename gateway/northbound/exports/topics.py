"""Where an event is published: its division and its node, each one level of the topic."""

from __future__ import annotations

import re
from typing import Final

from gateway.model import AlarmEvent

ADDRESS: Final = "hazgate/v1/{division}/{node}/alarms"
LEVEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


class NoTopicError(ValueError):
    """An event whose division or node is no level of a topic."""


def topic_of(event: AlarmEvent) -> str:
    """Return the topic of an event.

    Raises
    ------
    NoTopicError
        A wildcard or a slash in it would put the event into somebody else's place.
    """
    for level in (event.division, event.node):
        if not LEVEL.fullmatch(level):
            raise NoTopicError(f"{level!r} can be no level of a topic")
    return ADDRESS.format(division=event.division, node=event.node)
