"""A tutorial in the navigation of ``mkdocs.yml``.

The file has ``!ENV`` and ``!!python/name:`` tags and comments, so it is edited line by line: a YAML
load and dump would destroy it.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.docs.family_place import family_place
from codemods.refusal import Refusal
from codemods.text.lines import insert_lines, split_lines
from codemods.text.names import relative_path

WHERE = "mkdocs.yml"

# `- path.md`, `- Label: path.md`, quoted or not, with or without a comment.
_ENTRY = re.compile(
    r"(?P<bullet>\s*-\s+)(?:[^#'\"]*:\s+)?(?P<quote>['\"]?)(?P<page>[^\s'\"#]+\.md)(?P=quote)\s*(?:#.*\s*)?"
)


def mkdocs_nav_entry(text: str, *, page: str) -> str:
    """List ``page`` (``tutorials/models/Cedar-7B.md``) among the pages of its directory.

    It stands beside its family, else last, with the indentation of the line above.
    Raises `Refusal` if the navigation lists no page of that directory.
    """
    relative_path(page, "page", ".md")
    lines = split_lines(text)
    listed = {i: match for i in _nav(lines) if (match := _ENTRY.fullmatch(lines[i]))}
    if any(match["page"] == page for match in listed.values()):
        return text
    pages = {i: PurePosixPath(match["page"]) for i, match in listed.items()}
    directory = PurePosixPath(page).parent
    siblings = [i for i, known in pages.items() if known.parent == directory]
    if not siblings:
        raise Refusal(
            f"the navigation lists no page of {directory}",
            where=WHERE,
            expected=f"entries such as `- {directory}/index.md` under `nav:`",
            remedy="older trees list tutorials in index.md: use toctree-entry",
        )
    place = family_place([pages[i].stem for i in siblings], PurePosixPath(page).stem)
    above = siblings[place - 1]
    return insert_lines(lines, above + 1, [listed[above]["bullet"] + page])


def _nav(lines: list[str]) -> range:
    """Return the lines of the top-level key ``nav``, up to the next key or the end."""
    start = next((i for i, line in enumerate(lines) if re.match(r"nav:\s*(#.*)?$", line)), None)
    if start is None:
        return range(0)
    inside = range(start + 1, len(lines))
    return range(start + 1, next((i for i in inside if re.match(r"\w", lines[i])), len(lines)))


_BEFORE = """\
site_name: !ENV [SITE_NAME, 'Trees']
extensions:
  - emoji: !!python/name:trees.emoji.leaf

nav:
  - index.md
  - Models:   # one page each
      - tutorials/models/index.md
      - tutorials/models/Cedar2-7B.md
      - 'tutorials/models/Birch.md'  # the small one
      - Willow: tutorials/models/Willow.md
  - Features:
      - tutorials/features/index.md

watch:
  - docs
"""


def _inserted(anchor: str, page: str) -> str:
    return _BEFORE.replace(anchor, f"{anchor}      - {page}\n")


CODEMOD = Codemod(
    name="mkdocs-nav-entry",
    summary="list a tutorial in the documentation's navigation (vllm-ascend main)",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/mkdocs.yml",
    tree="vllm-ascend",
    targets=(WHERE,),
    parameters=(Parameter("page", "the tutorial's path below docs/source"),),
    transform=mkdocs_nav_entry,
    examples=(
        Example(
            {"page": "tutorials/models/Cedar3.md"},
            _BEFORE,
            _inserted("Cedar2-7B.md\n", "tutorials/models/Cedar3.md"),
        ),
        Example(
            {"page": "tutorials/models/Birch-VL.md"},
            _BEFORE,
            _inserted("  # the small one\n", "tutorials/models/Birch-VL.md"),
        ),
        Example(
            {"page": "tutorials/models/Yew.md"},
            _BEFORE,
            _inserted("Willow.md\n", "tutorials/models/Yew.md"),
        ),
        Example({"page": "tutorials/models/Willow.md"}, _BEFORE, _BEFORE),
        RefusedExample({"page": "tutorials/hardware/Yew.md"}, _BEFORE, "no page of tutorials/hardware"),
        RefusedExample({"page": "tutorials/models/../Yew.md"}, _BEFORE, "page"),
        RefusedExample({"page": "tutorials/models/Y: {x.md"}, _BEFORE, "page"),
    ),
)
