"""A damaged, full or shared cache of compiled kernels costs a compilation, never a wrong alarm."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numba
import pytest

from detectors import kernel_cache
from detectors.jit import OPTIONS

#: A program with a kernel of its own; it prints what the kernel gives, and how often it was loaded.
PROGRAM = """
from detectors.jit import entry

@entry
def add(a: float, b: float) -> float:
    return a + 2.0 * b

print(add(1.0, 2.0), sum(add.stats.cache_hits.values()), flush=True)
"""


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts the program on a cache of its own."""
    (tmp_path / "adds.py").write_text(PROGRAM)

    def start(**more: object) -> subprocess.Popen[str]:
        environment = {**os.environ, "HAZGATE_KERNEL_CACHE": str(tmp_path / "cache")}
        return subprocess.Popen(
            [sys.executable, str(tmp_path / "adds.py")],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**environment, "PYTHONPATH": str(Path.cwd())},
            **more,  # type: ignore[call-overload]
        )

    return start


def said(process: subprocess.Popen[str]) -> str:
    """What a program said; it must have ended well."""
    out, complained = process.communicate(timeout=120)
    assert process.returncode == 0, complained
    return out.strip()


def files(folder: Path) -> list[Path]:
    """The files of a cache."""
    return sorted(path for path in folder.rglob("*.nb*"))


def test_a_kernel_is_loaded_the_second_time(program: Callable[..., subprocess.Popen[str]]) -> None:
    """The control of all others: an undamaged cache is used."""
    assert [said(program()), said(program())] == ["5.0 0", "5.0 1"]


def damaged(content: bytes, step: int) -> Iterator[bytes]:
    """Yield a file cut short, and with a block of zeros, at every so many bytes."""
    for place in range(0, len(content), step):
        yield content[:place]
        zeroed = content[:place] + bytes(min(64, len(content) - place)) + content[place + 64 :]
        if zeroed != content:
            yield zeroed


def survives(folder: Path, step: int) -> int:
    """Damage each file of a cache in every way, load it each time; return how often."""

    def add(a: float, b: float) -> float:
        return a + 2.0 * b

    def make() -> tuple[float, int]:
        made = numba.njit(**{**OPTIONS, "cache": True})(add)
        return made(1.0, 2.0), sum(made.stats.cache_hits.values())

    assert make() == (5.0, 0)
    assert make() == (5.0, 1)
    tried = 0
    for path in files(folder):
        whole = path.read_bytes()
        for content in damaged(whole, step):
            path.write_bytes(content)
            assert make() == (5.0, 0)
            tried += 1
            path.write_bytes(whole)
    assert make() == (5.0, 1)
    return tried


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this process alone."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def test_a_damaged_file_is_compiled_anew(folder: Path) -> None:
    """An index or machine code that is cut short or has lost a block is not believed."""
    assert survives(folder, 1024) > 20


@pytest.mark.more
def test_no_damage_at_any_block_is_believed(folder: Path) -> None:
    """The same at every 64th byte of every file."""
    assert survives(folder, 64) > 200


def test_without_the_checksum_damage_is_believed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: where every file counts as whole, a damaged one ends the program."""
    monkeypatch.setattr(kernel_cache, "is_whole", lambda _: True)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever the unpickler meets
        survives(folder, 2048)


def test_a_full_disk_keeps_nothing_and_stops_nothing(
    program: Callable[..., subprocess.Popen[str]],
) -> None:
    """Where a file cannot be written whole the kernel runs all the same, again and again."""

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    assert [said(program(preexec_fn=no_room)) for _ in range(2)] == ["5.0 0", "5.0 0"]
    assert said(program()) == "5.0 0"


def test_a_folder_that_cannot_be_made_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stated cache that is a file, or on a disk that is read only, gives way to the next home."""
    (tmp_path / "cache").write_text("no folder")
    monkeypatch.setenv("HAZGATE_KERNEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    found = kernel_cache.cache_folder([])
    assert found is not None
    assert found.parent == tmp_path / "home" / "hazgate"


@pytest.mark.more
def test_a_kill_while_compiling_harms_nothing(
    program: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """A process that is killed as soon as it begins to write leaves a cache that works."""
    for _ in range(3):
        process = program()
        while process.poll() is None and not list((tmp_path / "cache").rglob("*.nb*")):
            os.sched_yield()
        process.kill()
        process.communicate()
        assert said(program()).startswith("5.0 ")
        for path in files(tmp_path / "cache"):
            path.unlink()


@pytest.mark.more
def test_processes_that_compile_at_once_do_not_disturb_each_other(
    program: Callable[..., subprocess.Popen[str]],
) -> None:
    """Four start on an empty cache together; each gives the right answer, and the next loads."""
    assert {said(each).split()[0] for each in [program() for _ in range(4)]} == {"5.0"}
    assert said(program()) == "5.0 1"
