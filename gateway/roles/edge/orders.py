"""Orders of centres above, of the own screen and of the command line: each ends in an event.

Who may give one is `gateway.roles.edge.authority`'s to say. One that has ended before, also before
a restart, is not carried out again and makes no second event. One that cannot be proven to be what
its maker signed is refused in an event and forgotten: the true one that bears its id still counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.alarms.requests import RefusedError, Request
from gateway.db import Database, StoreError
from gateway.model import NANOSECONDS, Cause, Clock
from gateway.northbound import wire
from gateway.northbound.dead_letters import DISCARD, RETRY, Release
from gateway.observe import Metrics, log
from gateway.roles.edge.authority import ACTS, READINGS, Authority, in_time
from gateway.roles.edge.ended import Ended
from gateway.roles.edge.line import Line
from gateway.roles.edge.parent_time import OWN, ParentTime, Told
from gateway.roles.edge.storage import Storage
from gateway.roles.edge.work import Work

#: What the wire calls an action -> what it is to an alarm.
ACTIONS: Final = {cause.value: cause for cause in Cause}
#: How often the store is asked for orders of the command line.
LOOK_S: Final = 0.5
#: Whom the command line speaks for; no node has such an id.
DESK: Final = "@desk"
LOG = log("roles.edge.orders")


class OrderDesk:
    """Turns orders into requests.

    Parameters
    ----------
    line
        Carries them out.
    clock
        The gateway's own; it judges the expiry of the command line's orders.
    times
        Judges the expiry of orders that come from above.
    authority
        Says who may give them.
    ended
        The orders that have ended.
    readings
        Answers an order for raw readings.
    release
        Carries out what an operator of the site decided about dead letters.
    """

    def __init__(
        self,
        line: Line,
        *,
        clock: Clock,
        times: ParentTime,
        authority: Authority,
        ended: Ended,
        readings: Callable[[wire.Order], None],
        release: Callable[[Release], None],
        metrics: Metrics,
    ) -> None:
        self._release = release
        self._line = line
        self.times = times
        self._clock = clock
        self._authority = authority
        self._ended = ended
        self._readings = readings
        self._metrics = metrics
        self._second = 0

    def second(self, now_ns: int) -> bool:
        """Return True once in each second."""
        second = now_ns // NANOSECONDS
        fresh, self._second = second != self._second, second
        return fresh

    def take(self, receiver: str, order: wire.Order, _body: bytes = b"") -> None:
        """Carry out an order that came from a receiver of this node's events, or refuse it."""
        try:
            proven = self._authority.prove(order, receiver)
        except RefusedError as error:
            self._refuse(msgspec.structs.replace(order, origin=""), error)
            return
        order = order if proven else msgspec.structs.replace(order, origin="")
        if (order.origin, order.id) in self._ended:
            self._metrics.refused_orders.labels("repeated").inc()
            LOG.info("an order came again that has ended", order=order.id, origin=order.origin)
            return
        try:
            self._authority.allow(order, receiver, now=self.times.now(receiver))
            self._in_this_life(order)
            self._carry_out(order)
        except RefusedError as error:
            self._refuse(order, error)

    async def follow(self, storage: Storage) -> None:
        """Take the orders that `hazgate alarms` puts into the store, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            if not storage.answers:
                continue
            try:
                rows: list[tuple[str, bytes]] = await storage.act(self.waiting)
            except StoreError:
                continue  # the store thread has said so; this task does not die of it
            for identity, body in rows:
                self.take_local(identity, body)
                storage.submit(Work(act=self.done(identity)))

    def take_local(self, identity: str, body: bytes) -> None:
        """Carry out an order that the command line put into the store."""
        try:
            order = msgspec.json.decode(body, type=wire.Order)
        except wire.UNREADABLE as error:
            order = wire.Order(id=identity, action="unreadable", comment=str(error))
        order = msgspec.structs.replace(order, id=identity, origin=DESK)
        if (DESK, identity) in self._ended:
            return
        try:
            in_time(order, now=Told(self._clock.now_ns(), OWN))
            if order.action in {RETRY, DISCARD}:
                self._release(msgspec.json.decode(body, type=Release))
            else:
                self._carry_out(order)
        except RefusedError as error:
            self._refuse(order, error)

    @staticmethod
    def waiting(database: Database) -> list[tuple[str, bytes]]:
        """Return the orders of the command line that wait."""
        rows = database.execute(
            "SELECT id, body FROM desk_order WHERE done = 0 ORDER BY made_ns LIMIT 100"
        )
        return [(row[0], row[1]) for row in rows]

    @staticmethod
    def done(identity: str) -> Callable[[Database], None]:
        """Return what marks an order as carried out."""

        def mark(database: Database) -> None:
            database.execute("UPDATE desk_order SET done = 1 WHERE id = ?", (identity,))

        return mark

    def told(self, order: wire.Order, result: str, reason: str) -> None:
        """Write the event in which an order ends that moved no alarm."""
        self._end(order)
        self._emit("order", order, result=result, reason=reason)

    def _carry_out(self, order: wire.Order) -> None:
        if order.action == READINGS:
            self._readings(order)
        elif order.action in ACTS:
            self._note_act(order)
        else:
            cause = ACTIONS.get(order.action)
            if cause is None:
                raise RefusedError("not_an_order", f"{order.action!r} is no action of this version")
            self._end(order)
            self._line.order(
                Request(
                    alarm=order.alarm,
                    revision=order.revision,
                    cause=cause,
                    operator=order.operator,
                    comment=order.comment,
                    until_ns=order.to_ns,
                    order=order.id,
                    origin=order.origin,
                )
            )

    def _note_act(self, order: wire.Order) -> None:
        """Let the site know what a tier above did; nothing moves by it."""
        desk = self._line.desk
        if order.alarm not in desk.definitions and order.alarm not in desk.statuses:
            raise RefusedError("unknown_alarm", f"{order.alarm}: no such alarm at this node")
        self._end(order)
        self._emit("act", order, result="applied", reason="")

    def _in_this_life(self, order: wire.Order) -> None:
        """Refuse what its maker saw in another life of this node: revisions began again since."""
        own = self._line.desk.chain.identity.life
        if order.life and order.life != own and order.action not in ACTS:
            raise RefusedError(
                "stale_revision",
                f"{order.alarm}: the gateway has begun anew since; look again and repeat the order",
            )

    def _refuse(self, order: wire.Order, error: RefusedError) -> None:
        self._metrics.refused_orders.labels(error.reason).inc()
        self.told(order, "refused", str(error))

    def _end(self, order: wire.Order) -> None:
        if order.origin:
            self._ended.add(order.origin, order.id)

    def _emit(self, kind: str, order: wire.Order, *, result: str, reason: str) -> None:
        detail = {"order": order.id, "action": order.action, "result": result, "reason": reason}
        if order.origin:
            detail["origin"] = order.origin
        note = self._line.desk.note(
            kind,
            now_ns=self._clock.now_ns(),
            alarm=order.alarm,
            occurrence=max(0, order.occurrence),
            operator=order.operator,
            comment=order.comment,
            detail=detail,
        )
        self._line.emit([note])
