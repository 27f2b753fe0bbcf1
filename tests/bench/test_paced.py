"""The paced workload: what is due, when, and how many alarms it moves."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

from bench.frames import PUBACK_BYTES, scan
from bench.paced import due, expected
from bench.probe import source_times
from bench.workload import STATIONS, UNITS, is_raised, shape_of

BEGIN_US = 1_767_225_600_000_000


def payload(frame: bytes) -> dict[str, float]:
    """Return what a packet says."""
    said: dict[str, float] = json.loads(frame[frame.index(b'{"ts"') :])
    return said


@pytest.mark.parametrize("qos", [0, 1])
def test_the_source_time_is_the_instant_at_which_a_message_is_due(qos: int) -> None:
    """To the microsecond, however late it is sent; devices speak in turn; identifiers are ours."""
    frames = list(due(STATIONS, rate=3_000.0, count=2_500, qos=qos, begin_us=BEGIN_US))
    for number, (at, frame) in enumerate(frames):
        assert at == number / 3_000.0
        assert payload(frame)["ts"] == BEGIN_US + int(1e6 * at)
        assert f"bench/d{number % 1_000:04}".encode() in frame
    stream = b"".join(frame for _, frame in frames)
    answers = np.zeros(PUBACK_BYTES * 3_000, np.uint8)
    buffer = np.frombuffer(stream, np.uint8).copy()
    assert scan(buffer, len(stream), answers) == (len(stream), 2_500, 2_500 * qos)
    # The bare subscriber reads the same times out of the same bytes.
    times = np.zeros(3_000, np.int64)
    assert source_times(buffer, len(stream), times) == 2_500
    assert times[:2_500].tolist() == [payload(frame)["ts"] for _, frame in frames]


def test_a_cut_packet_has_no_source_time() -> None:
    """What has not come whole is not read."""
    ((_, frame),) = due(UNITS, rate=1.0, count=1, qos=1, begin_us=BEGIN_US)
    times = np.zeros(4, np.int64)
    for end in range(len(frame)):
        assert source_times(np.frombuffer(frame, np.uint8).copy(), end, times) == 0


@pytest.mark.parametrize("devices", [7, 100, 1_000, 3_333, 8_800])
def test_the_transitions_are_those_of_the_values(devices: int) -> None:
    """However many devices there are: a raise where a value first lies above H, a clear after."""
    shape = shape_of(f"stations:{devices}")
    count = 40_000
    high = shape.channels[0].limits[2]
    state: dict[int, bool] = {}
    moves = 0
    frames = due(shape, rate=1e6, count=count, qos=0, begin_us=BEGIN_US)
    for number, (_, frame) in enumerate(islice(frames, count)):
        if is_raised(number) or state.get(number % devices, False):
            now = payload(frame)["nh3"] >= high
            moves += now != state.get(number % devices, False)
            state[number % devices] = now
    assert moves == expected(shape, count) > 0


@pytest.mark.parametrize("text", ["station", "stations:", "stations:many", ":5"])
def test_a_shape_that_is_none_is_refused(text: str) -> None:
    """The message names those that are there."""
    if text == "stations:":
        assert shape_of(text) == STATIONS
        return
    with pytest.raises(ValueError, match="stations, units"):
        shape_of(text)
