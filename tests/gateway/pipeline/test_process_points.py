"""Processes: bound to their points and their model files, run as any derived point, kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from detectors.process import ProcessDetector
from detectors.process_fit import fit
from detectors.process_model import ProcessModel, encode
from device_profiles.quality import Quality
from gateway.alarms.definitions import Level
from gateway.model import Detection
from gateway.pipeline.engine import Engine
from gateway.pipeline.plant import Plant
from gateway.readings import ReadingBatch, Row
from gateway.roles.edge.site import inspect_site, load_site, start_site
from gateway.roles.replay import shares_of
from tests.gateway.pipeline.derived import starts_anew
from tests.gateway.pipeline.test_bad_site import problems
from tests.gateway.roles.process import (
    BEGIN,
    MEMBERS,
    PERIOD,
    PROCESS,
    SECOND,
    drifted,
    text,
    values,
    write_site,
)

Floats = npt.NDArray[np.float64]
PARTS = ("frames", "seats", "memory", "window", "squares")
ANOMALY = "gw/R1-UX-101/anomaly"


@cache
def model(seed: int = 1, period: int = PERIOD) -> ProcessModel:
    """A model of the reactor."""
    return fit(period * np.arange(900), values(900, seed), MEMBERS, period)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return trained(tmp_path)


def trained(folder: Path, own: ProcessModel | None = None, process: str = PROCESS) -> Plant:
    """The bound site with its model file."""
    (folder / "r1.model.json").write_bytes(encode(own or model()))
    return load_site(write_site(folder, process)).plant


def rows(plant: Plant, frames: Floats, *, begin: int = 0) -> list[Row]:
    """Readings of the members, each device in its own rhythm within a minute, and of one more."""
    found = []
    others = plant.points.numbers["R1-LT-401"]
    for number, frame in enumerate(frames.tolist()):
        start = (BEGIN + 60 * (begin + number)) * SECOND
        for place, (tag, value) in enumerate(zip(MEMBERS, frame, strict=True)):
            time = start - (4 - place) * 5 * SECOND
            quality = int(Quality.DEVICE_FAULT) if np.isnan(value) else 0
            found.append((plant.points.numbers[tag], time, time, value, quality))
        found.append((others, start, start, 50.0, 0))
    return found


def run(engine: Engine, readings: list[Row], *, cut: int = 0) -> list[Detection]:
    """Every detection of these readings."""
    step = cut or max(1, len(readings))
    found = []
    for begin in range(0, len(readings), step):
        edges, _ = engine.process(ReadingBatch.from_rows(readings[begin : begin + step]))
        found += edges
    return found


def moves(engine: Engine, found: list[Detection]) -> list[tuple[str, bool, int]]:
    """Alarm, whether it rose, and the minute."""
    alarm = engine.plant.definitions.alarm
    return [
        (alarm(each.row), each.active, (each.time_ns // SECOND - BEGIN) // 60) for each in found
    ]


def test_its_alarm_is_one_that_never_sounds(plant: Plant) -> None:
    """A level of its own, limit 1, no siren, the stated priority; no data where it is blind."""
    definition = plant.definitions.get(ANOMALY)
    assert definition is not None
    assert (definition.level, definition.limit, definition.unit) == (Level.ANOMALY, 1.0, "1")
    assert not definition.sounds
    assert definition.priority.value == "high"
    point = plant.points[plant.points.numbers["R1-UX-101"]]
    assert point.silence_ns == (model().frames + model().consecutive + 1) * PERIOD
    assert point.interval_ns == PERIOD


def test_a_fault_that_no_limit_sees_is_raised_and_named(plant: Plant) -> None:
    """Normal running raises nothing; a drift within every limit does, and its point is named."""
    engine = Engine(plant)
    assert run(engine, rows(plant, values(400, 3))) == []
    engine = Engine(plant)
    found = run(engine, rows(plant, drifted(400, 3, 300)))
    assert [(alarm, rose) for alarm, rose, _ in moves(engine, found)] == [(ANOMALY, True)]
    assert 300 < moves(engine, found)[0][2] < 330
    first = found[0].contributions[0]
    assert first.tag == "R1-TT-101"
    assert first.share > 0.5
    assert first.offset is not None
    assert first.offset > 0.5


def test_it_clears_after_as_many_frames_within(plant: Plant) -> None:
    """Back in normal running it returns by itself, and what has ended owes nobody anything."""
    frames = values(200, 3)
    frames[60:80, 0] += 6.0
    engine = Engine(plant)
    found = run(engine, rows(plant, frames))
    assert [rose for _, rose, _ in moves(engine, found)] == [True, False]
    assert found[1].contributions == ()
    ended = moves(engine, found)[1][2]
    # The statistic looks at five frames; then six within.
    assert 80 + 4 + 5 <= ended <= 80 + 4 + 7


@pytest.mark.parametrize("cut", [1, 3, 7, 50])
def test_how_readings_were_cut_changes_nothing(plant: Plant, cut: int) -> None:
    """Detections, contributions and all, are the same in any batch size."""
    frames = drifted(120, 3, 60)
    frames[30:33, 2] = np.nan
    frames[90:, 1] += 20.0
    readings = rows(plant, frames)
    whole = run(Engine(plant), readings)
    assert any(each.contributions for each in whole)
    # A fault has no value: NaN is told as text.
    assert str(run(Engine(plant), readings, cut=cut)) == str(whole)


@pytest.mark.parametrize("middle", [1, 301, 304, 326])
def test_a_restart_goes_on_where_it_was(plant: Plant, middle: int) -> None:
    """A snapshot keeps frames half read, the window and the run; without it nothing is known."""
    readings = rows(plant, drifted(120, 3, 60))
    whole = run(Engine(plant), readings)
    before, again, anew = (Engine(plant) for _ in range(3))
    first = run(before, readings[:middle])
    again.restore(before.snapshot())
    assert first + run(again, readings[middle:]) == whole
    assert again.snapshot() != before.snapshot()
    if middle == 326:
        assert first + run(anew, readings[middle:]) != whole


def test_another_model_starts_anew(tmp_path: Path) -> None:
    """What one model's frames left is not gone on with by another, of the same points or not."""
    plant = trained(tmp_path)
    readings = rows(plant, values(60, 3))
    before = Engine(plant)
    run(before, readings)
    other = Engine(trained(tmp_path, model(2)))
    other.restore(before.snapshot())
    fresh = Engine(trained(tmp_path, model(2)))

    def kept(engine: Engine) -> list[bytes]:
        assert engine._deriving is not None
        return [each.body for each in engine._deriving.snapshot() if "process" in each.name]

    assert kept(other) == kept(fresh)
    again = Engine(plant)
    again.restore(before.snapshot())
    assert kept(again) == kept(before) != kept(Engine(plant))


