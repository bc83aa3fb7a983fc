"""A tutorial in the MyST toctree of the tutorials' index page."""

from __future__ import annotations

import re

from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.docs.family_place import family_place
from codemods.refusal import Refusal
from codemods.text.lines import insert_lines, split_lines
from codemods.text.names import file_name

WHERE = "docs/source/tutorials/models/index.md"

_FENCE = re.compile(r"\s*(?P<fence>:{3,}|`{3,})\{toctree\}\s*")
_NO_ENTRY = re.compile(r"\s*(?::\S+:.*)?\s*")  # blank, or an option such as `:maxdepth: 1`


def toctree_entry(text: str, *, page: str) -> str:
    """List ``page`` (a file name such as ``Cedar-7B.md``) beside its family, else last.

    The entry is written with or without ``.md`` as most entries of the toctree are. Of several
    toctrees the one with the most entries gets it. Raises `Refusal` if there is none.
    """
    stem = _stem(file_name(page, "page", ".md"))
    lines = split_lines(text)
    toctrees = _toctrees(lines)
    if not toctrees:
        raise Refusal(
            "there is no toctree",
            where=WHERE,
            expected="a block that starts with `:::{toctree}`",
            remedy="newer trees list tutorials in mkdocs.yml: use mkdocs-nav-entry",
        )
    names = {index: _stem(lines[index]) for _, entries, _ in toctrees for index in entries}
    if stem in names.values():
        return text
    start, entries, end = max(toctrees, key=lambda toctree: len(toctree[1]))
    written = [lines[index].strip() for index in entries]
    with_suffix = 2 * sum(entry.rstrip(">").endswith(".md") for entry in written) >= len(written)
    place = family_place([names[index] for index in entries], stem)
    options = [i for i in range(start + 1, end) if lines[i].strip().startswith(":")]
    above = entries[place - 1] if place else max(options, default=start)
    indent = re.match(r"[ \t]*", lines[entries[0] if entries else start])
    entry = (indent.group() if indent else "") + stem + (".md" if with_suffix else "")
    return insert_lines(lines, above + 1, [entry])


def _toctrees(lines: list[str]) -> list[tuple[int, list[int], int]]:
    """Return each toctree's opening line, the lines with its entries, and its closing line."""
    found = []
    for start, line in enumerate(lines):
        if opening := _FENCE.fullmatch(line):
            closing = re.compile(r"\s*" + opening["fence"] + opening["fence"][0] + r"*\s*")
            inside = range(start + 1, len(lines))
            end = next((i for i in inside if closing.fullmatch(lines[i])), None)
            if end is not None:
                entries = [i for i in range(start + 1, end) if not _NO_ENTRY.fullmatch(lines[i])]
                found.append((start, entries, end))
    return found


def _stem(entry: str) -> str:
    """Return the page that an entry names: `Cedar.md`, `Cedar` and `Title <Cedar>` are one."""
    path = re.sub(r".*<(.*)>", r"\1", entry.strip())
    return path.removeprefix("./").removesuffix(".md")


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

CODEMOD = Codemod(
    name="toctree-entry",
    summary="list a tutorial in the documentation's index (vllm-ascend up to 0.23)",
    upstream="https://github.com/vllm-project/vllm-ascend/tree/main/docs/source/tutorials",
    tree="vllm-ascend",
    targets=(WHERE, "docs/source/tutorials/index.md"),
    parameters=(Parameter("page", "the tutorial's file name, such as Cedar-7B.md"),),
    transform=toctree_entry,
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
        RefusedExample({"page": "../Yew.md"}, _BEFORE, "page"),
        RefusedExample({"page": "Yew.md\n:hidden:"}, _BEFORE, "page"),
    ),
)
