"""The systemd units: sound by systemd's own judgement, and in step with program and examples."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from gateway.roles.edge.child import STOP_S
from gateway.roles.patience import CONNECTIONS
from gateway.simulation.broker import free_port
from gateway.watchdog import LIMIT, ROUND_S
from tests.deploy import commands
from tests.deploy.shipped import CENTRE, ROOT, SITE, SYSUSERS, UNITS, all_options, unit

BIN = "/opt/hazgate/bin/hazgate"
#: systemd's own scale of exposure, in tenths: 100 is a unit without any protection.
EXPOSURE = 20
STORE_S = 30
PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN = 65, 1
PROGRAM = "\n".join(
    path.read_text(encoding="utf-8")
    for package in ("gateway", "detectors", "device_profiles")
    for path in sorted((ROOT / package).rglob("*.py"))
)
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="systemd-analyze is not installed (Debian package systemd)",
)
each_unit = pytest.mark.parametrize("role", sorted(UNITS))


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run systemd-analyze."""
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


def runnable(role: str, folder: Path, *, more: str = "") -> str:
    """Return a copy of a unit that starts a program which is there."""
    text = UNITS[role].read_text(encoding="utf-8")
    assert f"ExecStart={BIN} " in text
    path = folder / UNITS[role].name
    path.write_text(text.replace(BIN, sys.executable) + more, encoding="utf-8")
    return str(path)


