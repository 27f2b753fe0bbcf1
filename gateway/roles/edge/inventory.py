"""What an edge watches, in the words of the wire."""

from __future__ import annotations

from gateway.northbound import wire
from gateway.roles.edge.site import Site


def inventory_of(site: Site) -> wire.Inventory:
    """Return areas, points and rules of a site."""
    node = site.settings.node
    rules: dict[str, list[wire.InventoryRule]] = {}
    for definition in site.plant.definitions:
        rules.setdefault(definition.tag, []).append(
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
        )
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
        points=[
            wire.InventoryPoint(
                tag=point.tag,
                area=point.area,
                device=point.device_id,
                channel=point.channel,
                unit=point.unit,
                low=point.low,
                high=point.high,
                interval_s=point.interval_ns / 1e9,
                name=point.name,
                rules=rules.get(point.tag, []),
            )
            for point in site.plant.points
        ],
    )
