"""The detectors of a sensor's own troubles in plain Python, for `detectors.reference`.

Each takes one value and returns whether it begins and whether it ends. They share nothing with the
kernels but the parameters; what a row keeps stands in `memory`, in the order of the kernel's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detectors.drift import DriftParams
from detectors.fall import FallParams
from detectors.noise import NoiseParams
from detectors.run import RunParams
from detectors.spike import SpikeParams

if TYPE_CHECKING:
    from detectors.reference import Row


def spike(row: Row, rule: SpikeParams, time: int, value: float) -> tuple[bool, bool]:
    """Count the spikes of a value in a bucket that leaks."""
    row.step(time)
    memory = row.memory
    if not memory:
        row.start, row.memory = time, {"base": value, "outside": -1.0, "bucket": 0.0}
        return False, False
    within, quiet = rule.within_s * 1e9, float(time - row.start)
    if memory["bucket"] > 0.0 and quiet >= within:
        memory["bucket"] = 0.0
    away = abs(value - memory["base"])
    if memory["outside"] == -1.0:
        if away >= rule.height:
            memory["outside"] = 0.0
        else:
            memory["base"] = value
    else:
        outside = memory["outside"] + row.elapsed
        late, back = outside > rule.longest_s * 1e9, away <= 0.5 * rule.height
        if late or back:
            memory["base"], memory["outside"] = value, -1.0
        else:
            memory["outside"] = outside
        if back and not late:
            left = memory["bucket"] - quiet / within if memory["bucket"] > 0.0 else 0.0
            memory["bucket"] = min(left + 1.0, float(rule.count))
            row.start = time
    return memory["bucket"] > rule.count - 1.0, memory["bucket"] == 0.0


def noise(row: Row, rule: NoiseParams, time: int, value: float) -> tuple[bool, bool]:
    """Judge the share of readings that turn back by too much."""
    memory = row.memory
    if not memory:
        row.start, row.memory = time, {"previous": value, "moved": 0.0, "share": 0.0}
        return False, False
    change = value - memory["previous"]
    moved = 1.0 if change >= rule.height else -1.0 if change <= -rule.height else 0.0
    turned = {moved, memory["moved"]} == {1.0, -1.0}
    share = memory["share"] + (float(turned) - memory["share"]) * (1.0 / rule.readings)
    row.memory = {
        "previous": value,
        "moved": moved if change != 0.0 else memory["moved"],
        "share": share,
    }
    return share >= 0.25, share < 0.125


def fall(row: Row, rule: FallParams, time: int, value: float) -> tuple[bool, bool]:
    """Judge how far a value is below its usual one."""
    row.step(time)
    memory = row.memory
    fresh = {"usual": value, "away": -1.0}
    if not memory:
        row.start, row.memory = time, fresh
        return False, False
    fallen, watched = memory["usual"] - value, float(time - row.start)
    if watched < rule.tau_s * 1e9:
        memory["usual"] -= fallen * (row.elapsed / watched)
        return False, False
    if abs(fallen) < 0.5 * rule.amount:
        dt = row.elapsed * 1e-9
        memory["usual"] -= fallen * (dt / (rule.tau_s + dt))
        memory["away"] = -1.0
    elif memory["away"] == -1.0:
        memory["away"] = 0.0
    else:
        memory["away"] += row.elapsed
        if memory["away"] >= rule.hold_s * 1e9:
            row.start, row.memory = time, fresh
            return False, False
    return fallen >= rule.amount, fallen < rule.amount - rule.deadband


def run(row: Row, rule: RunParams, time: int, value: float) -> tuple[bool, bool]:
    """Judge how many values in a row are beyond, or within."""
    row.step(time)
    memory = row.memory
    if not memory or row.elapsed > rule.gap_s * 1e9:
        row.start = time
        memory.update(over=0, calm=0)
    beyond = value > rule.limit
    # No longer than what is asked for: a run of years is no other state than one of minutes.
    memory["over"] = min(memory["over"] + 1, rule.count) if beyond else 0
    memory["calm"] = 0 if beyond else min(memory["calm"] + 1, rule.count)
    return memory["over"] >= rule.count, memory["calm"] >= rule.count


def drift(row: Row, rule: DriftParams, time: int, value: float) -> tuple[bool, bool]:
    """Judge how far below zero the mean of a value is."""
    dt, memory = row.since_last(time, rule.gap_s), row.memory
    if dt is None:
        row.memory = {"mean": value}
        return False, False
    memory["mean"] += (value - memory["mean"]) * (dt / (rule.tau_s + dt))
    if float(time - row.start) < 2.0 * rule.tau_s * 1e9:
        return False, False
    return memory["mean"] < -rule.tolerance, memory["mean"] > -0.5 * rule.tolerance
