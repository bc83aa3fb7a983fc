"""Evidence that was changed, removed, moved or has lost its log is found; gates lock each other out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.common.errors import UsageError
from scaffold.evidence.workspace import Workspace
from scaffold_validators.digest import sha256_of
from scaffold_validators.machine import machine_digest
from scaffold_validators.problem import Problem
from scaffold_validators.records import dump
from scaffold_validators.verdict import VERDICT, Verdict
from tests.verdicts import make_verdict

NAME = "nova"


def with_log(folder: Path, stage: str, text: str) -> Verdict:
    log = folder / f"{stage}.log"
    log.write_text(text)
    return make_verdict(stage, log=str(log), log_sha256=sha256_of(log))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Three verdicts, each with a log."""
    made = Workspace(tmp_path)
    for stage in ("dummy", "real", "parity"):
        made.save_verdict(NAME, with_log(tmp_path, stage, f"log of {stage}"))
    return made


def records(workspace: Workspace) -> list[Path]:
    return sorted((workspace.folder / NAME / "verdicts").iterdir())


def test_what_was_kept_is_read_as_it_was(workspace: Workspace) -> None:
    verdicts = workspace.verdicts(NAME)
    assert [verdict.stage for verdict in verdicts] == ["dummy", "real", "parity"]
    assert verdicts[0].previous == ""
    assert [verdict.previous for verdict in verdicts[1:]] == [sha256_of(path) for path in records(workspace)[:2]]


def rewritten(workspace: Workspace) -> None:
    """Change an old record, and write it with its right digest."""
    first = records(workspace)[0]
    first.write_text(dump(VERDICT, replace(with_log(workspace.work, "dummy", "log of dummy"), reason="better")))


def brought(workspace: Workspace) -> None:
    """Put a record of another work directory at the end."""
    other = Workspace(workspace.work / "other")
    other.work.mkdir()
    shutil.copy(
        other.save_verdict(NAME, with_log(other.work, "real", "x")),
        records(workspace)[-1].with_name("0009-real-tp1.json"),
    )


def swapped(workspace: Workspace) -> None:
    one, two, _ = records(workspace)
    text = one.read_text()
    one.write_text(two.read_text())
    two.write_text(text)


MOVES: dict[str, tuple[Callable[[Workspace], object], str]] = {
    "a record rewritten with its digest": (rewritten, "the record that follows on the one before it"),
    "a record removed": (lambda w: records(w)[1].unlink(), "the record that follows on the one before it"),
    "a record from elsewhere": (brought, "the record that follows on the one before it"),
    "records swapped": (swapped, "the record that follows on the one before it"),
    "a log changed": (lambda w: (w.work / "real.log").write_text("log of reaL"), "the log of stage real"),
    "a log removed": (lambda w: (w.work / "real.log").unlink(), "no such file"),
    "half a record": (lambda w: records(w)[2].write_bytes(records(w)[2].read_bytes()[:100]), "broken JSON"),
}


@pytest.mark.parametrize("move", MOVES)
def test_evidence_that_is_not_as_it_was_is_one_clear_error(workspace: Workspace, move: str) -> None:
    change, says = MOVES[move]
    change(workspace)
    with pytest.raises(Problem, match=says) as problem:
        workspace.verdicts(NAME)
    assert problem.value.exit_code == 2


@pytest.mark.parametrize("place", range(0, 2400, 97))
def test_a_changed_byte_anywhere_in_a_record_is_found(workspace: Workspace, place: int) -> None:
    path = records(workspace)[1]
    data = bytearray(path.read_bytes())
    place %= len(data)
    data[place] = ord("7") if data[place] != ord("7") else ord("8")
    path.write_bytes(bytes(data))
    with pytest.raises(Problem):
        workspace.verdicts(NAME)


def test_the_digest_of_a_record_is_of_all_that_it_says(workspace: Workspace) -> None:
    verdict = workspace.verdicts(NAME)[1]
    assert verdict.evidence == json.loads(records(workspace)[1].read_text())["sha256"]
    assert verdict.evidence != replace(verdict, reason="better").evidence


def test_gates_of_one_work_directory_lock_each_other_out(workspace: Workspace) -> None:
    said = r"gates that run already, in process \d+"
    with workspace.gates_lock(), pytest.raises(UsageError, match=said), workspace.gates_lock():
        pass
    with workspace.gates_lock():
        pass


def test_a_machine_is_told_from_another_and_its_id_is_not_shown(tmp_path: Path) -> None:
    one, two = tmp_path / "machine-id", tmp_path / "b" / "machine-id"
    two.parent.mkdir()
    one.write_text("0123456789abcdef\n")
    two.write_text("0123456789abcdee\n")
    assert machine_digest([one]) == machine_digest([tmp_path / "none", one])
    assert machine_digest([one]) != machine_digest([two])
    assert "0123456789abcdef" not in machine_digest([one])
    assert len(machine_digest([tmp_path / "none"])) == 64
