"""Compiled kernels kept on disk, so that a start does not wait for the compiler.

What is loaded is machine code and runs as this process: a file that is cut short, or of which a
disk has lost a block, must not be believed. So each file ends with the checksum of the rest. One
that does not match counts as not there: the kernel is compiled anew and the file written anew.
Where nothing can be written, nothing is kept, and nothing fails.

numba's own cache checks neither: a damaged index ends the program (numba issue 10434), damaged code
may do anything (4807), and a full disk is an error of the function that was called.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numba
from numba.core import caching as numba_caching

#: numba's cache has no types.
caching: Any = numba_caching
#: Of a SHA-256, behind the content of each file.
SUM_BYTES: Final = 32


def cache_folder(packages: Iterable[Path]) -> Path | None:
    """Return a writable folder for this very version of the kernels, or None.

    numba does not notice an edit in another file, so the folder is named by a hash of all of them.

    Parameters
    ----------
    packages
        Folders whose modules hold kernels that call each other, or constants compiled into them.
    """
    digest = hashlib.sha256()
    for package in packages:
        for source in sorted(package.rglob("*.py")):
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


def sealed(content: bytes) -> bytes:
    """Return content with its checksum behind it."""
    return content + hashlib.sha256(content).digest()


def is_whole(path: str) -> bool:
    """Return whether a file is there and is what was written."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return sealed(content[:-SUM_BYTES]) == content


class CheckedFiles(caching.IndexDataCacheFile):  # type: ignore[misc]
    """The files of one kernel: an index of its signatures, and machine code for each."""

    def save(self, key: Any, data: Any) -> None:
        """Keep what was compiled, where there is room for it."""
        try:
            super().save(key, data)
        except OSError:
            return  # it runs as well without

    def _load_index(self) -> dict[Any, Any]:
        found: dict[Any, Any] = super()._load_index() if is_whole(self._index_path) else {}
        return found

    def _load_data(self, name: str) -> Any:
        path = self._data_path(name)
        if not is_whole(path):
            raise OSError(f"{path} is not what was written")  # its caller compiles it anew
        return super()._load_data(name)

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[BytesIO]:
        content = BytesIO()
        yield content
        with super()._open_for_write(filepath) as file:
            file.write(sealed(content.getvalue()))


def keep_in(folder: Path) -> None:
    """Let every kernel that is made from now on be kept there, checked."""
    setattr(numba.config, "CACHE_DIR", str(folder))
    caching.IndexDataCacheFile = CheckedFiles
