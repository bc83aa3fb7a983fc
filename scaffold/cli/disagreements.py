"""Disagreements of config and tensors, for people and for the JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaffold.cli.output import Output
from scaffold.disagreements.finding import Disagreement


def disagreements_document(found: Sequence[Disagreement]) -> list[dict[str, Any]]:
    """Return what the JSON documents say of them."""
    return [one.document() for one in found]


def show_disagreements(output: Output, found: Sequence[Disagreement]) -> None:
    """Show what both sides say, what follows, and what to do."""
    for one in found:
        output.line(f"disagreement, {one.kind}: {one}")
        if one.remedy:
            output.line(f"  {one.remedy}")
