"""The file of a source tree that defines a dotted name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codemods.changes.change_set import ChangeSet


def module_file(changes: ChangeSet, tree: Path | str, target: str) -> Path | None:
    """Return the module whose name is the longest beginning of ``target``, as the change set leaves the tree.

    ``a.b.C.f`` is looked for in ``a/b/C.py``, ``a/b/C/__init__.py``, ``a/b.py`` and so on. None if
    there is no such module, or if ``target`` is no dotted name.
    """
    parts = target.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    for length in range(len(parts) - 1, 0, -1):
        base = Path(tree).joinpath(*parts[:length])
        for path in (base.with_suffix(".py"), base / "__init__.py"):
            if changes.has_file(path):
                return path
    return None
