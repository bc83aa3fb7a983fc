"""The pictures of docs/report.md are those that ``make screenshots`` writes."""

from __future__ import annotations

import re
import struct

import pytest

from tests.browser.screenshots import FOLDER, MOST, SCREENSHOTS, Screenshot

PAGE = FOLDER.parent / "report.md"


@pytest.mark.parametrize("one", SCREENSHOTS, ids=lambda one: one.file)
def test_a_picture_is_there_as_the_command_writes_it(one: Screenshot) -> None:
    content = (FOLDER / one.file).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", content[16:24]) == one.size
    assert len(content) < MOST


def test_the_page_shows_these_pictures_with_their_captions_and_no_others() -> None:
    shown = re.findall(r"!\[([^]]*)\]\(images/([^)]*)\)", PAGE.read_text(encoding="utf-8"))
    assert shown == [(one.caption, one.file) for one in SCREENSHOTS]
    assert sorted(path.name for path in FOLDER.glob("report-*")) == sorted(one.file for one in SCREENSHOTS)
