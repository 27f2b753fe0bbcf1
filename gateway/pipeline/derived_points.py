"""Binds derived points to the points they come from, and to rules as any other point."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from detectors._minutes import (
    MOVING_COVERAGE,
    STEL,
    STEL_COVERAGE,
    SUM_COVERAGE,
    TWA_MOVING,
    TWA_SUM,
)
from detectors.derived import Derivation, Member
from detectors.deviation import DeviationParams, deviation_problems
from detectors.exposure import NONE, ExposureParams, Mode
from detectors.frames import FrameMember, FrameParams
from detectors.process_model import ProcessModel
from detectors.rules import Rule
from detectors.spread import SpreadParams, spread_problems
from detectors.vote import VoteParams, fewer_than, vote_problems
from device_profiles.schema import Channel
from device_profiles.toml_lines import Path
from gateway.alarms.catalogue import KindAlarms
from gateway.alarms.definitions import NO_DATA, AlarmDefinition, Level
from gateway.model import Priority
from gateway.pipeline.bound import BoundKind, Problem
from gateway.pipeline.comparisons import (
    Span,
    farthest,
    member_facts,
    never_reached,
    no_points,
    telling_nothing,
    widest,
    wrong_side,
)
from gateway.pipeline.derived_settings import (
    DerivedSettings,
    DeviationSettings,
    ExposureSettings,
    ProcessSettings,
    SpreadSettings,
    VoteSettings,
)
from gateway.pipeline.plant import SILENT_INTERVALS
from gateway.pipeline.points import PointKind
from gateway.pipeline.process_models import (
    Models,
    anomaly,
    process_problems,
    silence,
)
from gateway.pipeline.settings import AreaSettings, PointSettings

#: What an exposure tells, and what says how much of its time has data.
MEASURES: Final = {
    "stel": (STEL, STEL_COVERAGE),
    "twa_sum": (TWA_SUM, SUM_COVERAGE),
    "twa_moving": (TWA_MOVING, MOVING_COVERAGE),
}
#: A minute closes when a later one begins, so what is told each minute is due each minute.
MINUTE: Final = 60_000_000_000
#: What stands beside a derived point, under its tag with this behind: how many members are not
#: lost, and how much of an exposure's time has data.
USABLE, COVERAGE = "usable", "coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedSource:
    """Where a derived point's values come from, as a profile would tell it."""

    id: str
    interval: int
    silence_interval: int
    channel: Mapping[str, Channel] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BasePoint:
    """A point that may be a member: its index, what it is, and the quantity it measures."""

    index: int
    kind: PointKind
    quantity: str


BindKind = Callable[[AreaSettings, DerivedSource, PointSettings], BoundKind]


@dataclass(frozen=True, slots=True, kw_only=True)
class DerivedPoint:
    """A bound point that no device reports."""

    tag: str
    name: str
    kind: BoundKind


class _Wanted(NamedTuple):
    """A derived point that is being bound: its key path, its area, what the file says of it."""

    at: Path
    area: AreaSettings
    settings: DerivedSettings


