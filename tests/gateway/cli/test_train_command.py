"""`train`, from a recording to an alarm: what a person does, command by command."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path

import pytest

from bench.detection.tep import BEFORE, PERIOD_MIN, PERIOD_NS, judge
from detectors.process_model import decode
from device_profiles.instant import to_nanoseconds
from gateway.alarms.desk import Desk
from gateway.identity import Identity
from gateway.journal import Chain
from gateway.model import NANOSECONDS, Contribution, Detection
from gateway.roles.edge.site import load_site
from tests.gateway.cli.desks import kept
from tests.gateway.cli.shell import figures, hazgate
from tests.gateway.roles.process import (
    BEGIN,
    PROCESS,
    drifted,
    values,
    write_recording,
    write_site,
)

ANOMALY = "gw/R1-UX-101/anomaly"
TEP = Path(os.environ.get("HAZGATE_TEP", "/nowhere"))
#: The minute at which the recordings with a fault begin: long after those of normal running.
LATER = BEGIN + 60 * 100_000


def events(path: Path) -> list[dict[str, object]]:
    """The alarm events of a replay."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [event for event in found if event["kind"] == "alarm"]


def test_from_a_recording_to_an_alarm_that_names_the_point(tmp_path: Path) -> None:
    """Check asks for training, training satisfies it, and the replay finds what no limit sees."""
    site = write_site(tmp_path)
    asked = hazgate("check", site)
    assert asked.exit_code == 1
    assert f"hazgate train --config {site} --tag R1-UX-101" in asked.stdout
    normal = write_recording(tmp_path / "normal.csv", values(1_500, 1))
    trained = hazgate("train", "--config", site, "--tag", "R1-UX-101", "--input", normal)
    assert trained.exit_code == 0
    assert "reads " in trained.stderr
    assert "fits 4 points on 1499 frames" in trained.stderr
    assert "history: 1499 frames = 124 swings of the slowest point R1-TT-102" in trained.stdout
    assert "frames_left_out: 0" in trained.stdout
    assert hazgate("check", site).exit_code == 0

    quiet = write_recording(tmp_path / "quiet.csv", values(600, 2), begin=LATER)
    found = figures(hazgate("replay", "--config", site, "--input", quiet, "--json"))
    assert (found["alarms_raised"], found["readings"]) == (0, 3_000)
    fault = write_recording(tmp_path / "fault.csv", drifted(600, 2, 300), begin=LATER)
    out = tmp_path / "out.jsonl"
    hazgate("replay", "--config", site, "--input", fault, "--out", out)
    (raised,) = events(out)
    assert (raised["alarm"], raised["cause"], raised["after"]) == (ANOMALY, "raise", "UNACK")
    assert LATER + 300 * 60 < int(str(raised["source_ns"])) // NANOSECONDS < LATER + 330 * 60
    owes = raised["contributions"]
    assert isinstance(owes, list)
    assert owes[0]["tag"] == "R1-TT-101"
    assert owes[0]["offset"] > 0.5
    for batch, workers in ((1, 1), (7, 1), (4096, 2)):
        again = tmp_path / "again.jsonl"
        more = ("--batch", batch, "--workers", workers)
        hazgate("replay", "--config", site, "--input", fault, "--out", again, *more)
        assert again.read_bytes() == out.read_bytes()


def test_a_script_reads_one_object(tmp_path: Path) -> None:
    """What was used, left out, found and written, and nothing else on standard output."""
    site = write_site(tmp_path)
    normal = write_recording(tmp_path / "normal.csv", values(900, 1))
    out = tmp_path / "other.json"
    found = figures(
        hazgate(
            "train", "--config", site, "--tag", "R1-UX-101", "--input", normal, "--out", out,
            "--json",
        )
    )  # fmt: skip
    assert found["model"] == str(out)
    assert found["bytes"] == out.stat().st_size
    assert (found["points"], found["frames_used"], found["frames_left_out"]) == (4, 899, 0)
    assert 0 < found["false_alarms_unseen"] < 0.012
    assert found["swings"] > 20
    assert not (tmp_path / "r1.model.json").exists()


def test_a_model_is_not_written_over_unasked(tmp_path: Path) -> None:
    """Refused before any work, with the option that allows it; what was there stays."""
    site = write_site(tmp_path)
    normal = write_recording(tmp_path / "normal.csv", values(900, 1))
    target = tmp_path / "r1.model.json"
    target.write_text("precious", encoding="utf-8")
    command = ("train", "--config", site, "--tag", "R1-UX-101", "--input", normal)
    refused = hazgate(*command)
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert "reads" not in refused.stderr
    assert target.read_text(encoding="utf-8") == "precious"
    nowhere = hazgate(*command, "--out", tmp_path / "nowhere" / "m.json")
    assert nowhere.exit_code == 1
    assert "its folder is not there" in nowhere.stderr
    assert "reads" not in nowhere.stderr
    assert hazgate(*command, "--force").exit_code == 0
    assert hazgate("check", site).exit_code == 0


@pytest.mark.parametrize(
    ("tag", "frames", "words"),
    [
        ("R1-TT-101", 900, "no process of this site; it has R1-UX-101"),
        ("R1-UX-101", 100, "give a longer history"),
    ],
)
def test_what_cannot_be_trained_is_a_line(
    tmp_path: Path, tag: str, frames: int, words: str
) -> None:
    """Status 1 and what to do, no traceback, no file."""
    site = write_site(tmp_path)
    normal = write_recording(tmp_path / "normal.csv", values(frames, 1))
    found = hazgate("train", "--config", site, "--tag", tag, "--input", normal)
    assert found.exit_code == 1
    assert words in found.stderr
    assert not (tmp_path / "r1.model.json").exists()


