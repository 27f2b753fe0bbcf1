"""Alarms of the centre's own about its children: raised, seen, acknowledged, and kept."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.journal import verify
from gateway.model import NANOSECONDS, decode_event
from gateway.supervision.tiers import Role
from tests.gateway.supervision.world import NOON_NS, PASSWORD, Child, Opener, World

ALARM = "county/@gw1/gateway_lost"
EVENTS = "SELECT entry FROM event WHERE alarm = ? ORDER BY position"


class SteppedClock(ManualClock):
    """A clock whose wall time can be set beside a monotonic time that nobody sets."""

    def __init__(self, now_ns: int) -> None:
        super().__init__(now_ns)
        self.step_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.step_ns

    def monotonic_ns(self) -> int:
        return super().now_ns()


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(NOON_NS)


def pass_time(world: World, seconds: float) -> None:
    world.clock.set(world.clock.monotonic_ns() + int(seconds * NANOSECONDS))


async def live(world: World, child: Child, seconds: int, **beat: Any) -> None:
    """Let a child speak every 15 s for so long."""
    for _ in range(0, seconds, 15):
        await child.beat(**{"clock_ns": world.clock.now_ns(), **beat})
        await world.centre.watch.look()
        pass_time(world, 15)
    await child.beat(**{"clock_ns": world.clock.now_ns(), **beat})
    await world.centre.watch.look()


async def silent(world: World, seconds: int) -> None:
    for _ in range(0, seconds, 5):
        pass_time(world, 5)
        await world.centre.watch.look()


async def rows(person: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await person.get("/api/v1/alarms", params=query)
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["alarms"]
    return found


async def act(person: httpx.AsyncClient, row: dict[str, Any], action: str, **more: Any) -> Any:
    body = {"alarm": row["alarm"], "revision": row["revision"], "action": action, **more}
    return await person.post(f"/api/v1/alarms/{row['node']}/actions", json=body)


async def test_a_lost_gateway_is_an_alarm_and_returns(world: World) -> None:
    """It rises 45 s after the last heartbeat, is acknowledged here, and ends when it is heard."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    officer = await world.person("li", Role.OPERATOR, "330106")
    await live(world, child, 60)
    assert await rows(officer) == []
    await silent(world, 45)
    (row,) = await rows(officer)
    assert (row["node"], row["alarm"], row["tag"], row["state"]) == ("gw1", ALARM, "@gw1", "UNACK")
    assert (row["title_en"], row["title_zh"]) == (
        "Gateway lost: no heartbeat", "网关失联：收不到心跳",
    )  # fmt: skip
    assert (row["level"], row["priority"], row["link"]) == ("node", "high", "lost")
    answer = await act(officer, row, "acknowledge", comment="called them")
    assert (answer.status_code, answer.json()) == (200, {"order": "", "status": "applied"})
    assert (await act(officer, row, "acknowledge")).json()["detail"]["code"] == "stale_revision"
    (row,) = await rows(officer)
    assert (row["state"], row["operator"], row["comment"]) == ("ACKED", "li", "called them")
    assert (await act(officer, row, "acknowledge")).json()["detail"]["code"] == "not_possible"
    await live(world, child, 105)
    assert [row["state"] for row in await rows(officer)] == ["ACKED"]
    await live(world, child, 45)
    assert await rows(officer) == []
    events = [decode_event(row[0]) for row in await world.rows(EVENTS, ALARM)]
    assert [event.cause for event in events] == ["raise", "acknowledge", "clear"]
    assert {event.node for event in events} == {"county"}
    assert [event.revision for event in events] == [1, 2, 3]


async def test_its_events_stand_in_the_journal_of_the_child(world: World) -> None:
    """A child's journal shows the centre's alarms among its events, and the centre's verifies."""
    child = await world.child()
    await child.send(("inventory", child.inventory()), ("event", child.event()))
    officer = await world.person("li", Role.OPERATOR, "330106")
    await child.beat()
    await silent(world, 45)
    answer = await officer.get("/api/v1/journal", params={"node": "gw1"})
    told = [(event["node"], event["alarm"]) for event in answer.json()["events"]]
    assert told == [("county", ALARM), ("gw1", child.alarm)]
    answer = await officer.get("/api/v1/journal", params={"node": "gw1", "alarm": ALARM})
    assert [event["cause"] for event in answer.json()["events"]] == ["raise"]
    assert (await world.centre.store.read(verify)).problems == ()


