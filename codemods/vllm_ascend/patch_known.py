"""Whether a tree has the patch that is to be taken out: a name that is nearly that of another one may be a mistake."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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


def note_unknown(changes: ChangeSet, tree: Path, arguments: Mapping[str, str]) -> str:
    """Return a note if the tree has no trace of a patch but has patches of nearly its name; the empty text otherwise.

    Whether such a patch was taken out already or its name is misspelt, the tree does not say.
    """
    kind = one_of(arguments["kind"], KINDS, "kind")
    file = patch_file(arguments["module"], kind)
    texts = [changes.read(tree / _FOLDER / name) or "" for name in (f"{kind}/__init__.py", "__init__.py")]
    if changes.has_file(tree / _FOLDER / file) or any(_names(text, file) for text in texts):
        return ""
    near = ", ".join(_near(file, _known(tree, texts)))
    return f"{tree}/{_FOLDER} has no trace of {file}: taken out already, if it is not one of {near}" if near else ""


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
