"""A tutorial in the navigation of ``mkdocs.yml``: among the pages of its directory, beside its family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.pages import MkdocsNav
from codemods.entries.orders import beside_family
from codemods.text.names import relative_path

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "mkdocs.yml"


def _entry(arguments: Mapping[str, str]) -> Entry:
    return Entry(relative_path(arguments["page"], "page", ".md"))


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


ROW = EntryList(
    name="mkdocs-nav-entry",
    summary="list a tutorial in the documentation's navigation (vllm-ascend main)",
    upstream="https://github.com/vllm-project/vllm-ascend/blob/main/mkdocs.yml",
    tree="vllm-ascend",
    files=(WHERE,),
    kind=MkdocsNav(),
    order=beside_family,
    entry=_entry,
    parameters=(Parameter("page", "the tutorial's path below docs/source"),),
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

CODEMOD = entry_codemod(ROW)