@pytest.mark.parametrize("part", PARTS)
def test_a_record_of_another_size_starts_its_process_anew(plant: Plant, part: str) -> None:
    """Its window without its frames would be nonsense; the rest of the snapshot is taken up."""
    before = Engine(plant)
    run(before, rows(plant, values(60, 3)))
    whole = {f"process/R1-UX-101/{each}" for each in PARTS}
    starts_anew(before, Engine(plant), f"process/R1-UX-101/{part}", anew=whole)


def test_a_frame_without_a_verdict_raises_nothing_of_its_own(plant: Plant) -> None:
    """A member that fails makes the process unknown, not faulty; its own alarm speaks."""
    frames = values(120, 3)
    frames[50:90, 1] = np.nan
    engine = Engine(plant)
    found = run(engine, rows(plant, frames))
    assert {alarm for alarm, _, _ in moves(engine, found)} == {"gw/R1-TT-102/fault"}
    heard = engine.heard[plant.points.numbers["R1-UX-101"]]
    assert heard > (BEGIN + 60 * 110) * SECOND
    # While it lasted there was no usable reading of the derived point: silence, told by the clock.
    engine = Engine(plant)
    run(engine, rows(plant, frames[:90]))
    heard = engine.heard[plant.points.numbers["R1-UX-101"]]
    assert heard <= (BEGIN + 60 * 53) * SECOND


