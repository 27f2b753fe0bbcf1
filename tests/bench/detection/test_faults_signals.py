"""What healthy instruments read is plausible, and the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from bench.detection.faults.normal import CHUNK, Readings, leaks, shapes
from bench.detection.faults.parameters import PARAMETERS, Instrument
from bench.detection.faults.signals import PHASE_NS, fill, new_points
from bench.detection.leaks.points import DAY, START_NS

SECOND = 1_000_000_000
NAMED = {each.name: each for each in PARAMETERS.instruments}
Read = tuple[np.ndarray, np.ndarray]


def read(instrument: Instrument, seconds: int, *, cuts: int = 1, plume: float = 0.0) -> Read:
    """Return seconds after the start and values of a point without a leak."""
    points = new_points("test", [(instrument, 3)], plume=plume)
    found: list[Read] = []
    for first in range(0, seconds, seconds // cuts):
        size = seconds // cuts // instrument.every
        ends, times, values = np.empty(1, np.int64), np.empty(size, np.int64), np.empty(size)
        row, added = np.full(1, -1, np.int32), np.zeros((1, size))
        count = fill(points, first, seconds // cuts, row, added, ends, times, values)
        found.append(((times[:count] - START_NS) / SECOND, values[:count]))
    return np.concatenate([each for each, _ in found]), np.concatenate([each for _, each in found])


@pytest.mark.parametrize("name", NAMED)
def test_an_instrument_is_the_same_however_it_is_cut(name: str) -> None:
    """Read in hours or at once, a point says the same to the bit."""
    whole, cut = read(NAMED[name], DAY), read(NAMED[name], DAY, cuts=24)
    assert whole[0].tolist() == cut[0].tolist()
    assert whole[1].tolist() == cut[1].tolist()


@pytest.mark.parametrize("name", NAMED)
def test_single_messages_are_lost_and_never_two_in_a_row(name: str) -> None:
    """One in a hundred does not come; no pause is as long as a silence."""
    instrument = NAMED[name]
    seconds, values = read(instrument, 14 * DAY if instrument.every > 60 else 2 * DAY)
    pause = instrument.signal.silent or instrument.every
    assert np.diff(seconds).max() < 2.0 * pause + instrument.every
    assert (seconds % instrument.every * SECOND).max() < PHASE_NS
    if not instrument.signal.moved:
        lost = 1.0 - seconds.size * instrument.every / (seconds[-1] + instrument.every)
        assert 0.002 < lost < 0.02
    low, high = instrument.signal.shows
    assert low <= values.min() <= values.max() <= high


@pytest.mark.parametrize("name", [name for name, each in NAMED.items() if each.clean])
def test_clean_air_reads_exactly_0(name: str) -> None:
    """For days, but for single readings in many thousands that leave the dead zone."""
    _, values = read(NAMED[name], 3 * DAY)
    # Who reports on change tells each of these, and of the zeros one in ten minutes.
    assert (values == 0.0).mean() > (0.98 if NAMED[name].signal.moved else 0.999)


def test_noise_and_resolution_are_those_of_the_file() -> None:
    """A second apart or ten, a point scatters as stated, in its steps."""
    for name in ("ammonia, loop", "pressure, loop", "oxygen"):
        said = NAMED[name].signal
        seconds, values = read(NAMED[name], DAY)
        near = values[seconds < 3600.0]
        assert np.std(near) == pytest.approx(said.noise, rel=0.35)
        assert np.abs(values / said.step - np.rint(values / said.step)).max() < 1e-6


def test_leaks_reach_their_peak_and_go() -> None:
    """A leak grows by one of the generated shapes and is gone before the next; oxygen has none."""
    assert all(each.max() == 1.0 and each[0] < 0.05 for each in shapes())
    found = [leaks(NAMED["h2s"], 0.0, seed, 14.0) for seed in range(200)]
    assert 1.2 < sum(map(len, found)) / 200 < 1.8
    for own in found:
        for leak in own:
            assert 6.0 <= leak.added.max() <= 13.0
            assert leak.added[-1] < 0.02
        ends = [leak.start + leak.added.size for leak in own]
        assert all(leak.start >= end for leak, end in zip(own[1:], ends, strict=False))
    assert leaks(NAMED["oxygen"], 20.9, 1, 14.0) == []


def test_hours_are_in_the_order_of_seconds_and_hold_every_reading() -> None:
    """Second by second, each point's own readings in their order; a leak is in them."""
    instruments = [NAMED["h2s"], NAMED["combustible"], NAMED["h2s, quarter-hour"]] * 3
    readings, largest = Readings(instruments, 2.0, 0.0), np.zeros(len(instruments))
    seen = [0] * len(instruments)
    for first, begins, point, time, value in readings.hours():
        second = (time - START_NS) // SECOND - first
        assert second.tolist() == sorted(second.tolist())
        assert begins[0] == 0
        assert begins[-1] == point.size
        expected = np.searchsorted(second, np.arange(CHUNK + 1))
        assert begins.tolist() == expected.tolist()
        for number in range(len(instruments)):
            seen[number] += int((point == number).sum())
        np.maximum.at(largest, point, value)
    for number, instrument in enumerate(instruments):
        assert seen[number] == pytest.approx(2 * DAY / instrument.every * 0.99, rel=0.02)
        if readings.leaks[number]:
            assert largest[number] > 0.3 * instrument.point["limits"]["h"]
    assert any(readings.leaks)


def test_clouds_are_louder_than_a_leak_without() -> None:
    """What a leak adds then scatters in proportion, behind the sensor's lag."""
    steady = np.full((1, 3600), 10.0)
    spread = []
    for plume in (0.0, 0.15):
        points = new_points("test", [(NAMED["h2s"], 1)], plume=plume)
        ends, times, values = np.empty(1, np.int64), np.empty(3600, np.int64), np.empty(3600)
        count = fill(points, 0, 3600, np.zeros(1, np.int32), steady, ends, times, values)
        spread.append(float(np.std(values[600:count])))
    assert spread[0] == pytest.approx(0.2, rel=0.5)
    assert spread[1] == pytest.approx(1.5, rel=0.4)
