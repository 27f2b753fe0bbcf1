"""How the kernels of this package are compiled: as all others, and without counting references.

numba counts who holds an array, with an atomic operation each time one is handed from kernel to
kernel. A byte scanner does that for every value: counting took three quarters of its time. These
kernels make no array and keep none, so there is nothing to count; one that makes an array does not
compile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba

from detectors.jit import FOLDER

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS: Final[dict[str, Any]] = {
    "cache": FOLDER is not None,
    "nogil": True,
    "fastmath": False,
    "error_model": "numpy",
    "_nrt": False,
}
#: What only other kernels call needs no entry for Python, which takes as long to compile.
_WITHIN: Final[dict[str, Any]] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def entry(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that Python calls: lazily, IEEE arithmetic, cached on disk."""
    return cast("Callable[P, R]", numba.njit(**_OPTIONS)(function))


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel that only kernels call."""
    return cast("Callable[P, R]", numba.njit(**_OPTIONS, **_WITHIN)(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel into each of its callers: a call with many arrays costs tens of ns."""
    return cast("Callable[P, R]", numba.njit(**_OPTIONS, **_WITHIN, forceinline=True)(function))