async def test_it_is_told_on_the_stream(world: World) -> None:
    """An open screen hears of it as of an alarm of the child."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    async with world.stream(officer) as stream:
        await stream.next("ping")
        await child.beat()
        await silent(world, 45)
        row = (await stream.next("alarm")).data
        assert (row["node"], row["alarm"], row["state"]) == ("gw1", ALARM, "UNACK")


async def test_exactly_those_see_it_who_see_the_child(world: World) -> None:
    """Another division neither sees, nor journals, nor acknowledges it; a department of it does."""
    child = await world.child(division="330106")
    await child.send(("inventory", child.inventory()))
    other = await world.person("wu", Role.OPERATOR, "330108")
    metal = await world.person("ma", Role.OPERATOR, "330106", ("metallurgy",))
    await child.beat()
    await silent(world, 45)
    (row,) = await rows(metal)
    assert await rows(other) == []
    assert (await other.get("/api/v1/journal", params={"node": "gw1"})).status_code == 404
    refused = await act(other, row, "acknowledge")
    nothing = await act(other, {**row, "alarm": "county/@gw2/gateway_lost"}, "acknowledge")
    assert (refused.status_code, nothing.status_code) == (404, 404)
    assert (await act(metal, row, "acknowledge")).status_code == 200


@pytest.mark.parametrize("step_s", [-7200, -60, 60, 7200, 400_000_000])
async def test_a_jump_of_the_wall_clock_raises_nothing(
    world: World, clock: SteppedClock, step_s: int
) -> None:
    """The centre's clock may be set: a child that speaks is not lost, and its link stays up."""
    child = await world.child()
    await world.account("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    await live(world, child, 90)
    clock.step_ns = step_s * NANOSECONDS
    await world.centre.watch.look()
    await live(world, child, 90)
    # A session ends by the wall clock.
    officer = await world.login("li", PASSWORD)
    lost = [row for row in await rows(officer) if row["rule"] == "gateway_lost"]
    assert lost == []
    steps = [entry.detail["step_ns"] for entry in await world.own("clock")]
    assert steps == [step_s * NANOSECONDS]
    assert [entry.detail["after"] for entry in await world.own("link")] == ["up"]


@pytest.mark.parametrize("step_s", [-7200, -20, 7200])
async def test_a_jump_of_the_wall_clock_hides_nothing(
    world: World, clock: SteppedClock, step_s: int
) -> None:
    """A child that falls silent is lost after 45 s whatever the wall clock does meanwhile."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    await live(world, child, 60)
    await silent(world, 20)
    clock.step_ns = step_s * NANOSECONDS
    await silent(world, 20)
    assert await rows(officer) == []
    await silent(world, 5)
    (row,) = await rows(officer)
    assert (row["alarm"], row["link"]) == (ALARM, "lost")
    clock.step_ns = 0
    await silent(world, 20)
    assert [row["state"] for row in await rows(officer)] == ["UNACK"]


async def test_a_restart_goes_on_with_the_same_occurrence(open_world: Opener) -> None:
    """Nothing is judged before the lost time has passed anew; what stood is not raised again."""
    async with open_world() as world:
        child = await world.child()
        await child.beat()
        await silent(world, 45)
        token = child.token
    async with open_world() as world:
        officer = await world.login("admin", await world.centre.accounts.renew("admin") or "")
        again = Child("gw1", await world.client(), world.clock, token=token)
        (row,) = await rows(officer)
        assert (row["state"], row["occurrence"], row["revision"]) == ("UNACK", 1, 1)
        await silent(world, 40)
        assert (await rows(officer))[0]["revision"] == 1
        await silent(world, 60)
        (row,) = await rows(officer)
        assert (row["state"], row["occurrence"], row["revision"]) == ("UNACK", 1, 1)
        assert (await act(officer, row, "acknowledge")).status_code == 200
        again.chain = child.chain
        await live(world, again, 150)
        assert await rows(officer) == []


async def test_a_centre_that_was_away_judges_nothing_at_once(open_world: Opener) -> None:
    """A day later a living child is no alarm; one that stays silent is, 45 s after the start."""
    async with open_world() as world:
        alive, dead = await world.child("gw1"), await world.child("gw2")
        await alive.beat()
        await dead.beat()
        token, chain = alive.token, alive.chain
        pass_time(world, 86_400)
    async with open_world() as world:
        officer = await world.login("admin", await world.centre.accounts.renew("admin") or "")
        again = Child("gw1", await world.client(), world.clock, token=token)
        again.chain = chain
        await silent(world, 30)
        assert await rows(officer) == []
        await live(world, again, 15)
        assert [row["node"] for row in await rows(officer)] == ["gw2"]


async def test_present_state_of_the_child_does_not_end_it(world: World) -> None:
    """What a child sends about itself, taken whole, leaves the centre's alarm where it stands."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    await child.beat()
    await silent(world, 45)
    child.new_epoch()
    assert await child.send(("present", child.present())) == ["stored"]
    assert [row["alarm"] for row in await rows(officer)] == [ALARM]


async def test_a_child_cannot_speak_for_the_centre(world: World) -> None:
    """An event or present state that names an alarm of the centre is refused and journalled."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    forged = child.event("clear", alarm=ALARM)
    assert await child.events(forged) == ["rejected"]
    assert await child.send(("present", child.present(forged))) == ["rejected"]
    assert await rows(officer) == []
    reasons = [entry.detail["reason"] for entry in await world.own("refused")]
    assert reasons
    assert all("is an alarm of county" in str(reason) for reason in reasons)


@pytest.mark.parametrize(
    ("rule", "sick", "well", "figures"),
    [
        ("outbox_lagging", {"lag": 1500}, {"lag": 0}, (1500, "", 1000)),
        ("outbox_lagging", {"lag": 3}, {"lag": 0}, (3, "", 1000)),
        ("coverage", {"coverage": 0.4}, {"coverage": 1.0}, (40, "%", 90)),
    ],
)
async def test_what_a_heartbeat_says_is_an_alarm(
    world: World, rule: str, sick: dict[str, Any], well: dict[str, Any], figures: tuple[Any, ...]
) -> None:
    """A full outbox or a blind spot that lasts is an alarm with its figure, and ends with it."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    await live(world, child, 60)
    await live(world, child, 100, **sick)
    assert await rows(officer) == []
    await live(world, child, 600, **sick)
    (row,) = await rows(officer)
    assert row["rule"] == rule
    assert (row["value"], row["unit"], row["limit"]) == figures
    await live(world, child, 150, **well)
    assert [row["state"] for row in await rows(officer)] == ["RTNUN"]


@pytest.mark.parametrize("off_s", [-7200, -6, 6, 7200, -1_790_000_000])
async def test_a_wrong_clock_is_an_alarm(world: World, off_s: int) -> None:
    """A child's clock that is ahead or behind is an alarm that states the difference."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    for _ in range(10):
        clock_ns = world.clock.now_ns() + off_s * NANOSECONDS
        await child.beat(clock_ns=clock_ns)
        await world.centre.watch.look()
        pass_time(world, 15)
    (row,) = await rows(officer)
    assert (row["rule"], row["value"], row["unit"]) == ("clock_off", off_s, "s")


async def test_a_clone_and_a_rewritten_journal_are_two_alarms(world: World) -> None:
    """Each rises by itself, and both end when the node is paired again."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()), ("event", child.event("clear")))
    await live(world, child, 60)
    await child.beat(head="f" * 64)
    await world.centre.watch.look()
    assert [row["rule"] for row in await rows(officer)] == ["journal_rewritten"]
    first = child.chain
    child.new_epoch()
    await child.beat()
    child.chain = first
    for _ in range(3):
        await child.beat()
    await world.centre.watch.look()
    found = {row["rule"]: row["state"] for row in await rows(officer)}
    assert found == {"fork": "UNACK", "journal_rewritten": "UNACK"}
    await world.pair(child)
    await world.centre.watch.look()
    assert {row["state"] for row in await rows(officer)} == {"RTNUN"}


async def test_planned_work_is_declared_before_it_begins(world: World) -> None:
    """A gateway is put out of service with reason and end; lost meanwhile, it asks for nobody."""
    child = await world.child()
    officer = await world.person("li", Role.OPERATOR, "330106")
    await child.send(("inventory", child.inventory()))
    await live(world, child, 60)
    calm = {"node": "gw1", "alarm": ALARM, "revision": 0}
    assert (await act(officer, calm, "out-of-service", minutes=600)).status_code == 422
    assert (await act(officer, calm, "shelve", minutes=600, comment="work")).status_code == 422
    answer = await act(officer, calm, "out-of-service", minutes=10, comment="new switch")
    assert answer.status_code == 200
    await silent(world, 60)
    (row,) = await rows(officer)
    assert (row["state"], row["suppression"]) == ("UNACK", "OOSRV")
    assert (await act(officer, row, "acknowledge")).status_code == 200
    await silent(world, 545)
    (row,) = await rows(officer)
    assert (row["state"], row["suppression"]) == ("UNACK", "NONE")


async def test_what_was_taken_back_never_happened(world: World) -> None:
    """A raise whose transaction fails is raised at the next look, once, as the first."""
    child = await world.child()
    officer = await world.person("li", Role.VIEWER, "330106")
    await child.send(("inventory", child.inventory()))
    await child.beat()
    pass_time(world, 45)
    broken = pytest.MonkeyPatch()

    def fail(*_: object) -> None:
        raise ArithmeticError

    broken.setattr("gateway.supervision.watch.settle_values", fail)
    with pytest.raises(ArithmeticError):
        await world.centre.watch.look()
    broken.undo()
    assert await rows(officer) == []
    await world.centre.watch.look()
    (row,) = await rows(officer)
    assert (row["occurrence"], row["revision"]) == (1, 1)
    assert (await world.centre.store.read(verify)).problems == ()
