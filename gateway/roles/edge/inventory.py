"""What an edge watches, in the words of the wire."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.northbound import wire
from gateway.observe import log
from gateway.roles.edge.site import Site

#: A centre takes no more of one inventory, and what is larger has no screen to be drawn on.
MOST_BYTES: Final = 16 * 1024 * 1024
LOG = log("roles.edge.inventory")


def inventory_of(site: Site) -> wire.Inventory:
    """Return areas, points and rules of a site; of one too large to be taken, the areas alone.

    How large it would be is reckoned from one point of each kind before anything is built: a site
    of 440,000 points would hold up the start for a minute and fill the memory with what no centre
    takes.
    """
    node, plant = site.settings.node, site.plant
    size = _size(site)
    if size > MOST_BYTES:
        LOG.warning(
            "too many points for an inventory; it is told without them",
            points=len(plant.points),
            bytes=size,
            most=MOST_BYTES,
        )
    indices = range(len(plant.points)) if size <= MOST_BYTES else range(0)
    return wire.Inventory(
        node=node.id,
        name=node.name or node.id,
        enterprise=node.enterprise.name,
        uscc=node.enterprise.uscc or "",
        division=node.division,
        grid=node.grid,
        areas=[
            wire.InventoryArea(id=area.id, name=area.name, hazard=area.hazard)
            for area in site.settings.area
        ],
        points=[_point(site, index) for index in indices],
    )


def _size(site: Site) -> int:
    """Return about how many bytes the points take: as many as the first of each kind, for each."""
    kind = site.plant.points.kind.tolist()
    first: dict[int, int] = {}
    for index, number in enumerate(kind):
        first.setdefault(number, index)
    sizes = {
        number: len(msgspec.json.encode(_point(site, index))) + 1 for number, index in first.items()
    }
    return sum(sizes[number] for number in kind)


def _point(site: Site, index: int) -> wire.InventoryPoint:
    point = site.plant.points[index]
    return wire.InventoryPoint(
        tag=point.tag,
        area=point.area,
        device=point.device_id,
        channel=point.channel,
        unit=point.unit,
        low=point.low,
        high=point.high,
        interval_s=point.interval_ns / 1e9,
        name=point.name,
        rules=[
            wire.InventoryRule(
                rule=definition.rule,
                alarm=definition.alarm,
                level=definition.level.value,
                limit=definition.limit,
                priority=definition.priority.value,
                standard=definition.standard,
                clause=definition.clause,
                title_zh=definition.title_zh,
                title_en=definition.title_en,
            )
            for definition in site.plant.definitions.of(index)
        ],
    )
