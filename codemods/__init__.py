"""Small, idempotent, format-preserving edits of source trees, and the set that holds them.

A codemod (`Codemod`, all of them in `CODEMODS`) turns a file's text into new text; a recipe
(`Recipe`, all in `RECIPES`) is several codemods that belong together. `run` runs one of them by
name on a tree, `edit` adds it to a `ChangeSet`, which holds the edits of a run. `apply` puts a
change set on disk as a whole, and `undo` takes runs back, the last one first, each as a whole.
Everything that is refused raises `Refusal`. A codemod's file, and libcst, is imported on demand.
"""

from codemods.catalog import CODEMODS, find, find_codemod, target_file
from codemods.changes.change_set import Change, ChangeSet
from codemods.changes.journal import apply, earlier_of, generated_digest, generated_text, take_back_cut_off_part, undo
from codemods.changes.merging import NOTHING, Earlier
from codemods.changes.out_of_sight import FOLDER, keep_out_of_git
from codemods.codemod import Codemod, Example, Parameter, RefusedExample
from codemods.front_door import RunResult, edit, run
from codemods.recipe import Recipe, Step, TreeExample
from codemods.recipes import RECIPES
from codemods.refusal import Interrupted, NothingToUndo, Outdated, Refusal
from codemods.text.module_file import module_file
from codemods.text.tree_style import Style, style_of

Refused = RefusedExample
"""The name of `RefusedExample` in earlier versions."""

__all__ = [
    "CODEMODS",
    "FOLDER",
    "NOTHING",
    "RECIPES",
    "Change",
    "ChangeSet",
    "Codemod",
    "Earlier",
    "Example",
    "Interrupted",
    "NothingToUndo",
    "Outdated",
    "Parameter",
    "Recipe",
    "Refusal",
    "Refused",
    "RefusedExample",
    "RunResult",
    "Step",
    "Style",
    "TreeExample",
    "apply",
    "earlier_of",
    "edit",
    "find",
    "find_codemod",
    "generated_digest",
    "generated_text",
    "keep_out_of_git",
    "module_file",
    "run",
    "style_of",
    "take_back_cut_off_part",
    "target_file",
    "undo",
]
