"""Copies for departments: who is told, who answers, and who hears when nobody does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.supervision.tiers import Role, Subject
from tests.gateway.supervision.world import PASSWORD, Child, Opener, World

DIVISIONS = """code,parent,name,level,valid_from,valid_to
3301,,City,city,,
330106,3301,County,county,,
330106003,330106,Township,township,,
330108,3301,Other,county,,
"""
DEPARTMENTS = """
[[department]]
id = "emergency"
name = "Emergency management"
division = "330106"
hazards = ["ammonia_refrigeration", "metallurgy"]

[[department]]
id = "housing"
name = "Housing"
division = "330106"
hazards = ["confined_space"]

[[department]]
id = "office"
name = "Office of the committee"
division = "3301"

[[route]]
to = ["emergency", "housing"]
priority = "high"
receipt = "10min"
escalate = ["office", "parent"]

[[route]]
to = ["office"]
division = "330108"
receipt = "1h"
"""


@pytest.fixture
async def world(open_world: Opener, tmp_path: Path) -> AsyncIterator[World]:
    tables = {"divisions": DIVISIONS, "departments": DEPARTMENTS}
    for name, text in tables.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = {name: {"file": str(tmp_path / name)} for name in tables}
    async with open_world(**files) as made:
        yield made


async def member(world: World, name: str, department: str, **fields: Any) -> httpx.AsyncClient:
    subject = Subject(name, department=department, **{"role": Role.OPERATOR, **fields})
    await world.centre.accounts.create(subject, PASSWORD, operator="test")
    return await world.login(name, PASSWORD)


async def copies(person: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await person.get("/api/v1/copies", params=query)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["copies"]
    return found


async def told(world: World, division: str = "330106003", **fields: Any) -> Child:
    child = await world.child(fields.pop("node", "gw1"), division=division)
    await child.send(("inventory", child.inventory()))
    await child.beat()
    assert await child.events(child.event(**fields)) == ["stored"]
    return child


def names(rows: list[dict[str, Any]]) -> list[str]:
    return sorted(row["department"] for row in rows)


async def test_an_alarm_is_copied_to_the_department_in_charge(world: World) -> None:
    """By class, division with all under it, and priority; the step is journalled and told."""
    officer = await world.person("li", Role.VIEWER, "3301")
    async with world.stream(officer) as stream:
        await stream.next("ping")
        child = await told(world)
        told_row = (await stream.next("copy")).data
    (row,) = await copies(officer)
    assert row == told_row
    assert (row["department"], row["department_name"]) == ("emergency", "Emergency management")
    assert (row["node"], row["alarm"], row["occurrence"]) == ("gw1", child.alarm, 1)
    assert row["due_ms"] - row["made_ms"] == 600_000
    assert (row["receipt_ms"], row["standing"]) == (None, True)
    assert [entry.detail["step"] for entry in await world.own("copy")] == ["sent"]


@pytest.mark.parametrize(
    ("fields", "departments"),
    [
        ({"priority": "medium"}, []),
        ({"priority": "critical"}, ["emergency"]),
        ({"priority": "of another version"}, ["emergency"]),
        ({"hazard": "confined_space"}, ["housing"]),
        ({"hazard": "spray_painting"}, []),
        ({"historical": True}, []),
        ({"test": True}, []),
        ({"division": "330108", "hazard": "spray_painting", "priority": "low"}, ["office"]),
        ({"division": "330109"}, []),
        ({"cause": "clear", "before": "UNACK"}, []),
    ],
)
async def test_who_is_told(world: World, fields: dict[str, Any], departments: list[str]) -> None:
    """Live alarms that stand go to whom the routes name, and to nobody else."""
    await told(world, **fields)
    assert names(await copies(await world.admin())) == departments


async def test_one_copy_per_occurrence(world: World) -> None:
    """However an alarm moves, and however often it is sent, each occurrence is one copy."""
    child = await told(world)
    admin = await world.admin()
    moved = [child.event("acknowledge"), child.event("clear"), child.event(), child.event("clear")]
    await child.events(*moved)
    await child.events(*moved)
    last = child.event()
    await child.send(("present", child.present(last)), ("event", last))
    rows = await copies(admin)
    assert sorted(row["occurrence"] for row in rows) == [1, 2, 3]
    assert [entry.detail["step"] for entry in await world.own("copy")] == ["sent"] * 3
    assert [row["standing"] for row in sorted(rows, key=lambda row: row["occurrence"])] == [
        False, False, True,
    ]  # fmt: skip


async def test_what_rose_and_ended_meanwhile_is_told_too(world: World) -> None:
    """Occurrences that the present state has overtaken are copied when their events arrive."""
    child = await world.child("gw1", division="330106003")
    await child.send(("inventory", child.inventory()))
    earlier = [child.event(), child.event("acknowledge"), child.event("clear")]
    earlier += [child.event(historical=True), child.event("clear")]
    last = child.event()
    await child.send(("present", child.present(last)))
    assert set(await child.events(*earlier, last)) == {"stored"}
    rows = await copies(await world.admin())
    assert sorted((row["occurrence"], row["standing"]) for row in rows) == [(1, False), (3, True)]


@pytest.mark.parametrize(("hours", "owed"), [(23, {1, 2, 3}), (25, {1})])
async def test_what_was_over_long_ago_asks_nobody(world: World, hours: int, owed: set[int]) -> None:
    """A tier that is new, or had no link for days, is told the past; the day's copies stand out."""
    child = await told(world)
    past = [child.event("clear"), child.event(), child.event("clear"), child.event()]
    world.pass_time(hours * 3600)
    await child.send(("present", child.present()))
    assert await child.events(*past) == ["stored"] * 4
    rows = await copies(await world.admin())
    assert {row["occurrence"] for row in rows if row["alarm"] == child.alarm} == owed


