"""Time is injected: nobody but the clock asks the machine what time it is, and few wait by it.

A duration of the product (a delay, a silence, an expiry, a lateness) is a difference of
`Clock.monotonic_ns`, and a date is `Clock.now_ns`; then tests own both, and a clock that is set
moves nothing it should not. What may look at the machine's time stands below, each with a reason.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Names that look at the machine's clocks or wait by them.
LOOKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.sleep", "datetime.now", "datetime.utcnow", "datetime.today",
    "date.today", "loop.time", "loop.call_later", "loop.call_at", "asyncio.sleep",
    "asyncio.timeout", "asyncio.wait_for", "SystemClock",
}  # fmt: skip
RETRY = "an attempt at something outside is repeated; nothing is judged by it"
PATIENCE = "how long something outside may take before it is given up"
DISK = "how long a real disk takes, which no injected clock can know"
ROUND = "how often a loop looks; what it finds due it judges by the injected clock"
TRANSPORT = "a sign of life on a connection"
ENTRY = "a program's first lines: here the machine's clock is what is injected"
PERSON = "somebody waits at a terminal"
ALLOWED: dict[str, dict[str, str]] = {
    "cli/alarms.py": {"time.time_ns": PERSON, "time.monotonic": PERSON, "time.sleep": PERSON},
    "cli/outbox.py": {"time.time_ns": PERSON},
    "cli/retire.py": {"time.time_ns": PERSON},
    "cli/run.py": {"SystemClock": ENTRY},
    "cli/site.py": {"time.time_ns": PERSON, "time.monotonic": PERSON},
    "db.py": {"time.monotonic": PATIENCE, "time.sleep": PATIENCE},
    "northbound/downlink.py": {"asyncio.sleep": RETRY},
    "northbound/exports/alerting.py": {"asyncio.timeout": PATIENCE, "loop.time": PATIENCE},
    "northbound/exports/courier.py": {
        "asyncio.sleep": RETRY, "asyncio.timeout": ROUND, "loop.time": RETRY,
    },
    "northbound/exports/influx.py": {"time.sleep": RETRY},
    "northbound/exports/outward.py": {"asyncio.timeout": PATIENCE},
    "northbound/history.py": {"asyncio.timeout": PATIENCE},
    "northbound/sending.py": {"loop.time": RETRY},
    "northbound/uplink.py": {
        "asyncio.sleep": RETRY, "asyncio.timeout": ROUND, "loop.time": ROUND,
    },
    "roles/demo.py": {
        "SystemClock": ENTRY, "time.time_ns": ENTRY, "time.monotonic": PATIENCE,
        "time.sleep": PATIENCE, "asyncio.sleep": PATIENCE,
    },
    "roles/edge/anew.py": {"time.monotonic": DISK, "time.sleep": DISK},
    "roles/edge/child.py": {"asyncio.sleep": RETRY, "asyncio.wait_for": PATIENCE},
    "roles/edge/committer.py": {"time.monotonic": DISK, "loop.call_later": DISK},
    "roles/edge/folding.py": {"asyncio.sleep": RETRY},
    "roles/edge/keeping.py": {"asyncio.sleep": ROUND},
    "roles/edge/disk_again.py": {"asyncio.sleep": ROUND},
    "roles/edge/node.py": {"asyncio.sleep": ROUND},
    "roles/edge/orders.py": {"asyncio.sleep": ROUND},
    "roles/edge/outgoing.py": {"asyncio.timeout": ROUND},
    # Messages wait so long for their acknowledgement: a broker's real window is at stake.
    "roles/edge/owed.py": {"loop.call_later": TRANSPORT},
    "roles/edge/run.py": {"SystemClock": ENTRY},
    "roles/edge/room.py": {"asyncio.sleep": ROUND},
    "roles/edge/screen.py": {"asyncio.sleep": RETRY},
    "roles/edge/standstill.py": {"time.monotonic": DISK, "asyncio.sleep": ROUND},
    "watchdog.py": {"loop.call_later": ROUND},
    "roles/edge/snapshot_keeping.py": {"asyncio.timeout": PATIENCE},
    "roles/edge/storage.py": {"asyncio.sleep": ROUND, "loop.time": DISK},
    "roles/edge/storing.py": {"time.monotonic": DISK},
    "roles/upward.py": {"asyncio.sleep": RETRY},
    "roles/passing.py": {"asyncio.sleep": RETRY},
    "roles/patience.py": {"loop.call_later": PATIENCE},
    "roles/simulate.py": {"SystemClock": ENTRY, "asyncio.sleep": ROUND},
    "simulation/broker.py": {"time.monotonic": PATIENCE, "time.sleep": PATIENCE},
    "simulation/player.py": {"asyncio.sleep": ROUND},
    "southbound/client.py": {"time.monotonic": TRANSPORT},
    "southbound/connection.py": {"asyncio.timeout": ROUND, "loop.time": PATIENCE},
    "southbound/mqtt.py": {"asyncio.sleep": RETRY},
    "southbound/socket_watch.py": {"loop.call_later": TRANSPORT, "loop.time": TRANSPORT},
    "supervision/api/child.py": {"loop.time": TRANSPORT},
    "supervision/api/stream.py": {"loop.time": TRANSPORT},
    "supervision/feed.py": {"asyncio.timeout": ROUND},
    "supervision/store.py": {"loop.time": PATIENCE, "loop.call_later": PATIENCE},
    # Whether the centre itself stood still, its clock may not know.
    "supervision/backlog.py": {"asyncio.timeout": ROUND},
    "supervision/desk.py": {"asyncio.sleep": ROUND},
    "supervision/filling.py": {"asyncio.sleep": ROUND},
    "supervision/watch.py": {"asyncio.timeout": ROUND, "loop.time": ROUND},
    "tasks.py": {"asyncio.sleep": RETRY, "asyncio.timeout": PATIENCE},
}  # fmt: skip


def dotted(node: ast.expr) -> str:
    """Return the last two names of a called thing."""
    if isinstance(node, ast.Name):
        return node.id
    if not isinstance(node, ast.Attribute):
        return ""
    owner = node.value
    if isinstance(owner, ast.Call) and dotted(owner.func).endswith("get_running_loop"):
        return f"loop.{node.attr}"
    last = dotted(owner).rpartition(".")[2]
    return f"{last.lstrip('_')}.{node.attr}"


def looks(path: Path) -> set[str]:
    """Return how a file looks at the machine's time, whatever it calls what it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in LOOKS:
            found.add(dotted(node.func))
        if isinstance(node, ast.ImportFrom) and node.module in {"time", "asyncio"}:
            found |= {f"{node.module}.{each.name}" for each in node.names} & LOOKS
        # Handed on instead of called: a clock all the same.
        if isinstance(node, ast.Attribute) and dotted(node) in LOOKS - {"SystemClock"}:
            found.add(dotted(node))
    return found


FILES = sorted((ROOT / "gateway").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_else_looks_at_the_machines_time(path: Path) -> None:
    """Each look at a real clock stands in the list with its reason; what left the code left it."""
    name = path.relative_to(ROOT / "gateway").as_posix()
    if name != "clock.py":
        assert looks(path) == set(ALLOWED.get(name, {})), name


def test_the_list_names_what_there_is() -> None:
    """A file that is gone takes its exception with it."""
    names = {path.relative_to(ROOT / "gateway").as_posix() for path in FILES}
    assert set(ALLOWED) <= names


def test_a_look_is_seen(tmp_path: Path) -> None:
    """The test that guards the others: each way to ask the machine is found."""
    path = tmp_path / "asks.py"
    path.write_text(
        "import time, asyncio, datetime as dt\nfrom time import monotonic_ns\n"
        "a = time.time()\nasync def f(self):\n    asyncio.get_running_loop().time()\n"
        "    self._loop.call_later(1, f)\n    wait = asyncio.sleep\n    dt.datetime.now()\n"
    )
    expected = {"time.monotonic_ns", "time.time", "loop.time", "loop.call_later",
                "asyncio.sleep", "datetime.now"}  # fmt: skip
    assert looks(path) == expected
