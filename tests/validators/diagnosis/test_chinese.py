"""Every failure signature says in Chinese what it says in English, and names the same options and variables."""

from __future__ import annotations

import re

from scaffold_validators.diagnosis.chinese import in_chinese, rows
from scaffold_validators.diagnosis.signatures import Signature, signatures
from tests.rows import each

NAMED = re.compile(r"(?<![\w-])--[a-z][a-z-]+|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|\b\w+\.(?:json|py|jinja)\b")
"""Options, variables, files."""
CJK = "\u4e00-\u9fff"
HALF_WIDTH = re.compile(f"[{CJK}][A-Za-z0-9]|[A-Za-z0-9][{CJK}]|[{CJK}][,;:!?()]|[,;!?()][{CJK}]|。$|  ")


@each("row", signatures(), ids=lambda row: row.id)
def test_a_row_is_there_in_chinese(row: Signature) -> None:
    said = rows()[row.id]
    for text in said:
        assert re.search(f"[{CJK}]", text)
        assert not HALF_WIDTH.search(text), text
    english, chinese = (set(NAMED.findall(text)) for text in (f"{row.meaning} {row.remedy}", " ".join(said)))
    assert english == chinese
    assert (row.meaning in in_chinese(), row.remedy in in_chinese()) == (True, True)
