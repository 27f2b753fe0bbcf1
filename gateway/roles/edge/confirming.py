"""From late data to a live alarm: when the siren need not wait for a backlog any more.

An alarm that late data raised is historical and silent: what its device still hands over may say
that it is over. It is live two seconds later if its point's newest reading is in alarm. Where that
was not so meanwhile, and behind a queue or a restart where nobody looked, the two seconds from the
first late reading of a run must be over too. What comes on time ends the wait. Half a second is
enough where it is rather our clock that is wrong, ahead of every device: nothing of the point has
come on time since the start, and nothing of its device is less late than before
(`gateway.pipeline.backlogs`). What waited at the broker without a time of its own is live after
half a second. While that queue still comes, nothing is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from detectors.admission import DRAIN
from device_profiles.quality import Quality
from gateway.alarms.desk import Desk, Transition
from gateway.model import NANOSECONDS, decode_event
from gateway.pipeline.backlogs import SETTLED_NS, Backlogs
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch

#: More than so many are judged once a second, not at each look: each costs 3 us of the event loop.
MANY: Final = 1_000
#: Readings of which only the queue at the broker is to be waited for.
QUEUED: Final = frozenset({Quality.FENCED.name, Quality.RETAINED.name})


class Waiting(NamedTuple):
    """An alarm that is not yet live.

    Parameters
    ----------
    due_ns
        When it is at the earliest, but for what comes on time and a clock that is in doubt.
    point
        Of its rule, if it has one.
    was_over
        Whether its point's newest reading was not in alarm meanwhile, or may have been.
    heard_ns
        When the point had come on time by then.
    """

    due_ns: int
    point: int | None
    was_over: bool
    heard_ns: int


class Confirming:
    """Looks after the alarms that rest on late data.

    Parameters
    ----------
    engine
        Knows the newest readings.
    desk
        Knows which alarms are historical, and makes them live.
    """

    def __init__(self, engine: Engine, desk: Desk) -> None:
        self._engine, self._desk = engine, desk
        self._backlogs = Backlogs(engine.plant.points.device)
        self._waiting: dict[str, Waiting] = {}
        self._started_ns = 0
        self._second = 0
        #: Whether nobody looked for a while.
        self._blind = False

    def start(self, now_ns: int) -> None:
        """Begin: what came on time before says nothing of the clock as it is now."""
        self._started_ns = now_ns
        self._note()
        self._doubt(self._waiting)
        # Of before is what the clock of then said; it may have been set since.
        self._waiting = {
            alarm: each._replace(due_ns=min(each.due_ns, now_ns))
            for alarm, each in self._waiting.items()
        }

    def set_clock(self, step_ns: int) -> None:
        """Follow a step of the gateway's clock: nobody waits longer or shorter for it."""
        self._note()
        self._waiting = {
            alarm: each._replace(due_ns=each.due_ns + step_ns, heard_ns=each.heard_ns + step_ns)
            for alarm, each in self._waiting.items()
        }
        self._started_ns += step_ns
        self._backlogs.begin()

    def lost(self) -> None:
        """Know nothing of what comes: the broker is away, and what it holds cannot come."""
        self._backlogs.begin()

    def take(self, batch: ReadingBatch) -> None:
        """Take readings that did not wait at the broker, with those that were derived from them."""
        if self._desk.unconfirmed:
            self._backlogs.take(batch)
            if self._engine.derived is not None:
                self._backlogs.take(self._engine.derived)

    def look(self, now_ns: int, *, held: bool, roomy: bool) -> list[Transition]:
        """Make live what need not wait any more; at best several times a second.

        Parameters
        ----------
        held
            Whether a queue from before may still be coming: then nothing is.
        roomy
            Whether the broker may send: where it waits for our acknowledgement, that nothing comes
            says nothing.
        """
        if not self._desk.unconfirmed:
            self._waiting.clear()
            self._backlogs.begin()
            return []
        if held:
            self._blind = True
            return []
        second, before = now_ns // NANOSECONDS, self._second
        if len(self._desk.unconfirmed) > MANY and second == before:
            return []
        self._second = second
        self._note()
        if self._blind:
            self._blind = False
            self._doubt(self._waiting)
        live = set(self._engine.live(self._waiting))
        self._doubt(self._waiting.keys() - live)
        ended = self._ended(now_ns, roomy=roomy)
        return self._desk.confirm([each for each in ended if each in live], now_ns=now_ns)

    def _ended(self, now_ns: int, *, roomy: bool) -> list[str]:
        """Return the alarms for which nothing is waited for any more, in the order they rose."""
        settled = self._backlogs.settled(now_ns)
        heard, quiet = self._engine.heard, self._engine.quiet
        device = self._engine.plant.points.device
        found = []
        for alarm, (due_ns, point, was_over, heard_ns) in self._waiting.items():
            if point is None:
                continue
            doubted = roomy and heard[point] < self._started_ns and settled[device[point]]
            on_time = heard[point] > heard_ns
            waited = due_ns <= now_ns and (not was_over or quiet[point] <= now_ns)
            if waited or on_time or doubted:
                found.append(alarm)
        return found

    def _doubt(self, alarms: Iterable[str]) -> None:
        """Note that these alarms are over, or may have been."""
        heard = self._engine.heard
        for alarm in alarms:
            waiting = self._waiting[alarm]
            heard_ns = int(heard[waiting.point]) if waiting.point is not None else 0
            self._waiting[alarm] = waiting._replace(was_over=True, heard_ns=heard_ns)

    def _note(self) -> None:
        """Note since when each alarm waits; forget those that wait no more."""
        known = self._waiting
        self._waiting = {
            alarm: known.get(alarm) or self._new(alarm) for alarm in self._desk.unconfirmed
        }

    def _new(self, alarm: str) -> Waiting:
        event = decode_event(self._desk.entries[alarm])
        wait_ns = SETTLED_NS if event.quality in QUEUED else DRAIN
        return Waiting(
            due_ns=event.received_ns + wait_ns,
            point=self._engine.point_of(alarm),
            was_over=False,
            # Within a second it is the source time that counts as heard.
            heard_ns=event.received_ns - NANOSECONDS,
        )
