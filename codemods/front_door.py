"""The front door: run a codemod or a recipe by its name on a source tree.

`edit` adds its effect to a change set and writes nothing, for callers that build one change set from
many edits. `run` does the same for the files on disk, and applies the change set through the journal.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from codemods.catalog import find, find_codemod, places_of, target_file
from codemods.changes.change_set import ChangeSet
from codemods.changes.journal import apply, earlier_of
from codemods.codemod import Codemod
from codemods.recipe import fed, is_taken
from codemods.refusal import Outdated, Refusal
from codemods.text.as_written import MARK
from codemods.text.tree_style import DEFAULTS, style_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codemods.recipe import Recipe

JOURNAL = Path(".scaffold/journal")
"""Below the current directory: where `run` records what it did, and ``scaffold undo`` finds it."""
ATTEMPTS = 20
"""How often `run` starts over because others wrote to a file between its reading and its writing."""


@dataclass(frozen=True)
class RunResult:
    """What a codemod or a recipe does to a tree: ``changes``, relative to ``root``; whether they are on disk."""

    name: str
    root: Path
    changes: ChangeSet
    is_written: bool

    @property
    def is_changed(self) -> bool:
        """Whether the tree needs, or needed, any change."""
        return not self.changes.is_empty

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that change, absolute, in the order of the edits."""
        return self.changes.paths

    @property
    def diff(self) -> str:
        """One unified diff, which ``git apply`` accepts in ``root``."""
        return self.changes.diff({"": self.root})


def run(
    name: str,
    /,
    *places: Path | str,
    dry_run: bool = False,
    force: bool = False,
    journal: Path | str = JOURNAL,
    **arguments: str,
) -> RunResult:
    """Run a codemod or a recipe on source trees, or a codemod on files; `undo` takes it all back as a whole.

    Arguments are the strings that ``scaffold codemod show NAME`` lists. ``dry_run`` writes nothing;
    ``journal`` is the directory that records the run. A file that an earlier run made and a person edited since
    is merged with the new version, or replaced by it with ``force``. Raises `Refusal`, with nothing written,
    for an unknown name, wrong arguments, and whatever the codemod, the change set or the disk refuses.
    """
    found = find(name)
    roots = tuple(dict.fromkeys(place.parent if place.is_file() else place for place in map(Path, places)))
    if not roots:
        raise _no_place("no source tree and no file", name)
    root = roots[0] if len(roots) == 1 else Path(os.path.commonpath([root.absolute() for root in roots]))
    read = [Path(arguments[p.name]) for p in found.parameters if p.is_tree and p.name in arguments]
    for _ in range(ATTEMPTS):
        changes = ChangeSet((*roots, *read), earlier=earlier_of(Path(journal), force=force))
        for place in places:
            changes = edit(changes, name, place, **arguments)
        if dry_run or changes.is_empty:
            return RunResult(name, root, changes, is_written=False)
        try:
            apply(changes, Path(journal))
        except Outdated as error:
            outdated = error
        else:
            return RunResult(name, root, changes, is_written=True)
    raise outdated


def edit(changes: ChangeSet, name: str, place: Path | str, /, **arguments: str) -> ChangeSet:
    """Add the effect of a codemod or recipe on a source tree, or of a codemod on one file, to a change set.

    The tree is read as the change set leaves it; the tree that an ``is_tree`` argument names
    has to be a root of the change set, too. Raises `Refusal` for an unknown name, wrong arguments,
    and whatever the codemod or the change set refuses.
    """
    found, place = find(name), Path(place)
    if isinstance(found, Codemod):
        return _edited(changes, found, place, arguments)
    return _followed(changes, found, place, arguments)


def _edited(changes: ChangeSet, codemod: Codemod, place: Path, arguments: Mapping[str, str]) -> ChangeSet:
    complete = codemod.complete(arguments)
    file = place if changes.has_file(place) else target_file(codemod, _tree(place), complete, changes.has_file)
    top = None if file == place else place
    style = style_of(file, DEFAULTS[codemod.tree], top) if codemod.is_styled else None
    try:
        if codemod.removes:
            codemod.run(changes.read(file) or "", complete, style)
            return changes.remove(file)
        if codemod.creates and not changes.has_file(file):
            return changes.create(file, codemod.run("", complete, style))
        try:
            return changes.edit(file, lambda text: codemod.run(text, complete, style))
        except Refusal:
            earlier = changes.earlier.text(file) if codemod.is_whole else None
            if earlier is None:
                raise
            now = codemod.run("", complete, style)
            if not (changes.earlier.force or codemod.is_newer(earlier.removeprefix(MARK), now)):
                raise
            return changes.create(file, now)
    except Refusal as refusal:
        names = [*places_of(codemod, complete), *codemod.targets]
        raise refusal.in_file(names, file) from None


def _followed(changes: ChangeSet, recipe: Recipe, tree: Path, arguments: Mapping[str, str]) -> ChangeSet:
    complete = recipe.complete(arguments)
    _tree(tree)
    if recipe.note and (note := recipe.note(changes, tree, complete)):
        changes = replace(changes, notes=(*changes.notes, note))
    for step in recipe.steps:
        if is_taken(step, changes, tree):
            fed_arguments = {name: fed(feed, changes, tree, complete) for name, feed in step.feeds.items()}
            changes = _edited(changes, find_codemod(step.codemod), tree, fed_arguments)
    return changes


def _tree(place: Path) -> Path:
    if place.is_dir():
        return place
    raise _no_place("no such directory", str(place))


def _no_place(found: str, where: str) -> Refusal:
    return Refusal(
        found,
        where=where,
        expected="the root of a source tree or, for a codemod, one file of it",
        remedy="correct the path",
    )
