"""Links of a tutorial to pages of its own tree: none is written to a page that the tree does not have."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.delivery.tutorial.headings import headings

DOCS = Path("docs/source")


@dataclass(frozen=True)
class Page:
    """A page that tutorials link to.

    Attributes:
        shown: the words of the link.
        places: below the documentation, the newest first.
        section: words of the heading that is meant; empty for the page.
    """

    shown: str
    places: tuple[str, ...]
    section: str = ""


_INSTALLATION = ("getting_started/installation.md", "installation.md")
_EVALUATION = "developer_guide/evaluation"
_TUNING = "developer_guide/performance_and_debug"
PAGES: Mapping[str, Page] = {
    "matrix": Page("Supported Models", ("user_guide/support_matrix/supported_models.md",)),
    "feature_matrix": Page("Feature Matrix", ("user_guide/support_matrix/feature_matrix.md",)),
    "feature_guide": Page("Feature Guide", ("user_guide/feature_guide/index.md",)),
    "communication": Page(
        "Verify Multi-node Communication Environment",
        _INSTALLATION,
        r"inter-?node connectivity|verify multi-?node communication",
    ),
    "docker": Page("using Docker", (*_INSTALLATION, "getting_started/quick_start.md"), r"using docker"),
    "installation": Page("Installation Guide", _INSTALLATION),
    "ais_bench": Page("Using AISBench", (f"{_EVALUATION}/using_ais_bench.md",)),
    "lm_eval": Page("Using lm_eval", (f"{_EVALUATION}/using_lm_eval.md",)),
    "benchmark": Page("Performance Benchmark", (f"{_TUNING}/performance_benchmark.md",)),
    "tuning": Page("Optimization and Tuning", (f"{_TUNING}/optimization_and_tuning.md",)),
    "faqs": Page("Public FAQs", ("faqs.md",)),
}


def links(root: Path, folder: Path) -> dict[str, str]:
    """Return name → link in Markdown, from a page in a folder of the tree; the words alone where there is no page.

    Args:
        root: of the tree.
        folder: of the tutorials, below it.
    """
    return {name: _link(page, root, folder) for name, page in PAGES.items()}


def _link(page: Page, root: Path, folder: Path) -> str:
    for place in page.places:
        file = root / DOCS / place
        if not file.is_file():
            continue
        anchor = _anchor(file, page.section) if page.section else ""
        if page.section and not anchor and place != page.places[-1]:
            continue
        target = Path(os.path.relpath(DOCS / place, folder)).as_posix()
        return f"[{page.shown}]({target}{'#' if anchor else ''}{anchor})"
    return page.shown


def _anchor(file: Path, section: str) -> str:
    text = file.read_text(encoding="utf-8", errors="replace")
    return next((h.slug for h in headings(text) if re.search(section, h.title.lower())), "")
