"""What an edge watches, in the words of the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from gateway.northbound import wire
from gateway.observe import log
from gateway.roles.edge.screen import screen_id
from gateway.roles.edge.settings import ACTIONS, SiteFile
from gateway.roles.edge.site import Site

#: A centre takes 16 MiB in one post, and an inventory is taken whole; areas and the post around it
#: have the rest.
MOST_BYTES: Final = 16 * 1024 * 1024 - 256 * 1024
LOG = log("roles.edge.inventory")


def is_told(site: Site) -> bool:
    """Whether a centre takes the points of a site, reckoned before anything of it is built.

    That of 440,000 points would hold up the start for a minute and fill the memory with what no
    centre takes; and of points that a centre does not know it takes no summaries either.
    """
    points = site.plant.points
    alike = site.plant.definitions.alike()
    _, first, which = np.unique(alike, return_index=True, return_inverse=True)
    # What the first of points that are alike takes, without its own tag, name and device, for each
    # of them; and those of each point, its tag in the id of every alarm too.
    alarms = np.array([len(tuple(site.plant.definitions.of(index))) for index in first.tolist()])
    tags, names = _sizes(points.tags), _sizes(points.names)
    devices = _sizes(points.device_ids)[points.device]
    own = tags * (1 + alarms[which]) + names + devices
    kinds = np.array(
        [len(msgspec.json.encode(_point(site, index))) + 1 for index in first.tolist()]
    )
    size = int((own + (kinds - own[first])[which]).sum())
    if size <= MOST_BYTES:
        return True
    LOG.warning(
        "more points than a centre takes; alarms go up, points and their summaries do not",
        points=len(site.plant.points),
        bytes=size,
        most=MOST_BYTES,
    )
    return False


def inventory_of(site: Site, *, points: bool = True) -> wire.Inventory:
    """Return areas, points and rules of a site.

    Parameters
    ----------
    site
        Checked and bound.
    points
        Whether the points are told at all.
    """
    node = site.settings.node
    indices = range(len(site.plant.points)) if points else range(0)
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
        delegates=delegates_of(site.settings),
    )


def delegates_of(settings: SiteFile) -> dict[str, list[str]]:
    """Return which centres may do what the enterprise decides: its screen, and whom it names."""
    found: dict[str, list[str]] = {each.to: sorted(each.allowed) for each in settings.delegate}
    if settings.screen is not None:
        found[screen_id(settings.node.id)] = sorted(ACTIONS)
    return found


def _sizes(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the bytes of each text in JSON."""
    return np.array([len(msgspec.json.encode(text)) for text in texts], np.int64)


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
