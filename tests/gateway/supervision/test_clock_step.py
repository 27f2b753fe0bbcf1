"""The centre's clock is set: sessions, codes, orders and values end as long after as was agreed."""

from __future__ import annotations

import pytest

from gateway.model import NANOSECONDS
from gateway.northbound import wire
from gateway.supervision.clock_step import SetClock
from gateway.supervision.tiers import Role
from gateway.supervision.write import Write
from tests.gateway.supervision.test_child_alarms import SteppedClock, live, pass_time
from tests.gateway.supervision.test_orders import ask
from tests.gateway.supervision.world import NOON_NS, World, pairing_body

HOUR_S = 3600
STEPS_S = [-1, 1, -HOUR_S, HOUR_S, 400_000_000, -NOON_NS // NANOSECONDS]


@pytest.fixture
def clock() -> SteppedClock:
    return SteppedClock(NOON_NS)


async def step(world: World, clock: SteppedClock, step_s: int) -> None:
    """Set the clock, and let the watch look, as it does each second."""
    await world.centre.watch.look()
    clock.step_ns += step_s * NANOSECONDS
    await world.centre.watch.look()


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_a_session_lasts_its_twelve_hours(
    world: World, clock: SteppedClock, step_s: int
) -> None:
    """Nobody is logged out by a clock that was set, and nobody stays in for it."""
    person = await world.person("li", Role.VIEWER, "330106")
    pass_time(world, HOUR_S)
    await step(world, clock, step_s)
    pass_time(world, 10 * HOUR_S)
    assert (await person.get("/api/v1/alarms")).status_code == 200
    pass_time(world, HOUR_S + 1)
    assert (await person.get("/api/v1/alarms")).status_code == 401


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_a_pairing_code_lasts_its_day(world: World, clock: SteppedClock, step_s: int) -> None:
    """A code is good for a day of time, not of dates."""
    client = await world.client()
    early, late = await world.running.invite("gw1"), await world.running.invite("gw2")
    await step(world, clock, step_s)
    pass_time(world, 23 * HOUR_S)
    assert (await client.post(wire.PAIR, json=pairing_body(early, "one"))).status_code == 200
    pass_time(world, HOUR_S + 1)
    assert (await client.post(wire.PAIR, json=pairing_body(late, "two"))).status_code == 403


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_an_order_waits_its_minute(world: World, clock: SteppedClock, step_s: int) -> None:
    """It neither expires at the step nor waits for a child that comes an hour later."""
    child = await world.child()
    await child.send(("inventory", child.inventory()), ("event", child.event()))
    li = await world.person("li", Role.OPERATOR, "330106")
    assert (await ask(li, child)).status_code == 202
    await step(world, clock, step_s)

    async def status() -> str:
        await world.centre.watch.look()
        return str((await world.rows("SELECT status FROM site_order"))[0][0])

    pass_time(world, 55)
    assert await status() == "pending"
    pass_time(world, 6)
    assert await status() == "expired"


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_a_step_is_told_once_and_ages_no_link(
    world: World, clock: SteppedClock, step_s: int
) -> None:
    """One entry, what the clock showed before and after; a child that was heard still is."""
    child = await world.child()
    await child.send(("inventory", child.inventory()))
    await live(world, child, 60)
    before_ns = world.clock.now_ns()
    await step(world, clock, step_s)
    await world.centre.watch.look()
    (entry,) = await world.own("clock")
    assert entry.detail["before_ns"] == before_ns
    assert entry.detail["after_ns"] == before_ns + step_s * NANOSECONDS
    officer = await world.person("li", Role.VIEWER, "330106")
    (row,) = (await officer.get("/api/v1/nodes")).json()["nodes"]
    assert row["link"] == "up"


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_what_is_written_after_the_step_stays(
    world: World, clock: SteppedClock, step_s: int
) -> None:
    """What comes between the step and the look that notices it bears the new time already."""
    early, late = await world.child("gw1"), await world.child("gw2")
    await late.send(("inventory", late.inventory()))
    await early.beat()
    await world.centre.watch.look()
    heard_ns = world.clock.now_ns()
    clock.step_ns += step_s * NANOSECONDS
    pass_time(world, 0.5)
    await late.beat()
    await late.send(("summary", late.summary()))
    written_ns = world.clock.now_ns()
    pass_time(world, 0.5)
    await world.centre.watch.look()
    assert await world.rows("SELECT node, received_ns FROM heartbeat ORDER BY node") == [
        ("gw1", heard_ns + step_s * NANOSECONDS),
        ("gw2", written_ns),
    ]
    assert await world.rows("SELECT received_ns, fresh FROM latest") == [(written_ns, 1)]


@pytest.mark.parametrize("step_s", STEPS_S)
async def test_who_logs_in_after_the_step_has_twelve_hours(
    world: World, clock: SteppedClock, step_s: int
) -> None:
    """A session and a code made before the watch looks again are not moved a second time."""
    client = await world.client()
    await world.centre.watch.look()
    clock.step_ns += step_s * NANOSECONDS
    person = await world.person("li", Role.VIEWER, "330106")
    code = await world.running.invite("gw1")
    await world.centre.watch.look()
    pass_time(world, 12 * HOUR_S - 1)
    assert (await person.get("/api/v1/alarms")).status_code == 200
    pass_time(world, 2)
    assert (await person.get("/api/v1/alarms")).status_code == 401
    pass_time(world, 12 * HOUR_S)
    assert (await client.post(wire.PAIR, json=pairing_body(code))).status_code == 403


@pytest.mark.parametrize("looks", [True, False])
async def test_two_steps_after_each_other_move_by_both(
    world: World, clock: SteppedClock, *, looks: bool
) -> None:
    """There and back, with a look between or without: each row moves once for each."""
    early, late = await world.child("gw1"), await world.child("gw2")
    await early.beat()
    await world.centre.watch.look()
    heard_ns = world.clock.now_ns()
    pass_time(world, 600)
    clock.step_ns += HOUR_S * NANOSECONDS
    await late.beat()
    late_ns = world.clock.now_ns()
    if looks:
        await world.centre.watch.look()
    pass_time(world, 10)
    clock.step_ns -= (HOUR_S + 300) * NANOSECONDS
    await world.centre.watch.look()
    await world.centre.watch.look()
    assert await world.rows("SELECT node, received_ns FROM heartbeat ORDER BY node") == [
        ("gw1", heard_ns - 300 * NANOSECONDS),
        ("gw2", late_ns - (HOUR_S + 300) * NANOSECONDS),
    ]
    assert [event.detail["step_ns"] for event in await world.own("clock")] == [
        HOUR_S * NANOSECONDS,
        -(HOUR_S + 300) * NANOSECONDS,
    ]


async def test_a_look_that_stood_still_moves_what_came_before_the_step(
    world: World, clock: SteppedClock
) -> None:
    """After ten minutes without a look, and five minutes back, all is five earlier."""
    child = await world.child()
    await world.centre.watch.look()
    pass_time(world, 300)
    await child.beat()
    heard_ns = world.clock.now_ns()
    pass_time(world, 300)
    clock.step_ns -= 300 * NANOSECONDS
    await world.centre.watch.look()
    assert await world.rows("SELECT received_ns FROM heartbeat") == [
        (heard_ns - 300 * NANOSECONDS,)
    ]


async def test_a_write_that_fails_moves_nothing(world: World, clock: SteppedClock) -> None:
    """The move belongs to the first transaction that commits, and to no other."""
    child = await world.child()
    await child.beat()
    await world.centre.watch.look()
    heard_ns = world.clock.now_ns()
    clock.step_ns += HOUR_S * NANOSECONDS

    def fails(_: Write) -> None:
        raise LookupError

    for _ in range(2):
        with pytest.raises(LookupError):
            await world.centre.store.write(fails)
    assert await world.rows("SELECT received_ns FROM heartbeat") == [(heard_ns,)]
    for _ in range(2):
        await world.centre.store.write(lambda _: None)
    moved_ns = heard_ns + HOUR_S * NANOSECONDS
    assert await world.rows("SELECT received_ns FROM heartbeat") == [(moved_ns,)]
    assert len(await world.own("clock")) == 1


def test_a_process_that_stood_between_two_readings_saw_no_step() -> None:
    """The clocks are read together, or again: a stop between them is no step."""
    clock = SteppedClock(NOON_NS)
    times = SetClock(clock)
    stops = [5]

    def halted() -> int:
        if stops:
            clock.set(clock.monotonic_ns() + stops.pop() * NANOSECONDS)
        return clock.monotonic_ns()

    clock.now_ns = halted  # type: ignore[method-assign]
    assert times.look().step_ns == 0
    assert not stops


def test_a_clock_that_drifts_was_not_set() -> None:
    """However far it has drifted in the end, no two looks are a second apart by it."""
    clock = SteppedClock(NOON_NS)
    times = SetClock(clock)
    for _ in range(100):
        clock.step_ns += NANOSECONDS // 2
        instant = times.look()
        assert instant.step_ns == 0
        times.moved(instant)
    assert times.steps == 0
