"""The page of signatures is what the rows say."""

from __future__ import annotations

from pathlib import Path

from scaffold_validators.diagnosis.document import page
from scaffold_validators.diagnosis.signatures import signatures

PAGE = Path(__file__).parents[3] / "docs" / "signatures.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "python -m scaffold_validators.diagnosis.document > docs/signatures.md"
    )


def test_each_row_is_on_the_page() -> None:
    assert all(f"\n| {row.id}" in page() for row in signatures())