async def test_a_flood_is_one_list_without_doubles(world: World) -> None:
    """Five hundred alarms in one request are five hundred copies, also when it is repeated."""
    child = await told(world)
    events = [child.event(alarm=f"gw1/T{number}/h", tag=f"T{number}") for number in range(499)]
    assert set(await child.events(*events)) == {"stored"}
    assert set(await child.events(*events)) == {"duplicate"}
    rows = await copies(await world.admin())
    assert len(rows) == len({row["alarm"] for row in rows}) == 500


async def test_a_new_life_carries_on_the_same_occurrence(world: World) -> None:
    """What a gateway on a new store tells as still standing is not sent a second time."""
    child = await told(world)
    child.new_life()
    await child.events(child.note("life"), child.event("carry"))
    assert len(await copies(await world.admin())) == 1
    await child.events(child.event("clear"), child.event(occurrence=2))
    assert len(await copies(await world.admin())) == 2


async def test_receipt_by_an_account_of_the_department(world: World) -> None:
    """The department gives it, once, with its name; nobody else does."""
    await told(world)
    officer = await world.person("li", Role.OPERATOR, "330106")
    classes = ("ammonia_refrigeration",)
    own = await member(world, "zhao", "emergency", division="330106", departments=classes)
    housing = await member(
        world, "qian", "housing", division="330106", departments=("confined_space",)
    )
    viewer = await member(
        world, "sun", "emergency", division="330106", departments=classes, role=Role.VIEWER
    )
    (row,) = await copies(own)
    path = f"/api/v1/copies/{row['id']}/receipt"
    statuses = [
        (await person.post(path, json={"comment": "x"})).status_code
        for person in (officer, housing, viewer)
    ]
    assert statuses == [403, 404, 403]
    answer = await own.post(path, json={"comment": "on the way"})
    assert answer.status_code == 200
    assert (answer.json()["account"], answer.json()["comment"]) == ("zhao", "on the way")
    assert (await own.post(path, json={})).json()["detail"]["code"] == "received"
    assert await copies(own, owed=True) == []
    entry = (await world.own("copy"))[-1]
    assert (entry.operator, entry.detail["step"]) == ("zhao", "received")
    world.pass_time(3600)
    await world.centre.watch.look()
    assert len(await copies(officer)) == 1


