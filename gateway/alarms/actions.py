"""What an alarm does on site: the siren. Commanded when a batch is detected, beside the commit.

The panel is told at every change and each second, so that a gateway that died is heard as silence
of the heartbeat, not as quiet. The heartbeat itself rests on a marker that the gateway sends to
itself: only while one has passed broker, reception and engine within the last five seconds does the
panel hear it, so a process that lives and no longer watches is heard as well. Messages are never
retained: an old command must not sound after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice

import msgspec

from gateway.alarms.definitions import AlarmDefinition

EXPIRY_NS = 10_000_000_000
#: A heartbeat needs a marker that came through the whole chain this recently.
MARKER_NS = 5_000_000_000
#: Alarms that a message names.
NAMED = 20


class SirenCommand(msgspec.Struct, frozen=True, kw_only=True):
    """One message to the panel; it is void after `expires_ns`.

    `alarms` names the first that sound, `count` says how many do: a flood must fit into a message.
    """

    v: int = 1
    id: int
    on: bool
    count: int
    alarms: list[str]
    made_ns: int
    expires_ns: int


class Siren:
    """Turns the sounding alarms into messages.

    Parameters
    ----------
    send
        Publishes a payload; False when there is no connection (the panel then hears no heartbeat).
    """

    def __init__(self, send: Callable[[bytes], bool]) -> None:
        self._send = send
        self._named: list[str] = []
        self._sounding = 0
        self._count = 0
        #: When a marker last passed the whole chain, by a clock that nobody sets.
        self.marked_ns: int | None = None

    def marked(self, *, monotonic_ns: int) -> None:
        """Note that a marker has passed the whole chain; by a clock that nobody sets."""
        self.marked_ns = monotonic_ns

    def update(self, sounding: Collection[AlarmDefinition], *, now_ns: int) -> None:
        """Tell the panel if what it hears of what sounds has changed.

        Only those are looked at that a message names: in a flood tens of thousands sound, and this
        is asked at each change.
        """
        named = [definition.alarm for definition in islice(sounding, NAMED)]
        if (len(sounding), named) != (self._sounding, self._named):
            self._sounding, self._named = len(sounding), named
            self.tell(now_ns=now_ns)

    def beat(self, *, now_ns: int, monotonic_ns: int) -> None:
        """Tell the panel what sounds, as each second while markers come through."""
        if self.marked_ns is not None and monotonic_ns - self.marked_ns <= MARKER_NS:
            self.tell(now_ns=now_ns)

    def tell(self, *, now_ns: int) -> None:
        """Tell the panel what sounds now: it may have missed what was told before."""
        self._count += 1
        command = SirenCommand(
            id=self._count,
            on=self._sounding > 0,
            count=self._sounding,
            alarms=self._named,
            made_ns=now_ns,
            expires_ns=now_ns + EXPIRY_NS,
        )
        self._send(msgspec.json.encode(command))
