"""The demo's plant and what happens in it: scripted, and scaled to the length of the run."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.pipeline.points import Point
from gateway.simulation.plant import Fault, FaultKind, Ramp, Scenario, Signal

#: Normal life of the demo's points, by tag (units as in ``site.toml``).
DEMO = {
    "AR1-AT-101": Signal(base=6.0, cycle=1.0, noise=0.8, low=0, high=1000, resolution=0.1),
    "AR1-AT-102": Signal(base=5.0, cycle=1.0, noise=0.8, low=0, high=1000, resolution=0.1),
    "AR1-PT-103": Signal(base=280.0, cycle=15.0, noise=3.0, resolution=0.1),
    "CS2-AT-201": Signal(base=20.8, noise=0.03, low=0, high=25, resolution=0.01),
    "CS2-AT-202": Signal(base=1.0, noise=0.3, low=0, high=100, resolution=0.1),
    "CS2-AT-203": Signal(base=0.6, noise=0.2, low=0, high=100, resolution=0.1),
    "CS2-AT-204": Signal(base=2.0, noise=0.5, low=0, high=500, resolution=0.1),
    "DU3-TT-301": Signal(base=38.0, cycle=3.0, noise=0.3, resolution=0.1),
    "DU3-PDT-302": Signal(base=0.0, noise=1.5, resolution=0.1),
    "SP4-AT-401": Signal(base=6.0, noise=0.8, low=0, high=100, resolution=0.1),
    "ME5-AT-501": Signal(base=5.0, cycle=1.0, noise=0.8, low=0, high=2000, resolution=0.1),
    "HC6-LT-601": Signal(base=62.0, noise=0.1, low=0, high=110, resolution=0.01),
    "HC6-TT-602": Signal(base=24.0, cycle=6.0, noise=0.1, resolution=0.1),
    "HC6-AT-603": Signal(base=1.0, noise=0.3, low=0, high=100, resolution=0.1),
}
#: Oxygen in air, %vol.
AIR_O2 = 20.9
#: The point of the leak, whose trend alarm comes before its level alarm.
LEAK = "AR1-AT-101"


def demo_scenario(length_s: float) -> Scenario:
    """Return the incident for a run of `length_s` seconds: the leak, and what else goes wrong."""
    unit = min(length_s, 600.0)
    hold = unit / 10

    def ramp(tag: str, start: float, rise: float, height: float) -> Ramp:
        return Ramp(
            tag=tag, start_s=start * unit, rise_s=rise * unit, hold_s=hold,
            decay_s=unit / 20, height=height,
        )  # fmt: skip

    def fault(tag: str, kind: FaultKind, start: float, end: float) -> Fault:
        return Fault(tag=tag, kind=kind, start_s=start * unit, end_s=end * unit)

    return Scenario(
        name="leak",
        ramps=(
            ramp(LEAK, 0.30, 0.45, 190.0),
            ramp("AR1-AT-102", 0.45, 0.40, 90.0),
            ramp("CS2-AT-201", 0.40, 0.10, -3.0),
            ramp("CS2-AT-203", 0.42, 0.08, 16.0),
            ramp("DU3-TT-301", 0.35, 0.40, 45.0),
            ramp("ME5-AT-501", 0.50, 0.05, 60.0),
            ramp("HC6-LT-601", 0.25, 0.35, 30.0),
            ramp("SP4-AT-401", 0.55, 0.15, 30.0),
        ),
        faults=(
            fault("HC6-AT-603", FaultKind.BROKEN, 0.50, 0.70),
            fault("CS2-AT-204", FaultKind.BROKEN, 0.20, 0.24),
            fault("DU3-PDT-302", FaultKind.STUCK, 0.60, 0.90),
            fault("ME5-AT-501", FaultKind.SILENT, 0.75, 0.90),
        ),
    )


def quiet(points: Sequence[Point]) -> dict[str, Signal]:
    """Return a plausible normal life for any site's points, low in their ranges (`simulate`)."""
    signals = {}
    for point in points:
        low = point.low if point.low is not None else 0.0
        high = point.high if point.high is not None else 100.0
        span = high - low
        base = AIR_O2 if point.channel == "o2" and high > AIR_O2 else low + 0.05 * span
        noise = 0.02 if point.channel == "o2" else 0.002 * span
        signals[point.tag] = Signal(
            base=base, noise=noise, low=low, high=high, resolution=span / 1e5 or 0.01
        )
    return signals
