"""Derived points: bound to the points they come from, and alarmed as any other."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from device_profiles.quality import Quality
from gateway.alarms.actions import Siren
from gateway.alarms.desk import Desk
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import Priority
from gateway.pipeline.engine import Engine
from gateway.readings import ReadingBatch, Row
from gateway.roles.replay import shares_of
from gateway.southbound.liveness import Liveness
from tests.gateway.pipeline.derived import DERIVED, SECOND, START, plant, starts_anew, text
from tests.gateway.pipeline.test_bad_site import problems

BAD = int(Quality.DEVICE_FAULT)


def at(second: float, point: int, value: float, quality: int = 0) -> Row:
    """A reading that was taken at once."""
    now = START + int(second * SECOND)
    return (point, now, now, value, quality)


def named(engine: Engine, rows: list[Row], *, cut: int = 0) -> list[tuple[str, bool, float]]:
    """What rises and returns: the rule under its tag, and the value."""
    step = cut or max(1, len(rows))
    found = []
    for begin in range(0, len(rows), step):
        edges, _ = engine.process(ReadingBatch.from_rows(rows[begin : begin + step]))
        alarm = engine.plant.definitions.alarm
        # A fault has no value; -1 is none here.
        found += [
            (alarm(e.row).removeprefix("gw/"), e.active, -1.0 if np.isnan(e.value) else e.value)
            for e in edges
        ]
    return found


def walk(seconds: int = 300) -> list[Row]:
    """Three heads that wander, fail and come back, each in its own rhythm."""
    random = np.random.default_rng(7)
    rows = []
    for second in range(seconds):
        for point in range(3):
            value = 8.0 + 6.0 * np.sin(second / 20 + point) + random.normal(0, 0.5)
            bad = random.random() < 0.05
            rows.append(at(second + point / 10, point, np.nan if bad else value, BAD if bad else 0))
    return rows


def test_a_vote_needs_two_of_three(tmp_path: Path) -> None:
    """One high head raises nothing of the vote, the second does; each has its own alarms still."""
    engine = Engine(plant(tmp_path))
    calm = [at(0, 0, 1.0), at(0.1, 1, 1.0), at(0.2, 2, 1.0)]
    assert named(engine, calm) == []
    assert named(engine, [at(1, 0, 14.0)]) == []
    assert ("AT-VOTE/h", True, 12.0) in named(engine, [at(1.1, 1, 12.0)])
    assert ("AT-VOTE/h", False, 1.0) in named(engine, [at(2, 0, 1.0), at(2.1, 1, 1.0)])


def test_a_lost_member_degrades_towards_action(tmp_path: Path) -> None:
    """With one head lost a second decides alone, and the loss is an alarm beside the vote."""
    engine = Engine(plant(tmp_path))
    named(engine, [at(0, 0, 1.0), at(0.1, 1, 1.0), at(0.2, 2, 1.0)])
    lost = named(engine, [at(1, 2, np.nan, BAD)])
    assert ("AT-VOTE.usable/degraded", True, 2.0) in lost
    assert ("AT-VOTE/h", True, 12.0) in named(engine, [at(2, 0, 12.0)])


def test_trip_acts_when_nobody_is_left(tmp_path: Path) -> None:
    """`on_bad = "trip"` alarms, and sounds, when every member is lost."""
    tripping = DERIVED.replace("need = 2", 'need = 2, on_bad = "trip"')
    engine = Engine(plant(tmp_path, tripping))
    named(engine, [at(0, 0, 1.0), at(0.1, 1, 1.0), at(0.2, 2, 1.0)])
    lost = [at(1 + point, point, np.nan, BAD) for point in range(3)]
    assert ("AT-VOTE.usable/trip", True, 0.0) in named(engine, lost)
    definition = engine.plant.definitions.get("gw/AT-VOTE.usable/trip")
    assert definition is not None
    assert definition.sounds


@pytest.mark.parametrize("on_bad", ["trip", "hold"])
def test_trip_acts_when_nobody_speaks(tmp_path: Path, on_bad: str) -> None:
    """With every member silent at once `on_bad = "trip"` sounds as well, and tells the panel."""
    stated = DERIVED.replace("need = 2", f'need = 2, on_bad = "{on_bad}"')
    bound, sounds = plant(tmp_path, stated), on_bad == "trip"
    engine, liveness = Engine(bound), Liveness(bound)
    desk = Desk(bound.definitions, Chain(Identity("gw", "l" * 16, "e" * 16)))
    heard: list[bytes] = []
    siren = Siren(lambda payload: heard.append(payload) is None)
    liveness.begin(START)
    patience = int(bound.points.silence_ns[bound.points.numbers["AT-VOTE.usable"]]) // SECOND
    speaks = range(10)
    back = speaks.stop + 2 * patience
    sounding = []
    for second in range(back + 1):
        if second in speaks or second == back:
            rows = [at(second, point, 1.0) for point in range(3)]
            engine.process(ReadingBatch.from_rows(rows))
        now = START + second * SECOND
        for detection in liveness.tick(now, engine.heard):
            desk.detect(detection)
        siren.update(desk.sounding(), now_ns=now)
        sounding.append([each.alarm for each in desk.sounding()])
    # Of one instant the last member's counts a few nanoseconds later: the next whole second.
    silent = speaks.stop + patience
    tripped = ["gw/AT-VOTE.usable/no_data"] if sounds else []
    assert sounding[:silent] == [[]] * silent
    assert sounding[silent:back] == [tripped] * (back - silent)
    # It returns by itself, as the fault that it is told for does.
    assert sounding[back] == []
    assert [msgspec.json.decode(each)["on"] for each in heard] == [True, False][: 2 * sounds]
    definition = bound.definitions.get("gw/AT-VOTE.usable/no_data")
    assert definition is not None
    assert (definition.priority is Priority.CRITICAL) == sounds
    assert (definition.title_zh == "成员全部失联，按报警处理") == sounds
    assert desk.status("gw/AT-VOTE.usable/no_data").occurrence == 1


def test_a_silence_that_sounds_waits_for_no_other(tmp_path: Path) -> None:
    """Where all fall silent at once, and a tick tells but one, it tells of the vote that trips."""
    bound = plant(tmp_path, DERIVED.replace("need = 2", 'need = 2, on_bad = "trip"'))
    engine, liveness = Engine(bound), Liveness(bound, most=1)
    liveness.begin(START)
    found = liveness.tick(START + 3600 * SECOND, engine.heard)
    assert [bound.definitions.alarm(e.row) for e in found] == ["gw/AT-VOTE.usable/no_data"]
    assert liveness.waiting == len(bound.points) - 1


def test_an_exposure_tells_each_minute(tmp_path: Path) -> None:
    """STEL rises when the mean of the minutes so far does, with its coverage beside it."""
    engine = Engine(plant(tmp_path))
    # A minute of the clock ends forty seconds after each minute of this recording.
    rows = [at(second, 0, 9.0) for second in range(20 * 60 + 40)]
    found = named(engine, rows)
    assert ("AT-STEL/h", True, 9.0) in found
    engine.process(ReadingBatch.from_rows([at(20 * 60 + 40, 0, 9.0)]))
    assert engine.derived is not None
    tags = engine.plant.points.tags
    told = {tags[p]: v for p, v in zip(engine.derived.point, engine.derived.value, strict=True)}
    assert told["AT-STEL.coverage"] == 100.0


@pytest.mark.parametrize("cut", [1, 2, 7, 100])
def test_how_readings_were_cut_changes_nothing(tmp_path: Path, cut: int) -> None:
    """Edges of points and of what is derived from them come in one order in any batch size."""
    rows = walk()
    whole = named(Engine(plant(tmp_path)), rows)
    assert len({name for name, _, _ in whole}) > 4
    assert named(Engine(plant(tmp_path)), rows, cut=cut) == whole


def test_a_delay_on_the_way_moves_no_edge(tmp_path: Path) -> None:
    """Readings that all come as much later, but on time, make the same edges at the same times."""
    # So live and replay agree, also once the usual delay of each device is known.
    bound = plant(tmp_path)

    def run(delay: int) -> list[tuple[int, str, bool]]:
        engine = Engine(bound)
        found = []
        for second in range(2400):
            high = 100 <= second < 200 or 1500 <= second < 2100
            silent = 300 <= second < 400 or 1350 <= second < 1450
            values = (25.0, 14.0, 50.0) if high else (1.0, 1.0, 1.0)
            rows = [
                (point, now, now + delay, value, 0)
                for point, value in enumerate(values)
                for now in [START + second * SECOND + point * SECOND // 10]
                if not (silent and point == 1)
            ]
            found += engine.process(ReadingBatch.from_rows(rows))[0]
        return [(e.time_ns, bound.definitions.alarm(e.row), e.active) for e in found]

    at_once = run(0)
    derived = {f"gw/AT-{name}/h" for name in ("VOTE", "SPREAD", "DIFF", "STEL")}
    assert derived | {"gw/AT-VOTE.usable/degraded"} <= {alarm for _, alarm, _ in at_once}
    assert run(2 * SECOND) == at_once
    assert run(50 * SECOND) == at_once


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """A snapshot keeps what derived points remember; without it they would begin anew."""
    rows = walk()
    whole = named(Engine(plant(tmp_path)), rows)
    before, again, anew = (Engine(plant(tmp_path)) for _ in range(3))
    middle = len(rows) // 2
    first = named(before, rows[:middle])
    again.restore(before.snapshot())
    assert first + named(again, rows[middle:]) == whole
    assert first + named(anew, rows[middle:]) != whole


@pytest.mark.parametrize("short", ["member/AT-1", "derived/AT-VOTE", "exposure/AT-1/AT-STEL"])
def test_a_record_of_another_size_starts_anew_alone(tmp_path: Path, short: str) -> None:
    """It takes nothing from the rest of the snapshot, which is taken up whole."""
    before = Engine(plant(tmp_path))
    named(before, walk())
    starts_anew(before, Engine(plant(tmp_path)), short, anew={short})


def test_a_changed_site_keeps_what_is_still_the_same(tmp_path: Path) -> None:
    """Another derived point in the file takes nothing from the ones that were there."""
    rows = walk()
    before = Engine(plant(tmp_path))
    middle = len(rows) // 2
    named(before, rows[:middle])
    body = before.snapshot()
    more = '[[derived]]\ntag = "X"\narea = "CS1"\nspread = { of = ["AT-2", "AT-3"] }\n'
    more += "limits = { h = 50 }\n"
    again = Engine(plant(tmp_path, more + DERIVED))
    again.restore(body)
    old = {name for name in named(before, rows[middle:]) if not name[0].startswith("X")}
    new = {name for name in named(again, rows[middle:]) if not name[0].startswith("X")}
    assert new == old


def test_devices_that_are_derived_from_are_one_share_of_a_replay(tmp_path: Path) -> None:
    """A replay by several processes never parts what a derived point must see together."""
    bound = plant(tmp_path)
    assert set(shares_of(bound, 4).tolist()) == {0}
    assert set(shares_of(plant(tmp_path, ""), 3).tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (('"AT-1", "AT-2", "AT-3"', '"AT-1", "AT-9", "AT-3"'), "vote", "'AT-9' is no point"),
        (('"AT-1", "AT-2", "AT-3"', '"AT-1", "AT-1", "AT-3"'), "vote", "named twice"),
        (('"AT-1", "AT-2", "AT-3"', '"AT-VOTE", "AT-2", "AT-3"'), "vote", "no point that a device"),
        (("need = 2", "need = 4"), "vote", "need 1 <= needed <= members"),
        (('area = "CS1"\nvote', 'area = "CS7"\nvote'), "area", "'CS7' is no area"),
        (('tag = "AT-SPREAD"', 'tag = "AT-2"'), "tag", "taken by device d2"),
        (('tag = "AT-SPREAD"', 'tag = "AT-VOTE"'), "tag", "given once"),
        (("limits = { h = 10, deadband = 1 }", "limits = { h = 1000 }"), "limits.h", "outside"),
        (("limits = { h = 10, deadband = 1 }", ""), "vote", "this vote has no limits"),
        (("limits = { h = 5, on_delay", "limits = { on_delay"), "spread", "would raise no alarm"),
        (("limits = { h = 20 }", ""), "deviation", "add limits or rules"),
        (("limits = { h = 20 }", "limits = { h = 101 }"), "limits.h", "lies within [-100, 100]"),
        (("spread = {", "vote = { of = ['AT-1', 'AT-2'], need = 1 }\nspread = {"), "", "one way"),
        (("need = 2", "needs = 2"), "vote.needs", "did you mean 'need'?"),
        (('measure = "stel"', 'measure = "stl"'), "exposure.measure", "stel"),
        (('measure = "stel"', 'measure = "twa_sum"'), "exposure", "without a marker"),
        (('from = "AT-1"', 'from = "AT-3"'), "deviation", "compared with itself"),
    ],
)  # fmt: skip
def test_what_cannot_be_derived_is_refused(
    tmp_path: Path, change: tuple[str, str], key: str, words: str
) -> None:
    """Each mistake is told at its key, with what to do."""
    path = tmp_path / "site.toml"
    assert change[0] in DERIVED
    path.write_text(text(DERIVED.replace(*change, 1)), encoding="utf-8")
    found = problems(path)
    assert any("derived[" in each and key in each and words in each for each in found), found
