"""What a child watches: its name, areas, points and rules, sent at each connection, taken whole.

The division that an inventory names is believed only for a node that was invited without one; an
assigned node that claims another division keeps its own, and the claim is shown as trouble. A node
that speaks through a child is assigned by that child. The bytes are kept as they came, for above.
"""

from __future__ import annotations

import msgspec

from gateway.journal import digest
from gateway.northbound.wire import UNREADABLE, Inventory
from gateway.supervision.mirror import RefusedError
from gateway.supervision.write import Write

decode_inventory = msgspec.json.Decoder(Inventory).decode
encode = msgspec.json.Encoder().encode


def take(write: Write, node: str, body: bytes) -> None:
    """Replace what is known of a node; the same bytes again change nothing.

    Raises
    ------
    RefusedError
        It is not readable, or names another node.
    """
    try:
        inventory = decode_inventory(body)
    except UNREADABLE as error:
        raise RefusedError(f"inventory: not readable: {error}") from error
    if inventory.node != node:
        raise RefusedError(
            f"inventory: speaks for {inventory.node}, the credential is {node}'s", foreign=True
        )
    content = digest(body)
    known, division, assigned, grid = write.execute(
        "SELECT inventory, division, assigned, grid FROM node WHERE node = ?", (node,)
    )[0]
    if known == content:
        return
    refused = inventory.division if assigned and inventory.division != division else ""
    placed = division if assigned else inventory.division
    write.execute(
        "UPDATE node SET name = ?, enterprise = ?, uscc = ?, division = ?, grid = ?, "
        "inventory = ?, refused_division = ?, delegated = ? WHERE node = ?",
        (
            inventory.name or node,
            inventory.enterprise,
            inventory.uscc,
            placed,
            inventory.grid,
            content,
            refused,
            delegated(inventory, write.node),
            node,
        ),
    )
    write.execute(
        "INSERT INTO inventory (node, body) VALUES (?, ?) "
        "ON CONFLICT (node) DO UPDATE SET body = excluded.body",
        (node, body),
    )
    _replace(write, node, inventory)
    write.tell_parent("nodes", node)
    write.tell_parent("inventory", node)
    write.journal(
        "inventory",
        detail={"node": node, "before": known, "after": content, "division": placed},
    )
    if (placed, inventory.grid) != (division, grid):
        write.scopes_changed = True
    write.publish("reset", node, encode({"node": node}))


def delegated(inventory: Inventory, centre: str) -> str:
    """Return what a site has delegated to a centre, as JSON; empty where it does not say."""
    if inventory.delegates is msgspec.UNSET:
        return ""
    return encode(inventory.delegates.get(centre, [])).decode()


def _replace(write: Write, node: str, inventory: Inventory) -> None:
    # The statements stand written out: a table's name is no parameter.
    write.execute("DELETE FROM area WHERE node = ?", (node,))
    write.execute("DELETE FROM point WHERE node = ?", (node,))
    write.execute("DELETE FROM rule WHERE node = ?", (node,))
    areas = {area.id: area for area in inventory.areas}
    write.database.execute_many(
        "INSERT INTO area (node, area, name, hazard) VALUES (?, ?, ?, ?)",
        [(node, area.id, area.name, area.hazard) for area in areas.values()],
    )
    points = {point.tag: point for point in inventory.points}
    write.database.execute_many(
        "INSERT INTO point (node, tag, place, area, name, unit, low, high, interval_s, rules) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                node,
                point.tag,
                place,
                point.area,
                point.name,
                point.unit,
                point.low,
                point.high,
                point.interval_s,
                encode(point.rules),
            )
            for place, point in enumerate(points.values())
        ],
    )
    rules = {rule.alarm: rule for point in points.values() for rule in point.rules}
    write.database.execute_many(
        "INSERT INTO rule (node, alarm, level, title_zh, title_en) VALUES (?, ?, ?, ?, ?)",
        [(node, rule.alarm, rule.level, rule.title_zh, rule.title_en) for rule in rules.values()],
    )
