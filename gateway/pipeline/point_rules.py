"""A point's description and the rules it asks for: packs give defaults, the site file overrides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from detectors.limit import LimitParams
from detectors.rules import Rule
from device_profiles.hazards import LevelRule, RuleSet
from device_profiles.loop import over
from device_profiles.toml_lines import Path
from gateway.alarms.catalogue import KindAlarms
from gateway.alarms.definitions import NO_DATA, AlarmDefinition, Level
from gateway.model import Priority
from gateway.pipeline.beginnings import senseless
from gateway.pipeline.bound import Bound, BoundKind, Problem, Reporting, Source
from gateway.pipeline.converting import conversion_of, pack_problem, unit_problem
from gateway.pipeline.health import Watch, behaviour, levels, reasons
from gateway.pipeline.movement import rate, rate_problems, trend, trend_problems
from gateway.pipeline.oxygen import misplaced, watches
from gateway.pipeline.plant import SILENT_INTERVALS
from gateway.pipeline.points import PointKind
from gateway.pipeline.returning import LevelAlarm, never_returning
from gateway.pipeline.sensor_facts import completed
from gateway.pipeline.settings import AreaSettings, LevelSettings, LimitSettings, PointSettings
from gateway.pipeline.upkeep import too_rare

HIGHS = (Level.H, Level.HH)


def bind_kind(
    area: AreaSettings,
    source: Source,
    settings: PointSettings,
    *,
    division: str,
    packs: Mapping[str, RuleSet],
) -> BoundKind:
    """Bind a point's description; its tag and its name play no part."""
    binder = _PointBinder(area, source, settings, division=division, packs=packs)
    bound = tuple(binder.alarms())
    return BoundKind(
        kind=binder.kind(),
        rules=tuple(each.rule for each in bound),
        alarms=KindAlarms(tuple(each.definition for each in bound), binder.no_data()),
        problems=tuple(binder.problems()),
    )


