"""How well the detectors detect: on generated data whose truth is known."""
