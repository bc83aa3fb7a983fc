"""Documents are written over those of this tool, and over nothing that somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.common.errors import UsageError
from scaffold.report.files import GENERATOR, MARK, write_documents

PAGE = f'{GENERATOR} 1.0">'


def test_what_was_written_is_written_again(tmp_path: Path) -> None:
    for text in ("first", "second"):
        write_documents(tmp_path / "new", {"report.md": f"{text}\n", "report.html": PAGE})
    assert (tmp_path / "new" / "report.md").read_text() == f"second\n\n{MARK}\n"
    assert (tmp_path / "new" / "report.html").read_text() == PAGE


@pytest.mark.parametrize("name", ["report.md", "runbook.md"])
def test_somebody_elses_file_stays_and_nothing_is_written_beside_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("my own notes")
    with pytest.raises(UsageError, match="another file is there"):
        write_documents(tmp_path, {"report.md": "a", "runbook.md": "b"})
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {name: "my own notes"}


def test_a_file_in_the_place_of_the_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file.*expected a folder that can be written to"):
        write_documents(tmp_path / "file", {"report.md": "a"})
