"""The one place where kernels are compiled.

No kernel sets flags of its own. ``fastmath`` stays off: with it ``isnan`` is False and a missing
value would pass as a normal one. Their compiled form is kept (`detectors.kernel_cache`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba

from detectors.kernel_cache import cache_folder, keep_in

#: Packages whose modules hold kernels that call each other, or constants compiled into them.
WITH_KERNELS: Final = ("detectors", "device_profiles", "gateway/southbound")

P = ParamSpec("P")
R = TypeVar("R")

ROOT: Final = Path(__file__).parent.parent
FOLDER = cache_folder(ROOT / package for package in WITH_KERNELS)
if FOLDER is not None:
    keep_in(FOLDER)


#: Options of every kernel. numba counts who holds an array, with an atomic operation each time one
#: is handed from kernel to kernel: most of a byte scanner's time. No kernel makes an array or keeps
#: one, so there is nothing to count; one that makes an array does not compile (`_nrt`).
OPTIONS: Final[dict[str, Any]] = {
    "cache": FOLDER is not None,
    "nogil": True,
    "fastmath": False,
    "error_model": "numpy",
    "_nrt": False,
}
#: What only kernels call needs no entry for Python, which takes as long to compile.
WITHIN: Final[dict[str, Any]] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def entry(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that Python calls: lazily, without the interpreter lock, cached on disk."""
    return cast("Callable[P, R]", numba.njit(**OPTIONS)(function))


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that only kernels call."""
    return cast("Callable[P, R]", numba.njit(**OPTIONS, **WITHIN)(function))


def step(function: Callable[P, R]) -> Callable[P, R]:
    """Compile as `kernel` does, into the body of each kernel that calls it: no call, no copy."""
    return cast("Callable[P, R]", numba.njit(**OPTIONS, **WITHIN, forceinline=True)(function))
