"""A tutorial in the MyST toctree of the tutorials' index page, beside its family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codemods.codemod import Example, Parameter, RefusedExample
from codemods.entries.entry_list import Entry, EntryList, entry_codemod
from codemods.entries.kinds.pages import Toctree
from codemods.entries.orders import beside_family
from codemods.refusal import Refusal
from codemods.text.names import file_name

if TYPE_CHECKING:
    from collections.abc import Mapping

WHERE = "docs/source/tutorials/models/index.md"


def _entry(arguments: Mapping[str, str]) -> Entry:
    page = file_name(arguments["page"], "page", ".md").removesuffix(".md")
    if page == "index":
        raise Refusal(
            "the index itself", where="page", expected="a page that the index lists", remedy="name the tutorial's file"
        )
    return Entry(page, table=arguments["caption"], is_same=lambda item: True)


_BEFORE = """\
# Tutorials

:::{toctree}
:caption: Tutorials
:maxdepth: 1
Cedar2-7B.md
Cedar-VL.md
BirchOCR.md
Willow-1.5
:::

Ask for more.
"""

ROW = EntryList(
    name="toctree-entry",
    summary="list a tutorial in the documentation's index (vllm-ascend up to 0.23)",
    upstream="https://github.com/vllm-project/vllm-ascend/tree/main/docs/source/tutorials",
    tree="vllm-ascend",
    files=(WHERE, "docs/source/tutorials/index.md"),
    kind=Toctree(),
    order=beside_family,
    entry=_entry,
    parameters=(
        Parameter("page", "the tutorial's file name, such as Cedar-7B.md"),
        Parameter("caption", "the caption of the toctree, if there are several; by default the longest", ""),
    ),
    examples=(
        Example({"page": "Cedar3-70B.md"}, _BEFORE, _BEFORE.replace("VL.md\n", "VL.md\nCedar3-70B.md\n")),
        Example({"page": "Birch-9B.md"}, _BEFORE, _BEFORE.replace("OCR.md\n", "OCR.md\nBirch-9B.md\n")),
        Example({"page": "Yew.md"}, _BEFORE, _BEFORE.replace("1.5\n", "1.5\nYew.md\n")),
        Example({"page": "Willow-1.5.md"}, _BEFORE, _BEFORE),
        Example(
            {"page": "Yew.md"},
            "```{toctree}\n:maxdepth: 1\n\nCedar2\nBirch\n```\n",
            "```{toctree}\n:maxdepth: 1\n\nCedar2\nBirch\nYew\n```\n",
        ),
        RefusedExample({"page": "Yew.md"}, "# Tutorials\n", "no toctree"),
        RefusedExample({"page": "index.md"}, _BEFORE, "the index itself"),
        RefusedExample({"page": "../Yew.md"}, _BEFORE, "page"),
        RefusedExample({"page": "Yew.md\n:hidden:"}, _BEFORE, "page"),
    ),
)

CODEMOD = entry_codemod(ROW)