def test_a_detector_that_fails_is_a_fault_of_its_own_point(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arithmetic that fails makes that point BAD, with its `fault`; every other rule goes on."""

    def take(*_: object) -> object:
        raise FloatingPointError

    frames = values(60, 3)
    frames[40:, 2] = 150.0
    healthy = moves(Engine(plant), run(Engine(plant), rows(plant, frames)))
    monkeypatch.setattr(ProcessDetector, "take", take)
    found = moves(Engine(plant), run(Engine(plant), rows(plant, frames)))
    assert found[0] == ("gw/R1-UX-101/fault", True, 0)
    assert found[1:] == [each for each in healthy if "UX" not in each[0]]
    assert ("gw/R1-PT-201/h", True, 39) in found


def test_points_that_are_no_members_cost_nothing(plant: Plant) -> None:
    """Readings of another point derive nothing and move no state."""
    engine = Engine(plant)
    before = engine._deriving.snapshot() if engine._deriving else []
    point = plant.points.numbers["R1-LT-401"]
    run(engine, [(point, (BEGIN + n) * SECOND, (BEGIN + n) * SECOND, 50.0, 0) for n in range(600)])
    assert engine.derived is not None
    assert len(engine.derived) == 0
    assert engine._deriving is not None
    assert engine._deriving.snapshot() == before


def test_members_of_a_process_are_one_share_of_a_replay(plant: Plant, tmp_path: Path) -> None:
    """A replay by several processes never parts what a frame must see together."""
    assert set(shares_of(plant, 2).tolist()) == {0}
    (tmp_path / "alone").mkdir()
    alone = load_site(write_site(tmp_path / "alone", "")).plant
    assert set(shares_of(alone, 2).tolist()) == {0, 1}


def test_the_hash_of_a_site_covers_the_model(tmp_path: Path) -> None:
    """The configuration that was applied is another one where the model is."""
    (tmp_path / "r1.model.json").write_bytes(encode(model()))
    path = write_site(tmp_path)
    before = load_site(path).hash
    assert load_site(path).hash == before
    (tmp_path / "r1.model.json").write_bytes(encode(model(2)))
    assert load_site(path).hash != before


def damaged(folder: Path) -> None:
    content = (folder / "r1.model.json").read_text().replace('"order": ', '"order": 1')
    (folder / "r1.model.json").write_text(content)


def newer(folder: Path) -> None:
    content = json.loads((folder / "r1.model.json").read_text())
    content["version"] = 99
    (folder / "r1.model.json").write_text(json.dumps(content))


def none(folder: Path) -> None:
    (folder / "r1.model.json").unlink()


def a_folder(folder: Path) -> None:
    (folder / "r1.model.json").unlink()
    (folder / "r1.model.json").mkdir()


@pytest.mark.parametrize(
    ("spoil", "change", "words"),
    [
        (none, ("", ""), "hazgate train --config {path} --tag R1-UX-101 --input FILE"),
        (damaged, ("", ""), "damaged, its digest differs"),
        (newer, ("", ""), "version 99, this program reads 1 to 1"),
        (a_folder, ("", ""), "cannot be read: Is a directory"),
        (None, ('period = "60s"', 'period = "2min"'), "each 1min, the site file says 2min"),
        (None, ('"R1-FT-301"]', '"R1-LT-401"]'), "1 of the model are not there: R1-FT-301"),
        (None, ('"R1-TT-101", "R1-TT-102"', '"R1-TT-102", "R1-TT-101"'), "in another order"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit_is_told_at_its_key(
    tmp_path: Path, spoil: Callable[[Path], None] | None, change: tuple[str, str], words: str
) -> None:
    """Missing, damaged, newer, of other points or another period: at `process.model`."""
    trained(tmp_path)
    if spoil is not None:
        spoil(tmp_path)
    assert change[0] in PROCESS
    path = write_site(tmp_path, PROCESS.replace(*change))
    (told,) = problems(path)
    assert "derived[0].process.model: " in told
    assert words.format(path=path) in told


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (('"R1-TT-102", ', '"R1-TT-101", '), "process.points", "R1-TT-101 given twice"),
        (('"R1-TT-102", ', '"R1-TT-999", '), "process", "'R1-TT-999' is no point that a device"),
        (('"R1-TT-102", ', '"R1-UX-101", '), "process", "'R1-UX-101' is no point that a device"),
        (('period = "60s"', 'period = "30s"'), "process.period", "write 1min or more"),
        (('period = "60s"', 'period = "0s"'), "process.period", "greater than 0"),
        (('"R1-TT-102", "R1-PT-201", "R1-FT-301"', ""), "process.points", "at least 2"),
        (('area = "R1"', 'area = "R9"'), "area", "'R9' is no area"),
        (('period = "60s", ', ""), "process.period", "missing"),
        (('model = "r1.model.json"', 'model = ""'), "process.model", ""),
    ],
)  # fmt: skip
def test_what_is_no_process_is_refused(
    tmp_path: Path, change: tuple[str, str], key: str, words: str
) -> None:
    """Each mistake is told at its key, with what to do; the model is not asked before that."""
    trained(tmp_path)
    assert change[0] in PROCESS
    path = tmp_path / "site.toml"
    path.write_text(text(PROCESS).replace(*change), encoding="utf-8")
    if change[0].startswith("area"):
        path.write_text(text(PROCESS.replace(*change)), encoding="utf-8")
    found = problems(path)
    assert any(f"derived[0].{key}" in each and words in each for each in found), found


def test_a_sound_site_has_no_problem(tmp_path: Path) -> None:
    """Negative control: with the file in its place `check` finds nothing."""
    trained(tmp_path)
    assert len(inspect_site(tmp_path / "site.toml", now_ns=0).plant.models) == 1


@pytest.mark.parametrize("content", [None, b"{}", encode(model(period=2 * PERIOD))])
def test_an_edge_starts_without_a_model_and_says_that_it_is_blind(
    tmp_path: Path, content: bytes | None
) -> None:
    """A model that cannot be used stops no gas alarm: its own point alone has a fault."""
    trained(tmp_path)
    path, file = tmp_path / "site.toml", tmp_path / "r1.model.json"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    [found] = problems(path)
    assert "derived[0].process.model: " in found
    site, [told] = start_site(path)
    assert told.startswith(f"{path}: R1-UX-101: ")
    engine = Engine(site.plant)
    half = rows(site.plant, values(20, 3))
    fault = ("gw/R1-UX-101/fault", True, 0)
    assert moves(engine, run(engine, half)) == [fault]
    again = Engine(site.plant)
    again.restore(engine.snapshot())
    more = rows(site.plant, values(20, 3), begin=20)
    assert run(again, more) == run(engine, more) == []
    trained(tmp_path)
    sound, none = start_site(path)
    assert (none, sound.hash) == ([], load_site(path).hash)
    assert sound.hash != site.hash
