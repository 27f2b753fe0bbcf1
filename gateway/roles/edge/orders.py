"""Orders of the parent or of the command line: each ends in an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.alarms.requests import Request
from gateway.db import Database
from gateway.model import NANOSECONDS, Cause, Clock
from gateway.northbound import wire
from gateway.northbound.dead_letters import DISCARD, RETRY, Release
from gateway.roles.edge.line import Line

READINGS: Final = "readings"
#: What the wire calls an action -> what it is to an alarm.
ACTIONS: Final = {cause.value: cause for cause in Cause}


class OrderDesk:
    """Turns orders into requests.

    Parameters
    ----------
    line
        Carries them out.
    clock
        Judges expiry.
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
        readings: Callable[[wire.Order], None],
        release: Callable[[Release], None],
    ) -> None:
        self._release = release
        self._line = line
        self._clock = clock
        self._readings = readings
        self._second = 0

    def second(self, now_ns: int) -> bool:
        """Return True once in each second."""
        second = now_ns // NANOSECONDS
        fresh, self._second = second != self._second, second
        return fresh

    def take(self, order: wire.Order) -> None:
        """Carry out an order of the parent."""
        if order.action == READINGS:
            self._readings(order)
            return
        cause = ACTIONS.get(order.action)
        if self._expired(order):
            self.told(order, "refused", "it came after its expiry; repeat it if still wanted")
        elif cause is None:
            self.told(order, "refused", f"{order.action!r} is no action of this version")
        else:
            self._line.order(
                Request(
                    alarm=order.alarm,
                    revision=order.revision,
                    cause=cause,
                    operator=order.operator,
                    comment=order.comment,
                    until_ns=order.to_ns,
                    order=order.id,
                )
            )

    def take_local(self, identity: str, body: bytes) -> None:
        """Carry out an order that the command line put into the store."""
        try:
            order = msgspec.json.decode(body, type=wire.Order)
        except msgspec.DecodeError as error:
            order = wire.Order(id=identity, action="unreadable", comment=str(error))
        if order.action in {RETRY, DISCARD} and not self._expired(order):
            self._release(msgspec.json.decode(body, type=Release))
            return
        self.take(order)

    def _expired(self, order: wire.Order) -> bool:
        return bool(order.expires_ns and self._clock.now_ns() > order.expires_ns)

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
        note = self._line.desk.note(
            "order",
            now_ns=self._clock.now_ns(),
            alarm=order.alarm,
            operator=order.operator,
            comment=order.comment,
            detail={
                "order": order.id,
                "action": order.action,
                "result": result,
                "reason": reason,
            },
        )
        self._line.emit([note])
