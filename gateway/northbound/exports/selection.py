"""Which events an export carries: the filter of its table, as a pure function."""

from __future__ import annotations

from gateway.model import AlarmEvent
from gateway.northbound.exports.settings import SelectSettings

#: How the tags begin of what a node tells of itself, or a centre of a child; none of a plant does.
OWN = "@"


def selects(select: SelectSettings, event: AlarmEvent) -> bool:
    """Whether an export carries an event; records of a node itself (start, shed) never travel."""
    if event.kind != "alarm":
        return False
    if (event.test and not select.tests) or (event.historical and not select.historical):
        return False
    if event.tag.startswith(OWN):
        hazard = select.own
    else:
        hazard = not select.hazards or event.hazard in select.hazards
    return (
        hazard
        and (not select.priorities or event.priority in select.priorities)
        and (not select.divisions or event.division in select.divisions)
        and (not select.nodes or event.node in select.nodes)
    )