def test_a_broken_site_is_told_as_by_check(tmp_path: Path) -> None:
    """Training needs no model, and everything else to be sound."""
    site = write_site(tmp_path, PROCESS.replace("60s", "5s"))
    normal = write_recording(tmp_path / "normal.csv", values(90, 1))
    found = hazgate("train", "--config", site, "--tag", "R1-UX-101", "--input", normal)
    assert found.exit_code == 1
    assert "process.period" in found.stderr


def test_lists_say_whom_it_owes_most_to(tmp_path: Path) -> None:
    """`alarms list` and `journal list` name the points with how far they are off."""
    site = write_site(tmp_path)
    normal = write_recording(tmp_path / "normal.csv", values(900, 1))
    hazgate("train", "--config", site, "--tag", "R1-UX-101", "--input", normal)
    definitions = load_site(site).plant.definitions
    desk = Desk(definitions, Chain(Identity("gw", "l" * 16, "e" * 16)))
    row, at = definitions.find(ANOMALY), BEGIN * NANOSECONDS
    assert row is not None
    owes = (Contribution("R1-TT-101", 0.8, 4.23), Contribution("R1-PT-201", 0.3))
    other = definitions.find("gw/R1-TT-102/h")
    assert other is not None
    told = [
        *desk.detect(Detection(row, True, at, at, 3.2, contributions=owes)),
        *desk.detect(Detection(other, True, at, at, 140.0)),
    ]
    kept(tmp_path / "data", told)
    words = "owes most to R1-TT-101 (+4.2 sd), R1-PT-201"
    listed = hazgate("alarms", "list", "--config", site).stdout.splitlines()
    assert sum(words in line for line in listed) == 1
    assert not any("owes" in line for line in listed if "TT-102/h" in line)
    figure = figures(hazgate("alarms", "list", "--config", site, "--json"))
    by_alarm = {each["alarm"]: each["contributions"] for each in figure["alarms"]}
    assert by_alarm["gw/R1-TT-102/h"] == []
    assert by_alarm[ANOMALY][0] == {"tag": "R1-TT-101", "share": 0.8, "offset": 4.23}
    journal = hazgate("journal", "list", "--config", site).stdout
    assert sum(words in line for line in journal.splitlines()) == 1
    entries = figures(hazgate("journal", "list", "--config", site, "--json"))["entries"]
    assert ["contributions" in each for each in entries] == [True, False]
    # A model that is gone blinds one point; it keeps nobody from the others' alarms.
    (tmp_path / "r1.model.json").unlink()
    assert hazgate("check", site).exit_code == 1
    assert hazgate("alarms", "list", "--config", site).stdout.splitlines() == listed
    assert hazgate("profiles", "quarantine", "--config", site).exit_code == 0


def tep_site(folder: Path, tags: list[str]) -> Path:
    """A site whose one device reports every point of the Tennessee Eastman process."""
    points = "".join(
        f'[[device.point]]\nchannel = "{tag}"\npointer = "/{tag}"\ntag = "{tag}"\nunit = "1"\n'
        'interval = "3min"\n'
        for tag in tags
    )
    names = ", ".join(f'"{tag}"' for tag in tags)
    head = Path(write_site(folder, "")).read_text(encoding="utf-8").partition("[[device]]")[0]
    path = folder / "site.toml"
    path.write_text(
        f'{head}[[device]]\nid = "tep"\nprofile = "generic/json"\narea = "R1"\ntopic = "tep"\n'
        f'{points}[[derived]]\ntag = "TEP"\narea = "R1"\n'
        f'process = {{ points = [{names}], period = "3min", model = "tep.json" }}\n',
        encoding="utf-8",
    )
    return path


@pytest.mark.more
@pytest.mark.timeout(600)
@pytest.mark.skipif(not TEP.is_dir(), reason="HAZGATE_TEP names no folder with the data")
def test_the_tennessee_eastman_process_through_the_command_line(tmp_path: Path) -> None:
    """Trained on its normal frames by CSV, every fault is raised in the very frame of the bench."""
    with gzip.open(TEP / "normal_train.csv.gz", "rt", encoding="utf-8", newline="") as file:
        tags = next(csv.reader(file))[1:]
    site = tep_site(tmp_path, tags)
    train = ("train", "--config", site, "--tag", "TEP", "--json")
    found = figures(hazgate(*train, "--input", TEP / "normal_train.csv.gz"))
    assert (found["points"], found["frames_used"]) == (52, 499)
    assert found["swings"] > 20
    expected = judge(decode((tmp_path / "tep.json").read_bytes()), TEP).own
    out = tmp_path / "out.jsonl"
    for fault in expected.faults:
        source = TEP / f"fault{fault.number:02}_test.csv.gz"
        hazgate("replay", "--config", site, "--input", source, "--out", out)
        moved = events(out)
        assert {each["alarm"] for each in moved} == {"gw/TEP/anomaly"}
        raised = [int(str(each["source_ns"])) for each in moved if each["cause"] == "raise"]
        # Of a frame: when it raised, counted from the first that is faulty, both included.
        frames = [(each - begin_of(source)) // PERIOD_NS - BEFORE + 1 for each in raised]
        assert PERIOD_MIN * next(each for each in frames if each > 0) == fault.delay_min
        assert len([each for each in frames if each <= 0]) == 0
    normal = TEP / "normal_test.csv.gz"
    hazgate("replay", "--config", site, "--input", normal, "--out", out)
    raised = [each for each in events(out) if each["cause"] == "raise"]
    assert len(raised) == expected.false_events == 0


def begin_of(source: Path) -> int:
    """The time of the first row, ns."""
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        written = list(csv.reader(file))[1][0]
    found = to_nanoseconds(written, "auto")
    assert found is not None
    return found
