"""The one place where kernels are compiled, and where their compiled form is kept.

No kernel sets flags of its own. ``fastmath`` stays off: with it ``isnan`` is False and a missing
value would pass as a normal one. numba's cache does not notice an edit in another file, so its
folder is named by a hash of every file of the packages that have kernels; where no folder can be
written, nothing is cached.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar, cast

import numba

#: Packages whose modules hold kernels that call each other, or constants compiled into them.
WITH_KERNELS: Final = ("detectors", "device_profiles", "gateway/southbound")

P = ParamSpec("P")
R = TypeVar("R")


def cache_folder() -> Path | None:
    """Return a writable folder for this very version of the kernels, or None."""
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for package in WITH_KERNELS:
        for source in sorted((root / package).rglob("*.py")):
            digest.update(source.read_bytes())
    stated = os.environ.get("HAZGATE_KERNEL_CACHE") or os.environ.get("NUMBA_CACHE_DIR")
    homes = [Path(stated)] if stated else []
    homes += [
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hazgate",
        Path(tempfile.gettempdir()) / f"hazgate-{os.getuid()}",
    ]
    for home in homes:
        folder = home / f"kernels-{digest.hexdigest()[:16]}"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A cache holds machine code: one that somebody else may write is not loaded.
            if folder.stat().st_uid != os.getuid():
                continue
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


FOLDER = cache_folder()
if FOLDER is not None:
    setattr(numba.config, "CACHE_DIR", str(FOLDER))


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
