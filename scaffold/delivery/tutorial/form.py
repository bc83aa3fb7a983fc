"""How the tutorials of one tree are written: its template, the rules that stand in it, and its pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scaffold.delivery.layout import Layout
from scaffold.delivery.tutorial.links import PAGES, links
from scaffold.delivery.tutorial.outline import Section, outline

TEMPLATE = Path("docs/source/_templates/Model-Deployment-Tutorial-Template.md")
PLACEHOLDER = "<YOUR_MODEL_PATH>"
"""What deployment commands have in place of a path, where the template asks for it (since 0.28)."""
EXPERIMENTAL = "(Experimental)"
"""What follows the name of a model that is not released, where the template asks for it (since 0.28)."""


@dataclass(frozen=True)
class TutorialForm:
    """How tutorials of a tree are written.

    Attributes:
        sections: its outline.
        links: name of a page → link to it.
        place: what stands in commands for a folder with weights; empty where paths are written out.
        experimental: what follows the name of a model that was not tried on an NPU.
    """

    sections: tuple[Section, ...] = outline("")
    links: Mapping[str, str] = field(default_factory=lambda: {name: page.shown for name, page in PAGES.items()})
    place: str = ""
    experimental: str = ""


def tutorial_form(root: Path, layout: Layout) -> TutorialForm:
    """Return the form of a tree's tutorials."""
    file = root / TEMPLATE
    template = file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""
    return TutorialForm(
        sections=outline(template),
        links=links(root, layout.tutorials),
        place=PLACEHOLDER if PLACEHOLDER in template else "",
        experimental=EXPERIMENTAL if EXPERIMENTAL in template else "",
    )


UNNUMBERED = TutorialForm()
"""Of a tree without a template."""