class _PointBinder:
    """A point's description with its source's channel and its rules."""

    def __init__(
        self,
        area: AreaSettings,
        source: Source,
        settings: PointSettings,
        *,
        division: str,
        packs: Mapping[str, RuleSet],
    ) -> None:
        self.division, self.area, self.source, self.settings = division, area, source, settings
        reported = source.channel.get(settings.channel)
        self.unknown_channel = bool(source.channel) and reported is None
        self.conversion, self.unconverted = conversion_of(settings, reported, device=source.id)
        self.channel = self.conversion.fold(reported) if self.conversion and reported else reported
        self.unit = settings.unit or (self.channel.unit if self.channel else "")
        own = None if self.channel is None or self.unconverted else self.channel.range
        self.range = settings.range or own
        # A current tells a little more than its range: all of it is a measurement.
        loop = self.channel is not None and self.channel.signal is not None
        self.span = over(*self.range).measured if self.range and loop else self.range
        # What a profile says of its channel in another unit says nothing of the point.
        same = self.channel is not None and self.channel.unit == self.unit
        self.facts = self.channel if same else None
        self.health, self.unstated = completed(settings.health, self.facts, device=source.id)
        self.packs = [(name, packs.get(name)) for name in settings.rules]
        self.known = packs

    def kind(self) -> PointKind:
        """Return what points with this description are."""
        interval = self.settings.interval or self.source.interval
        silence = self.settings.interval or self.source.silence_interval
        low, high = self.range or (None, None)
        return PointKind(
            channel=self.settings.channel,
            area=self.area.id,
            hazard=self.area.hazard,
            unit=self.unit,
            low=low,
            high=high,
            interval_ns=interval,
            silence_ns=SILENT_INTERVALS * silence,
            conversion=str(self.conversion or ""),
        )

    def no_data(self) -> AlarmDefinition:
        """Return the alarm for a point without usable data: nowhere is a blind spot."""
        return AlarmDefinition(
            alarm="",
            tag="",
            rule=NO_DATA,
            level=Level.NO_DATA,
            area=self.area.id,
            division=self.division,
            hazard=self.area.hazard,
            priority=Priority.HIGH,
            sounds=False,
            title_en="No usable data",
            title_zh="无有效数据",
        )

    def problems(self) -> Iterator[Problem]:
        """Yield everything that does not fit, at its key below the point."""
        settings = self.settings
        if self.unknown_channel:
            return  # its unit and range are another channel's; the device tells what it has
        yield from self._unit_problems()
        for number, (name, rule_set) in enumerate(self.packs):
            if rule_set is None:
                known = ", ".join(sorted(self.known))
                yield ("rules", number), f"{name!r} is no known rule set; known: {known}"
            elif name in settings.rules[:number]:
                yield ("rules", number), f"{name} is named twice; name each rule set once"
            else:
                yield from self._pack_problems(number, name, rule_set)
        if settings.limits is not None:
            yield from self._own_problems(settings.limits)
        yield from misplaced(self.channel, settings, device=self.source.id)
        yield from too_rare(self.channel, settings, device=self.source.id)
        yield from never_returning(list(self._level_alarms()), self.range)
        yield from self.unstated
        yield from self._movement_problems()
        yield from self._senseless()

    def _movement_problems(self) -> Iterator[Problem]:
        settings = self.settings
        if settings.trend is not None and self._first_limit() is None:
            yield ("trend",), "there is no limit to foretell; add limits or rules"
        elif settings.trend is not None:
            yield from trend_problems(settings.trend, self._reporting())
        if settings.rate is not None:
            yield from rate_problems(settings.rate, self.span)
        if settings.stuck is not None and (self.facts is None or self.facts.noise_floor is None):
            yield ("stuck",), f"{self.source.id} states no noise_floor for this channel; remove it"

    def _senseless(self) -> Iterator[Problem]:
        highs = (alarm.limit for alarm in self._level_alarms() if alarm.high)
        yield from senseless(
            self.health,
            self.settings.stuck,
            span=self.span,
            first_high=min(highs, default=None),
            reporting=self._reporting(),
        )

    def _unit_problems(self) -> Iterator[Problem]:
        if not self.unit:
            yield ("unit",), f'is missing; {self.source.id} states none: write it, as in "ppm"'
        elif self.settings.convert is not None:
            yield from self.unconverted
        elif self.channel and self.unit != self.channel.unit and self.settings.scale is None:
            text = unit_problem(
                self.settings, self.channel.unit, self.unit, device=self.source.id, packs=self.known
            )
            yield ("unit",), text

    def alarms(self) -> Iterator[Bound]:
        """Yield every alarm of the point with its rule: fixed limits, then the others."""
        for name, rule_set in self.packs:
            if rule_set is not None:
                yield from (self._pack_alarm(name, rule_set, level) for level in rule_set.level)
        own = self.settings.limits
        if own is not None:
            for name, settings in own.levels():
                yield self._limit_alarm(Level(name), settings)
        health, span = self.health, self.kind()
        yield from self._watched(levels(health))
        high = any(alarm.high for alarm in self._level_alarms())
        ranged = self.range is not None
        yield from self._watched(
            reasons(self.channel, ranged=ranged, high=high, silence_ns=span.silence_ns)
        )
        yield from self._watched(watches(self.channel, self.settings, silence_ns=span.silence_ns))
        yield from self._watched(self._movement())
        yield from self._watched(
            behaviour(health, self.settings.stuck, self.facts, reporting=self._reporting())
        )

    def _reporting(self) -> Reporting:
        interval = self.settings.interval
        t90 = self.channel.t90 if self.channel and self.channel.t90 else 0
        return Reporting(
            interval_ns=interval or self.source.interval,
            pause_ns=interval or self.source.silence_interval,
            t90_ns=t90,
        )

    def _movement(self) -> Iterator[Watch]:
        first = self._first_limit()
        if self.settings.trend is not None and first is not None:
            level, limit = first
            reporting = self._reporting()
            yield trend(self.settings.trend, limit, high=level in HIGHS, reporting=reporting)
        if self.settings.rate is not None:
            yield rate(self.settings.rate, self._reporting())

    def _watched(self, watches: Iterable[Watch]) -> Iterator[Bound]:
        for name, rule, fields in watches:
            yield Bound(self._define(name, **fields), rule)

    def _pack_problems(self, number: int, name: str, rule_set: RuleSet) -> Iterator[Problem]:
        at: Path = ("rules", number)
        wrong = pack_problem(self.settings, rule_set, unit=self.unit, packs=self.known)
        if self.unit and wrong:
            yield at, wrong
        if rule_set.hazard != self.area.hazard:
            yield (
                at,
                f"{name} is for {rule_set.hazard}, area {self.area.id} is {self.area.hazard}",
            )
        for level in rule_set.level if rule_set.unit == self.unit else ():
            yield from self._outside(at, f"{name}.{level.level}", level.limit)

    def _own_problems(self, own: LimitSettings) -> Iterator[Problem]:
        for given, settings in own.levels():
            level, limit = Level(given), settings.limit
            at: Path = ("limits", given)
            yield from self._outside(at, given, limit)
            for name, rule_set in self._packs_in_unit():
                for bound in rule_set.level:
                    if not bound.bound or bound.level != level.value:
                        continue
                    high = level in HIGHS
                    beyond = limit > bound.limit if high else limit < bound.limit
                    if beyond:
                        text = (
                            f"{limit:g} lies beyond {bound.limit:g} {self.unit} of {name} "
                            f"({bound.standard} {bound.clause}); alarm no later than that"
                        )
                        yield at, text

    def _packs_in_unit(self) -> Iterator[tuple[str, RuleSet]]:
        """Yield the packs whose limits can be compared with the point's values."""
        for name, rule_set in dict(self.packs).items():
            if rule_set is not None and rule_set.unit == self.unit:
                yield name, rule_set

    def _level_alarms(self) -> Iterator[LevelAlarm]:
        own = self.settings.limits
        for given, settings in () if own is None else own.levels():
            stated = getattr(own, given).deadband is not None
            yield LevelAlarm(
                at=("limits", given),
                name=given,
                limit=settings.limit,
                high=Level(given) in HIGHS,
                deadband=settings.deadband or 0.0,
                deadband_at=("limits", given, "deadband") if stated else ("limits", "deadband"),
            )
        for name, rule_set in self._packs_in_unit():
            at: Path = ("rules", self.settings.rules.index(name))
            for rule in rule_set.level:
                yield LevelAlarm(
                    at=at,
                    name=f"{name}.{rule.level}",
                    limit=rule.limit,
                    high=Level(rule.level) in HIGHS,
                    deadband=rule_set.engineering.deadband,
                    strict=rule.op in {">", "<"},
                )

    def _outside(self, at: Path, name: str, limit: float) -> Iterator[Problem]:
        if self.range is not None and not self.range[0] <= limit <= self.range[1]:
            low, high = self.range
            text = (
                f"{name} = {limit:g} {self.unit} is outside what the device measures "
                f"[{low:g}, {high:g}]; it could never alarm: take another device or limit"
            )
            yield at, text

    def _define(self, rule: str, level: Level, **fields: object) -> AlarmDefinition:
        return AlarmDefinition(
            alarm="",
            tag="",
            rule=rule,
            level=level,
            area=self.area.id,
            division=self.division,
            hazard=self.area.hazard,
            unit=self.unit,
            **fields,  # type: ignore[arg-type]
        )

    def _pack_alarm(self, name: str, rule_set: RuleSet, level: LevelRule) -> Bound:
        kind = Level(level.level)
        definition = self._define(
            f"{name}.{level.level}",
            kind,
            limit=level.limit,
            priority=Priority(level.priority),
            latch=level.latch,
            shelvable=level.shelvable,
            standard=level.standard,
            clause=level.clause,
            title_en=rule_set.title_en,
            title_zh=rule_set.title_zh,
        )
        params = LimitParams(
            level.limit,
            high=kind in HIGHS,
            deadband=rule_set.engineering.deadband,
            strict=level.op in {">", "<"},
        )
        timing = rule_set.engineering
        return Bound(definition, Rule(params, on_delay=timing.on_delay, off_delay=timing.off_delay))

    def _limit_alarm(self, level: Level, own: LevelSettings) -> Bound:
        definition = self._define(
            level.value,
            level,
            limit=own.limit,
            priority=own.priority,
            latch=own.latch,
            re_alarm_ns=own.re_alarm or 0,
        )
        params = LimitParams(own.limit, high=level in HIGHS, deadband=own.deadband or 0.0)
        delays = {"on_delay": own.on_delay or 0, "off_delay": own.off_delay or 0}
        return Bound(definition, Rule(params, **delays))

    def _first_limit(self) -> tuple[Level, float] | None:
        """Return the limit a slow change reaches first: the lowest high, else the highest low."""
        own = () if self.settings.limits is None else self.settings.limits.levels()
        limits = [(Level(name), each.limit) for name, each in own]
        for _, rule_set in self.packs:
            limits += [(Level(e.level), e.limit) for e in (rule_set.level if rule_set else ())]
        highs = sorted((limit, level) for level, limit in limits if level in HIGHS)
        lows = sorted((limit, level) for level, limit in limits if level not in HIGHS)
        if highs:
            return highs[0][1], highs[0][0]
        return (lows[-1][1], lows[-1][0]) if lows else None
