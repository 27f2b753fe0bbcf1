"""Who a node is: one key, in one file, that nobody else may read."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.identity import load_key, public_hex, random_bits, write_secret


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_made_once(tmp_path: Path) -> None:
    """The first start makes the key; every later one finds the same."""
    first, second = load_key(tmp_path), load_key(tmp_path)
    assert public_hex(first) == public_hex(second)
    assert [path.name for path in tmp_path.iterdir()] == ["node.key"]
    second.public_key().verify(first.sign(b"text"), b"text")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_key_that_is_damaged_is_set_aside(tmp_path: Path, content: bytes) -> None:
    """A node with no usable key starts with a new one, and keeps the old file for who looks."""
    (tmp_path / "node.key").write_bytes(content)
    made = load_key(tmp_path)
    assert public_hex(load_key(tmp_path)) == public_hex(made)
    (aside,) = tmp_path.glob("node.key.damaged-*")
    assert aside.read_bytes() == content
    assert mode(tmp_path / "node.key") == 0o600


def test_nodes_have_keys_of_their_own(tmp_path: Path) -> None:
    """Two stores have two keys."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    assert public_hex(load_key(tmp_path / "a")) != public_hex(load_key(tmp_path / "b"))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_may_read_it(tmp_path: Path, umask: int) -> None:
    """The key's file is 0600 whatever the process was started with."""
    before = os.umask(umask)
    try:
        load_key(tmp_path)
    finally:
        os.umask(before)
    assert mode(tmp_path / "node.key") == 0o600


def test_it_is_never_open_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has its mode before it has its content, and its name after both are on disk."""
    path = tmp_path / "token"
    seen: list[tuple[int, bytes, bool]] = []
    sync = os.fsync

    def look(handle: int) -> None:
        status = os.fstat(handle)
        seen.extend(
            (mode(scratch), scratch.read_bytes(), path.exists())
            for scratch in tmp_path.iterdir()
            if scratch.stat().st_ino == status.st_ino
        )
        sync(handle)

    monkeypatch.setattr(os, "fsync", look)
    write_secret(path, b"secret")
    assert seen == [(0o600, b"secret", False)]
    assert path.read_bytes() == b"secret"


@pytest.mark.parametrize("call", ["write", "fsync"])
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_secret_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, before: bytes | None
) -> None:
    """When the disk refuses, what was there stays; the next attempt succeeds."""
    path = tmp_path / "token"
    if before is not None:
        write_secret(path, before)

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, call, refuse)
        with pytest.raises(OSError, match="No space left"):
            write_secret(path, b"new")
    assert (path.read_bytes() if path.exists() else None) == before
    write_secret(path, b"new")
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_what_a_crash_left_is_replaced(tmp_path: Path) -> None:
    """A half-written file of a start that died, even one others may read, is not used."""
    left = tmp_path / "token.new"
    left.write_bytes(b"half")
    left.chmod(0o644)
    write_secret(tmp_path / "token", b"whole")
    assert (tmp_path / "token").read_bytes() == b"whole"
    assert mode(tmp_path / "token") == 0o600
    assert not left.exists()


def test_a_link_left_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """Somebody's link under the scratch name does not get the secret."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"theirs")
    (tmp_path / "token.new").symlink_to(elsewhere)
    write_secret(tmp_path / "token", b"secret")
    assert elsewhere.read_bytes() == b"theirs"
    assert (tmp_path / "token").read_bytes() == b"secret"


def test_random_bits_are_64() -> None:
    """A life or an epoch is 16 hexadecimal digits, and none comes twice."""
    made = {random_bits() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(bits) == 16 and int(bits, 16) >= 0 for bits in made)


def test_a_write_cut_short_replaces_nothing(tmp_path: Path) -> None:
    """When the system takes only part of a secret, the old one stays and the error is told."""
    path = tmp_path / "token"
    write_secret(path, b"old")
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from gateway.identity import write_secret\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (16, resource.RLIM_INFINITY))\n"
        "try: write_secret(Path(sys.argv[1]), b'n' * 32)\n"
        "except OSError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
    )
    assert "File too large" in done.stdout
    assert path.read_bytes() == b"old"