async def test_without_a_receipt_others_hear_of_it(world: World) -> None:
    """First the committee's office, then the tier above by an alarm that ends with the receipt."""
    child = await told(world)
    office = await member(world, "wu", "office", division="3301")
    await child.events(child.event("clear"))
    world.pass_time(599)
    await world.centre.watch.look()
    assert len(await copies(office)) == 1
    world.pass_time(1)
    await world.centre.watch.look()
    rows = {row["department"]: row for row in await copies(office)}
    assert rows["emergency"]["escalated_to"] == "office"
    assert (rows["office"]["sent_by"], rows["office"]["standing"]) == ("emergency", False)
    world.pass_time(600)
    await world.centre.watch.look()
    await world.centre.watch.look()

    async def overdue() -> list[str]:
        found = (await office.get("/api/v1/alarms")).json()["alarms"]
        return [row["state"] for row in found if row["alarm"] == "county/@gw1/receipt_overdue"]

    assert await overdue() == ["UNACK"]
    world.pass_time(3600)
    await world.centre.watch.look()
    assert len(await copies(office)) == 2
    identity = rows["office"]["id"]
    assert (await office.post(f"/api/v1/copies/{identity}/receipt", json={})).status_code == 200
    await world.centre.watch.look()
    assert await overdue() == ["RTNUN"]
    # What the first department owes it still owes.
    assert names(await copies(office, owed=True)) == ["emergency"]
    steps = [entry.detail["step"] for entry in await world.own("copy")]
    assert steps == ["sent", "escalated", "sent", "escalated", "received"]


async def test_what_is_due_survives_a_restart(open_world: Opener, tmp_path: Path) -> None:
    """A receipt that falls due while the centre is down is escalated when it is up again."""
    for name, text in {"divisions": DIVISIONS, "departments": DEPARTMENTS}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = {name: {"file": str(tmp_path / name)} for name in ("divisions", "departments")}
    async with open_world(**files) as world:
        await told(world)
        world.pass_time(3600)
    async with open_world(**files) as world:
        await world.centre.watch.look()
        rows = await world.rows("SELECT department, escalated_to FROM copy ORDER BY number")
        assert rows == [("emergency", "office"), ("office", "")]
        assert len(await world.own("departments")) == 1


async def test_copies_stay_within_division_and_class(world: World) -> None:
    """Another division and another department see nothing of a copy, on list or stream."""
    other = await world.person("wu", Role.OPERATOR, "330108")
    metal = await world.person("ma", Role.OPERATOR, "330106", ("metallurgy",))
    async with world.stream(other) as first, world.stream(metal) as second:
        await first.next("ping")
        await second.next("ping")
        await told(world)
        await told(world, division="330108", node="gw2", hazard="metallurgy")
        assert (await first.next("copy")).data["node"] == "gw2"
    assert names(await copies(other)) == ["office"]
    assert await copies(metal) == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 201),
        ({"department": "none"}, 422),
        ({"division": "330108"}, 422),
        ({"division": "330106003"}, 201),
        ({"departments": []}, 422),
        ({"departments": ["confined_space"]}, 422),
        ({"department": "office", "division": "3301", "departments": []}, 201),
        ({"department": ""}, 201),
    ],
)
async def test_an_account_of_a_department_stays_within_it(
    world: World, change: dict[str, Any], status: int
) -> None:
    """It stands in the department's division and sees classes in its charge alone."""
    admin = await world.admin()
    body = {
        "name": "zhao", "password": PASSWORD, "role": "operator", "division": "330106",
        "departments": ["metallurgy"], "department": "emergency", **change,
    }  # fmt: skip
    answer = await admin.post("/api/v1/accounts", json=body)
    assert answer.status_code == status
    listed = (await admin.get("/api/v1/accounts")).json()["accounts"]
    kept = {row["name"]: row["department"] for row in listed}
    assert kept.get("zhao") == (body["department"] if status == 201 else None)
