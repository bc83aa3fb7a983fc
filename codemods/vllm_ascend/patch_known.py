"""Whether a tree has the patch that is to be taken out: a name that is nearly that of another one is a mistake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from codemods.refusal import Refusal
from codemods.text.names import one_of
from codemods.vllm_ascend.patch_names import KINDS, patch_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from codemods.changes.change_set import ChangeSet

_FOLDER = "vllm_ascend/patch"
_ALIKE = 0.75
"""How alike two names are that one may be meant for the other (`difflib.SequenceMatcher.ratio`)."""
_SHOWN = 3


def check_known(changes: ChangeSet, tree: Path, arguments: Mapping[str, str]) -> None:
    """Refuse the name of a patch of which the tree has no trace, while it has patches of nearly that name.

    One of which nothing is there, and whose name is like no other's, counts as taken out already.
    """
    kind = one_of(arguments["kind"], KINDS, "kind")
    file = patch_file(arguments["module"], kind)
    texts = [changes.read(tree / _FOLDER / name) or "" for name in (f"{kind}/__init__.py", "__init__.py")]
    if changes.has_file(tree / _FOLDER / file) or any(_names(text, file) for text in texts):
        return
    near = _near(file, _known(tree, texts))
    if near:
        raise Refusal(
            f"no patch {file} found: no file, no import, no entry in the log",
            where=f"{tree}/{_FOLDER}",
            expected=f"such as {', '.join(near)}",
            remedy="correct module or kind; if it was removed before, nothing is left to do",
        )


def _names(text: str, file: str) -> bool:
    """Return whether an import or the log names a patch; headings of the log may leave its folder out."""
    dotted = file.removesuffix(".py").replace("/", ".")
    alone = file.rpartition("/")[2]
    return bool(re.search(rf"\b{re.escape(dotted)}\b|(?<![\w/]){re.escape(alone)}|{re.escape(file)}", text))


def _known(tree: Path, texts: list[str]) -> list[str]:
    files = {path.relative_to(tree / _FOLDER).as_posix() for path in (tree / _FOLDER).rglob("patch_*.py")}
    named = {f"{kind}/{name}" for text in texts for kind, name in re.findall(r"\b(\w+)/((?:\w+/)*patch_\w+\.py)", text)}
    return sorted(files | named)


def _near(file: str, known: list[str]) -> list[str]:
    """Return the patches whose names are like one's: the same name in another place first, then the most alike."""
    from difflib import SequenceMatcher

    def likeness(other: str) -> float:
        return SequenceMatcher(None, _stem(file), _stem(other)).ratio()

    likest = sorted(known, key=lambda other: (-likeness(other), other))
    return [other for other in likest if likeness(other) >= _ALIKE][:_SHOWN]


def _stem(file: str) -> str:
    return file.rpartition("/")[2].removeprefix("patch_").removesuffix(".py")
