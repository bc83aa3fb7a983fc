"""What a commit holds of files that others edit, as they are in the work tree."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest

from codemods import ChangeSet, apply
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.delivery.own_lines import Edit
from scaffold.evidence.gather import check_planned
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.running.adaptation import undo_last
from scaffold.running.carry_over import contents

FILE = "docs/index.md"
COMMITTED = ":::\nalpha\nomega\n:::\n"
PLANNED = COMMITTED.replace("omega", "nova\nomega")


def git(repo: Path, *words: str) -> None:
    identity = ("-c", "user.name=T", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *words], cwd=repo, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A delivery repo with one shared file."""
    root = tmp_path / "vllm-ascend"
    (root / FILE).parent.mkdir(parents=True)
    (root / FILE).write_text(COMMITTED)
    git(root, "init", "-q")
    git(root, "add", "--all")
    git(root, "commit", "-qm", "x")
    return root


def record(repo: Path, *edits: Edit) -> PlanRecord:
    files = (FILE,)
    return PlanRecord("nova", "NovaForCausalLM", "native", {}, str(repo), str(repo), str(repo), (), files, edits=edits)


def held(repo: Path, plan: PlanRecord) -> str:
    return contents(ChangeSet((repo,)), plan, [FILE])[PurePosixPath(FILE)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ends_of_lines_in_the_work_tree_move_no_line(repo: Path, end: str) -> None:
    """``core.autocrlf`` and ``eol=crlf`` write other ends of lines than the commit has."""
    before, after = (text.replace("\n", end) for text in (COMMITTED, PLANNED))
    (repo / FILE).write_bytes(after.replace("alpha", f"alpha{end}user").encode())
    assert held(repo, record(repo, Edit("delivery", FILE, before, after))) == PLANNED


def test_a_file_that_is_gone_is_told(repo: Path) -> None:
    (repo / FILE).unlink()
    with pytest.raises(CheckFailed, match="no such file any more"):
        held(repo, record(repo))


def test_edits_that_were_undone_are_asked_for_no_more(repo: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    workspace.work.mkdir()
    later = PLANNED.replace("nova\n", "nova\nnova-2\n")
    for text in (PLANNED, later):
        apply(ChangeSet((repo,)).edit(repo / FILE, lambda _, text=text: text), workspace.journal)
    workspace.save_record(
        record(repo, Edit("delivery", FILE, COMMITTED, PLANNED), Edit("delivery", FILE, PLANNED, later))
    )
    undo_last(workspace)
    left = workspace.record("nova")
    assert left.edits == (Edit("delivery", FILE, COMMITTED, PLANNED),)
    assert held(repo, left) == PLANNED


def test_another_checkpoint_than_the_planned_one_is_refused(repo: Path, tmp_path: Path) -> None:
    check_planned(record(repo), repo)
    with pytest.raises(UsageError, match="nova was planned for"):
        check_planned(record(repo), tmp_path)
