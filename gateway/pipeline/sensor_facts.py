"""What a profile states of a sensor stands where the site file does not state it.

The site says what is watched and for how long; heights are the sensor's own, and its profile knows
them.
"""

from __future__ import annotations

from typing import Final

from device_profiles.schema import Channel
from gateway.pipeline.bound import Problem
from gateway.pipeline.settings import HealthSettings

#: The table of a site file, its key, the profile's fact, and how many of that the key is: noise is
#: a standard deviation, and healthy noise turns back by three of them at one reading in 180.
FACTS: Final = (
    ("spikes", "height", "spike", 1.0),
    ("noise", "height", "noise", 3.0),
    ("zero", "tolerance", "zero_drift", 1.0),
    ("saturated", "at", "saturates", 1.0),
)


def completed(
    settings: HealthSettings | None, facts: Channel | None, *, device: str
) -> tuple[HealthSettings | None, list[Problem]]:
    """Return what is watched with every number, and what nobody states.

    Parameters
    ----------
    facts
        The profile's channel in the point's unit; None where it states nothing of that.
    device
        The profile's name.
    """
    if settings is None:
        return None, []
    problems: list[Problem] = []
    update = {}
    for name, key, fact, times in FACTS:
        table = getattr(settings, name)
        if table is None or getattr(table, key) is not None:
            continue
        stated = None if facts is None else getattr(facts, fact)
        if stated is None:
            text = f"is missing; {device} states no {fact} for this channel: write it"
            problems.append((("health", name, key), text))
        else:
            update[name] = table.model_copy(update={key: times * stated})
    return settings.model_copy(update=update), problems
