"""Work that can wait takes only what the machine has left over."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import background
from gateway.lifeline import environment

MODULE = """
import os, sys
print(__name__, sys.argv[1:], os.sched_getscheduler(0) == AT_IMPORT == os.SCHED_IDLE, flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the idle class is Linux's")
def test_a_module_in_the_background_gives_way_before_anything_of_it_is_loaded(
    tmp_path: Path,
) -> None:
    """It and what it imports run in the idle class, with its own arguments, as a program."""
    (tmp_path / "heavy.py").write_text("import os\nAT_IMPORT = os.sched_getscheduler(0)\n")
    (tmp_path / "later.py").write_text("from heavy import AT_IMPORT\n" + MODULE)
    done = subprocess.run(
        background.command("later", "--one", "two words"),
        env={**environment(), "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "__main__ ['--one', 'two words'] True\n"
    assert os.sched_getscheduler(0) != os.SCHED_IDLE


def test_what_fails_in_the_background_says_so(tmp_path: Path) -> None:
    """The status and the words of the module are those of the process."""
    (tmp_path / "later.py").write_text("raise SystemExit('no room')\n")
    done = subprocess.run(
        background.command("later"),
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "no room\n")
