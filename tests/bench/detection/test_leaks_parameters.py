"""The frozen parameters: nobody changes them unawares, and they are what the contract asks for."""

from __future__ import annotations

import hashlib

from bench.detection.leaks.parameters import FILE, PARAMETERS

#: Of the file with which the trend detector was chosen and its parameters were set.
FROZEN = "9c3f2b8ee39c660b5d16772ae98bb94a567e07b6e619bfbe84ab3ea3756760d8"


def test_the_parameters_are_those_the_detector_was_tuned_with() -> None:
    """Whoever changes the generator changes this hash, tunes anew and says so."""
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == FROZEN


def test_the_parameters_are_as_hard_as_the_contract_says() -> None:
    """Noise, lag, cycle, dropouts, seeds and months are at least what the contract names."""
    assert PARAMETERS.sensor.noise == 0.02
    assert PARAMETERS.sensor.t90 == 30.0
    assert PARAMETERS.background.cycle == 0.10
    assert PARAMETERS.dropouts.share == 0.01
    assert PARAMETERS.leaks.slow == (600.0, 3600.0)
    assert PARAMETERS.events.seeds >= 1000
    assert PARAMETERS.normal.points * PARAMETERS.normal.days >= 30 * 1000
    assert sum(PARAMETERS.styles.values()) == 100
    assert PARAMETERS.styles["zero"] == 50