@dataclass
class DerivedBinder:
    """Binds one derived point after the other; their indices stand behind `count` base points.

    Parameters
    ----------
    known
        Base point of a tag; None where there is none.
    bind
        Binds what a point says to rules.
    models
        What the files of processes hold, by tag; a process that has none there is blind.
    """

    count: int
    areas: Mapping[str, AreaSettings]
    known: Callable[[str], BasePoint | None]
    bind: BindKind
    division: str
    models: Models = field(default_factory=dict)
    points: list[DerivedPoint] = field(default_factory=list)
    derivations: list[Derivation] = field(default_factory=list)
    exposures: list[ExposureParams] = field(default_factory=list)
    frames: list[FrameParams] = field(default_factory=list)
    fitted: list[ProcessModel | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, at: Path, settings: DerivedSettings) -> None:
        """Bind one, or say everything that is wrong with it."""
        told = len(self.problems)
        area = self.areas.get(settings.area)
        if area is None:
            known = ", ".join(sorted(self.areas)) or "none; write an [[area]]"
            text = f"{settings.area!r} is no area of this file; known: {known}"
            self.problems.append(((*at, "area"), text))
        members = [self.known(tag) for tag in settings.members]
        self.problems += no_points(at, settings, lambda tag: self.known(tag) is not None)
        if area is None or len(self.problems) > told:
            return
        self.problems += telling_nothing(at, settings)
        found = [member for member in members if member is not None]
        try:
            self._add(_Wanted(at, area, settings), found)
        except ValueError as error:
            self.problems.append(((*at, settings.way), str(error)))

    def _add(self, wanted: _Wanted, members: Sequence[BasePoint]) -> None:
        settings = wanted.settings
        at: Path = (*wanted.at, settings.way)
        facts = [
            member_facts(tag, each.quantity, each.kind)
            for tag, each in zip(settings.members, members, strict=True)
        ]
        first = members[0].kind
        span = None if first.low is None or first.high is None else (first.low, first.high)
        match getattr(settings, settings.way):
            case VoteSettings() as vote:
                self.problems += [(at, text) for text in vote_problems(facts)]
                if span is None:
                    text = f"{facts[0].tag} states no range; give it, a vote needs its end"
                    self.problems.append((at, text))
                    return
                high = vote.side == "high"
                self.problems += list(wrong_side(wanted.at, settings, high=high))
                beyond = span[1] if high else span[0]
                voted = VoteParams(vote.need, len(members), high=high, beyond=beyond)
                self._derive(wanted, voted, members, unit=first.unit, span=span)
            case SpreadSettings():
                self.problems += [(at, text) for text in spread_problems(facts)]
                wide = widest(facts)
                apart = SpreadParams(len(members))
                self._derive(wanted, apart, members, unit=first.unit, span=wide)
            case DeviationSettings() as deviation:
                params = DeviationParams(deviation.curve, percent=deviation.percent)
                wrong = deviation_problems(params, *facts)
                self.problems += [(at, text) for text in wrong]
                if not wrong:
                    self.problems += never_reached(wanted.at, settings, farthest(params, *facts))
                unit = "%" if deviation.percent else first.unit
                self._derive(wanted, params, members, unit=unit, span=None)
            case ExposureSettings() as exposure:
                self._expose(wanted, exposure, members, span=span)
            case ProcessSettings() as process:
                self._process(wanted, process, members)

    def _derive(
        self,
        wanted: _Wanted,
        function: VoteParams | SpreadParams | DeviationParams,
        members: Sequence[BasePoint],
        *,
        unit: str,
        span: Span,
    ) -> None:
        index = self.count + len(self.points)
        # As long as one member speaks the point does.
        source = DerivedSource(
            id=f"a {wanted.settings.way}",
            interval=min(each.kind.interval_ns for each in members),
            silence_interval=max(each.kind.silence_ns for each in members) // SILENT_INTERVALS,
        )
        self._bind(wanted, source, unit=unit, span=span)
        counter = None
        if not isinstance(function, DeviationParams):
            counter = index + 1
            self._count(wanted, source, len(members))
        seats = tuple(Member(each.index, each.kind.silence_ns) for each in members)
        self.derivations.append(Derivation(index, function, seats, counter))

    def _expose(
        self,
        wanted: _Wanted,
        exposure: ExposureSettings,
        members: Sequence[BasePoint],
        *,
        span: Span,
    ) -> None:
        index = self.count + len(self.points)
        base, *marker = members
        source = DerivedSource(id="an exposure", interval=MINUTE, silence_interval=MINUTE)
        measure, coverage = MEASURES[exposure.measure]
        params = ExposureParams(
            base=base.index,
            mode=Mode(exposure.mode),
            hold_ns=base.kind.silence_ns,
            off_after_ns=exposure.off_after or 0,
            marker=marker[0].index if marker else NONE,
            derived={measure: index, coverage: index + 1},
        )
        self._bind(wanted, source, unit=base.kind.unit, span=span)
        self._beside(wanted, source, channel=COVERAGE, unit="%")
        self.exposures.append(params)

    def _process(
        self, wanted: _Wanted, process: ProcessSettings, members: Sequence[BasePoint]
    ) -> None:
        at: Path = (*wanted.at, "process")
        tag = wanted.settings.tag
        wrong = list(process_problems(process, [each.kind for each in members]))
        model = self.models.get(tag)
        if isinstance(model, str):
            wrong.append((("model",), model))
        if wrong:
            self.problems += [((*at, *key), text) for key, text in wrong]
            return
        index, period = self.count + len(self.points), process.period
        fitted = model if isinstance(model, ProcessModel) else None
        silent = silence(fitted, period)
        source = DerivedSource(
            id="a process", interval=period, silence_interval=-(-silent // SILENT_INTERVALS)
        )
        rule, about = anomaly(fitted, period, process.priority)
        definition = self._definition(wanted.area, "anomaly", **about)
        self._bind(wanted, source, unit="1", span=None, more=((definition, rule),))
        seats = tuple(
            FrameMember(each.index, max(period, each.kind.silence_ns)) for each in members
        )
        self.frames.append(FrameParams(index, period, seats))
        self.fitted.append(fitted)

    def _bind(
        self,
        wanted: _Wanted,
        source: DerivedSource,
        *,
        unit: str,
        span: Span,
        more: Sequence[tuple[AlarmDefinition, Rule]] = (),
    ) -> None:
        """Bind what a point says to rules; what its way brings along stands behind them."""
        settings = wanted.settings
        kind = self.bind(wanted.area, source, settings.as_point(unit=unit, span=span))
        definitions = (*kind.alarms.rules, *(definition for definition, _ in more))
        kind = replace(
            kind,
            rules=(*kind.rules, *(rule for _, rule in more)),
            alarms=replace(kind.alarms, rules=definitions),
        )
        self.problems += [((*wanted.at, *key), text) for key, text in kind.problems]
        self.points.append(DerivedPoint(tag=settings.tag, name=settings.name, kind=kind))

    def _count(self, wanted: _Wanted, source: DerivedSource, members: int) -> None:
        """Put the counter of members that are not lost beside a point, with its alarms."""
        degraded = self._definition(
            wanted.area,
            "degraded",
            priority=Priority.MEDIUM,
            title_en="Degraded: a member is lost",
            title_zh="降级运行：有成员失效",
        )
        rules = [(degraded, Rule(fewer_than(members)))]
        silence: dict[str, object] = {}
        vote = wanted.settings.vote
        if vote is not None and vote.on_bad == "trip":
            sounding = {"priority": Priority.CRITICAL, "sounds": True}
            trip = self._definition(
                wanted.area,
                "trip",
                title_en="No member is left: taken as an alarm",
                title_zh="成员全部失效，按报警处理",
                **sounding,
            )
            rules.append((trip, Rule(fewer_than(1))))
            # With every member silent nobody counts: that the counter is silent is the alarm.
            silence = {
                "title_en": "No member speaks: taken as an alarm",
                "title_zh": "成员全部失联，按报警处理",
                **sounding,
            }
        self._beside(wanted, source, channel=USABLE, unit="1", rules=rules, silence=silence)

    def _beside(
        self,
        wanted: _Wanted,
        source: DerivedSource,
        *,
        channel: str,
        unit: str,
        rules: Sequence[tuple[AlarmDefinition, Rule]] = (),
        silence: Mapping[str, object] | None = None,
    ) -> None:
        """Put a point beside a derived one, which tells how far that can be relied on.

        Its "no data" alarm is as any other's, but for what `silence` states of it.
        """
        area, settings = wanted.area, wanted.settings
        about = {"title_en": "No usable data", "title_zh": "无有效数据", **(silence or {})}
        no_data = self._definition(area, NO_DATA, level=Level.NO_DATA, **about)
        kind = BoundKind(
            kind=PointKind(
                channel=channel,
                area=area.id,
                hazard=area.hazard,
                unit=unit,
                low=None,
                high=None,
                interval_ns=source.interval,
                silence_ns=SILENT_INTERVALS * source.silence_interval,
            ),
            rules=tuple(rule for _, rule in rules),
            alarms=KindAlarms(tuple(definition for definition, _ in rules), no_data),
            problems=(),
        )
        name = f"{settings.name or settings.tag} ({channel})"
        tag = f"{settings.tag}.{channel}"
        self.points.append(DerivedPoint(tag=tag, name=name, kind=kind))

    def _definition(self, area: AreaSettings, rule: str, **fields: object) -> AlarmDefinition:
        fields = {"level": Level.FAULT, "sounds": False, **fields}
        return AlarmDefinition(
            alarm="",
            tag="",
            rule=rule,
            area=area.id,
            division=self.division,
            hazard=area.hazard,
            **fields,  # type: ignore[arg-type]
        )
