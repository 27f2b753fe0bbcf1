"""Points are a sequence, made on demand from what is kept of them."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.pipeline.points import Point, PointKind, Points

GAS = PointKind(
    channel="nh3", area="A1", hazard="ammonia_refrigeration", unit="ppm",
    low=0.0, high=500.0, interval_ns=1_000, silence_ns=3_000,
)  # fmt: skip
LEVEL = PointKind(
    channel="level", area="A2", hazard="hazardous_chemicals", unit="%",
    low=None, high=None, interval_ns=2_000, silence_ns=90_000,
)  # fmt: skip
POINTS = Points(
    {"A": 0, "B": 1, "C": 2},
    ["Gas", "", "Tank"],
    kinds=[LEVEL, GAS],
    kind=np.array([1, 1, 0], np.int32),
    device_ids=["d1", "d2"],
    device=np.array([0, 1, 1], np.int32),
)


def test_a_point_is_made_of_its_kind_and_its_own() -> None:
    """Every field of a point stands where its kind, its device or its own columns say."""
    assert POINTS[2] == Point(
        index=2, tag="C", name="Tank", device=1, device_id="d2", channel="level", area="A2",
        hazard="hazardous_chemicals", unit="%", low=None, high=None,
        interval_ns=2_000, silence_ns=90_000,
    )  # fmt: skip
    assert POINTS[0] == Point(
        index=0, tag="A", name="Gas", device=0, device_id="d1", channel="nh3", area="A1",
        hazard="ammonia_refrigeration", unit="ppm", low=0.0, high=500.0,
        interval_ns=1_000, silence_ns=3_000,
    )  # fmt: skip


def test_points_are_a_sequence() -> None:
    """Length, iteration, slices and places from the end are those of a tuple of them."""
    points = tuple(POINTS[index] for index in range(3))
    assert (len(POINTS), tuple(POINTS), POINTS[-1], POINTS[1:]) == (
        3,
        points,
        points[2],
        points[1:],
    )
    assert [point.index for point in POINTS[::-1]] == [2, 1, 0]
    with pytest.raises(IndexError):
        POINTS[3]


def test_columns_agree_with_the_points() -> None:
    """What is read for all points at once is what each of them says."""
    assert POINTS.interval_ns.tolist() == [point.interval_ns for point in POINTS]
    assert POINTS.silence_ns.tolist() == [point.silence_ns for point in POINTS]
    assert POINTS.device.tolist() == [point.device for point in POINTS]
    assert POINTS.tags == tuple(point.tag for point in POINTS)
    assert POINTS.numbers == {point.tag: point.index for point in POINTS}
