"""How commands speak: aligned, in any language, and nothing that a terminal would obey."""

from __future__ import annotations

import pytest

from gateway.cli.output import say, table, width


def test_columns_stand_one_below_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Also beside Chinese, whose characters take two columns each; no blanks at the end."""
    table(("point", "state"), [("压缩机 1", "UNACK"), ("T1", "")])
    lines = capsys.readouterr().out.splitlines()
    assert width(lines[0].partition("state")[0]) == 10
    assert width(lines[1].partition("UNACK")[0]) == 10
    assert lines[2] == "T1"
    table(("point",), [])
    assert capsys.readouterr().out == ""


def test_what_a_terminal_would_obey_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Letters stay; a payload or a comment cannot clear the screen or forge a line."""
    table(("said",), [("氨 {\x1b[2J\nUNACK",)])
    assert capsys.readouterr().out.splitlines() == ["said", "氨 {\\x1b[2J\\nUNACK"]


def test_figures_are_no_python(capsys: pytest.CaptureFixture[str]) -> None:
    """Lists and figures within figures take a line each; what is not there is a dash or none."""
    say({"a": None, "b": [], "c": ["x", "y"], "d": {"k": 1}}, as_json=False)
    assert capsys.readouterr().out == "a: -\nb: none\nc:\n  x\n  y\nd:\n  k: 1\n"
