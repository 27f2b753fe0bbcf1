"""Detectors: numba kernels that turn readings into edges. They know points, times and numbers only.

Nothing here knows a clock, a file, a quality code or an alarm: a reading comes with its time and
what it may do (`admission`), each detector answers "begins" or "ends", `_debounce` settles delays,
`bank` runs them all in the order the readings came. `reference` is the same in plain Python.
"""