@needs_systemd
@each_unit
def test_systemd_takes_the_unit(tmp_path: Path, role: str) -> None:
    """systemd-analyze verify finds nothing to say, and would: an unknown key is told."""
    verify = ("verify", "--man=no", "--recursive-errors=no")
    done = analyze(*verify, runnable(role, tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    broken = analyze(*verify, runnable(role, tmp_path, more="\n[Service]\nRestrt=always\n"))
    assert "Restrt" in broken.stderr


@needs_systemd
@each_unit
def test_unit_is_hardened(tmp_path: Path, role: str) -> None:
    """systemd's own judgement of the exposure is good, and is not so of a bare unit."""
    judge = ("security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager")
    done = analyze(*judge, runnable(role, tmp_path))
    assert done.returncode == 0, done.stdout
    bare = tmp_path / "bare.service"
    bare.write_text(f"[Service]\nUser=nobody\nExecStart={sys.executable}\n", encoding="utf-8")
    assert analyze(*judge, str(bare)).returncode != 0


@each_unit
def test_unit_never_gives_up(role: str) -> None:
    """It is started again for ever, also where it falls silent, as a user of its own."""
    sections = unit(UNITS[role])
    service = sections["Service"]
    assert service["Restart"] == ["always"]
    assert sections["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert service["User"] == [f"hazgate-{role}"]
    users = re.findall(r'^u (\S+) - "[^"]+" (\S+)$', SYSUSERS.read_text(), re.MULTILINE)
    assert (f"hazgate-{role}", f"/var/lib/hazgate/{role}") in users
    assert service["Type"] == ["notify"]
    # A screen beside the edge does not speak for it.
    assert service["NotifyAccess"] == ["main"]
    # The program restarts itself first, and says why; systemd is for what it cannot see.
    assert LIMIT * ROUND_S < int(service["WatchdogSec"][0]) <= 30
    assert int(service["TimeoutStopSec"][0]) > STORE_S + STOP_S


def test_centre_is_bounded() -> None:
    """The centre has room for as many connections as it takes, and does not take all memory."""
    service = unit(UNITS["centre"])["Service"]
    assert int(service["LimitNOFILE"][0]) > 2 * CONNECTIONS
    (memory,) = service["MemoryMax"]
    assert 0 < int(memory.removesuffix("%")) < 90


@each_unit
def test_unit_starts_a_command_of_the_program(role: str) -> None:
    """The command and its options exist, and the file is the example's place."""
    (line,) = unit(UNITS[role])["Service"]["ExecStart"]
    program, *words = shlex.split(line)
    assert program == BIN
    commands.check(words)
    config = {"edge": "/etc/hazgate/site.toml", "centre": "/etc/hazgate/centre.toml"}
    assert words == [role, "--config", config[role]]


def test_commands_that_do_not_exist_are_told() -> None:
    """The check of command lines refuses an unknown command, option and argument."""
    for words in (
        ["edges"],
        ["edge"],
        ["edge", "--conf", "x"],
        ["alarms", "ack", "--config", "x", "--operator", "y"],
        ["journal", "verify", "a", "b"],
    ):
        with pytest.raises(Exception, match=r"(?i)no such|missing|unexpected"):
            commands.check(words)
    commands.check(["alarms", "ack", "a/b/c", "--config", "x", "--operator", "y"])


@each_unit
def test_folders_are_those_of_the_example(role: str) -> None:
    """State and cache of the unit are the folders that example and program use."""
    service = unit(UNITS[role])["Service"]
    document = all_options(SITE if role == "edge" else CENTRE)
    assert [f"/var/lib/{name}" for name in service["StateDirectory"]] == [
        document["store"]["folder"]
    ]
    for setting in service["Environment"]:
        name, _, value = setting.partition("=")
        assert f'"{name}"' in PROGRAM
        assert value in [f"/var/cache/{cache}" for cache in service["CacheDirectory"]]


@each_unit
def test_credentials_are_those_of_the_example(role: str) -> None:
    """Each secret that the example reads from systemd is one that the unit loads or shows."""
    text = UNITS[role].read_text(encoding="utf-8")
    loaded = dict(re.findall(r"^#?LoadCredential=([a-z-]+):(\S+)$", text, re.MULTILINE))
    example = (SITE if role == "edge" else CENTRE).read_text(encoding="utf-8")
    folder = f"/run/credentials/{UNITS[role].name}/"
    assert set(re.findall(rf'"{folder}([a-z-]+)"', example)) == set(loaded)
    assert set(loaded.values()) == {f"/etc/hazgate/secrets/{name}" for name in loaded}
    set_now = set(re.findall(rf'^[a-z_]+ = "{folder}([a-z-]+)"', example, re.MULTILINE))
    assert set_now == set(re.findall(r"^LoadCredential=([a-z-]+):", text, re.MULTILINE))


def test_centre_runs_where_memory_cannot_become_code(tmp_path: Path) -> None:
    """The centre answers and logs an account in under what MemoryDenyWriteExecute asks for."""
    assert unit(UNITS["centre"])["Service"]["MemoryDenyWriteExecute"] == ["yes"]
    if subprocess.run([sys.executable, "-c", LOCKED], check=False).returncode:
        pytest.skip("this kernel knows no PR_SET_MDWE (Linux 6.3)")
    port = free_port()
    (tmp_path / "centre.toml").write_text(
        f'[node]\nid = "c"\n[listen]\naddress = "127.0.0.1:{port}"\n'
        f'[store]\nfolder = "{tmp_path}/store"\n'
    )
    start = f"{LOCKED}\nfrom gateway.cli import main\nmain()"
    words = tmp_path / "words"
    with words.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", start, "centre", "--config", str(tmp_path / "centre.toml")],
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )
    try:
        deadline = time.monotonic() + 60
        while (found := re.search(r"admin with password (\S+)", words.read_text())) is None:
            assert process.poll() is None, words.read_text()
            assert time.monotonic() < deadline, words.read_text()
            time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            login = {"name": "admin", "password": found[1]}
            assert client.post("/api/v1/session", json=login).status_code == httpx.codes.OK
            assert client.get("/api/v1/nodes").status_code == httpx.codes.OK
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


def test_edge_cannot_run_where_memory_cannot_become_code() -> None:
    """The edge's unit allows it for a reason: numba does not even load without."""
    assert unit(UNITS["edge"])["Service"]["MemoryDenyWriteExecute"] == ["no"]
    if subprocess.run([sys.executable, "-c", LOCKED], check=False).returncode:
        pytest.skip("this kernel knows no PR_SET_MDWE (Linux 6.3)")
    done = subprocess.run(
        [sys.executable, "-c", f"{LOCKED}\nimport numba"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "executable memory" in done.stderr


LOCKED = f"""
import ctypes, mmap
library = ctypes.CDLL(None, use_errno=True)
if library.prctl({PR_SET_MDWE}, {MDWE_REFUSE_EXEC_GAIN}, 0, 0, 0):
    raise SystemExit(1)
try:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
except PermissionError:
    pass
else:
    raise SystemExit(1)
"""
