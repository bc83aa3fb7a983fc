"""``undo``: documents that were filled afterwards first, and nothing if those cannot be taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods import ChangeSet, NothingToUndo, Refusal, apply
from scaffold.evidence.workspace import Workspace
from scaffold.running.adaptation import undo_last


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose run wrote a file, and whose documents were filled later."""
    made = Workspace(tmp_path)
    page = tmp_path / "page.md"
    apply(ChangeSet((tmp_path,)).create(page, "as planned\n"), made.journal)
    apply(ChangeSet((tmp_path,)).edit(page, lambda text: "filled\n"), made.documents_journal)
    return made


def test_both_are_taken_back_whole(workspace: Workspace) -> None:
    page = workspace.work / "page.md"
    assert undo_last(workspace) == (page.resolve(),)
    assert not page.exists()
    with pytest.raises(NothingToUndo):
        undo_last(workspace)


def test_without_filled_documents_the_run_alone_is_taken_back(workspace: Workspace) -> None:
    from codemods import undo

    undo(workspace.documents_journal)
    assert undo_last(workspace) == ((workspace.work / "page.md").resolve(),)


def test_documents_that_were_edited_since_keep_the_run_as_it_is(workspace: Workspace) -> None:
    """Their refusal is no "nothing to undo", whatever it says: the words of a path are the user's own."""
    page = workspace.work / "page.md"
    page.write_text("mine: there is no run like mine\n")
    with pytest.raises(Refusal, match="edited since") as refusal:
        undo_last(workspace)
    assert not isinstance(refusal.value, NothingToUndo)
    assert page.read_text() == "mine: there is no run like mine\n"
