"""How a vllm-ascend tree is laid out: what differs between its versions, as rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scaffold.common.errors import UsageError

TUTORIALS = Path("docs/source/tutorials/models")
OLDER_TUTORIALS = TUTORIALS.parent
"""Up to 0.13."""
INDEX = TUTORIALS / "index.md"
MKDOCS = Path("mkdocs.yml")
NAV_TITLES = Path("docs/hooks/nav_titles.py")
TEST_CONFIGS = Path("tests/e2e/models/configs")
ACCURACY_LIST = TEST_CONFIGS / "accuracy.txt"


@dataclass(frozen=True)
class Layout:
    """A form of the documentation: ``myst`` up to 0.23, ``mkdocs`` on main since 2026."""

    name: str
    index: Path
    """The file that lists the tutorials."""
    titles: Path | None
    """The file that holds page titles, where there is one."""
    tutorials: Path = TUTORIALS
    """The folder of the tutorials."""


def detect(root: Path) -> Layout:
    """Return the layout of a tree, by the files that it has.

    Raises:
        UsageError: it is no vllm-ascend source tree, or of a form that is not known.
    """
    for tutorials in (TUTORIALS, OLDER_TUTORIALS):
        index = tutorials / "index.md"
        if not (root / index).is_file() or not (root / TEST_CONFIGS).is_dir():
            continue
        if (root / MKDOCS).is_file() and tutorials == TUTORIALS:
            return Layout("mkdocs", MKDOCS, NAV_TITLES if (root / NAV_TITLES).is_file() else None)
        if "{toctree}" in (root / index).read_text(encoding="utf-8"):
            return Layout("myst", index, None, tutorials)
    raise UsageError(
        "no vllm-ascend source tree of a known form",
        where=str(root),
        expected=f"{INDEX} with a toctree, or {MKDOCS}, and {TEST_CONFIGS}/",
        remedy="pass the root of a vllm-ascend checkout of 0.13 or later with --delivery",
    )
