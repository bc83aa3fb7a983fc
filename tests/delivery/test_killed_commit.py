"""A commit that is killed at any point leaves the repo as it was, or committed whole. Thousands: bench-commit-kills."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from scaffold.running import committing
from scaffold.running.committing import Prepared
from tests.bench.commit_kills import (
    AFTER,
    BEFORE,
    LostError,
    calls,
    expected,
    killed_before,
    make_commit,
    make_repo,
    one_kill,
    prepare,
)
from tests.sampled import sampled

MOMENTS = {0.25: BEFORE, 0.6: BEFORE, 0.97: AFTER}
"""A share of all calls that change something → how the repo is found."""


@pytest.mark.parametrize(("share", "state"), sampled(MOMENTS.items(), every=3))
def test_a_killed_commit_loses_nothing(tmp_path: Path, share: float, state: str) -> None:
    point = int(share * calls(tmp_path / "counted"))
    assert one_kill(tmp_path / "killed", partial(killed_before, number=point)) == state


def test_a_commit_of_half_the_files_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(workspace: object, prepared: Prepared) -> str:
        some = dict(list(prepared.contents.items())[:2])
        return committing.commit(prepared.delivery, some, prepared.message)

    monkeypatch.setattr("tests.bench.commit_kills.commit_plan", half)
    with pytest.raises(LostError, match="a commit of"):
        one_kill(tmp_path, lambda act: act())


def test_what_was_cut_off_while_files_were_written_is_made_anew(tmp_path: Path) -> None:
    workspace = make_repo(tmp_path)
    prepared = prepare(workspace)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("codemods.changes.journal._write_changes", lambda *_: (_ for _ in ()).throw(SystemExit))
        patch.setattr("codemods.changes.journal._take_back", lambda *_: None)  # as after a kill
        patch.setattr("scaffold.running.committing.take_back", lambda *_: ())
        with pytest.raises(SystemExit):
            committing.commit_plan(workspace, prepared)
    make_commit(workspace)
    assert set(prepare(workspace).contents) == set(expected())
