"""Disagreements of config and tensors, for people and for the JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scaffold.cli.output import Output
from scaffold.disagreements.finding import Disagreement


def disagreements_document(found: Sequence[Disagreement]) -> list[dict[str, Any]]:
    """Return what the JSON documents say of them."""
    return [one.document() for one in found]


def disagreement_lines(found: Sequence[Disagreement]) -> list[str]:
    """Return what both sides say, what follows, and what to do."""
    lines = []
    for one in found:
        lines.append(f"disagreement, {one.kind}: {one}")
        lines += [f"  {one.remedy}"] if one.remedy else []
    return lines


def show_disagreements(output: Output, found: Sequence[Disagreement]) -> None:
    """Show what both sides say, what follows, and what to do."""
    for line in disagreement_lines(found):
        output.line(line)
