"""Small, idempotent, format-preserving edits of source trees, and the set that holds them.

A codemod (`Codemod`, all of them in `CODEMODS`) makes new text of a file's text. A `ChangeSet`
holds the edits of a run, `apply` puts them on disk as a whole, and `undo` takes the last
run back. All that is refused is a `Refusal`. libcst is imported when the first codemod needs it.
"""

from codemods.catalog import CODEMODS, find_codemod, target_file
from codemods.change_set import Change, ChangeSet
from codemods.codemod import Codemod, Example, Parameter, Refused
from codemods.journal import apply, generated_digest, undo
from codemods.refusal import Refusal

__all__ = [
    "CODEMODS",
    "Change",
    "ChangeSet",
    "Codemod",
    "Example",
    "Parameter",
    "Refusal",
    "Refused",
    "apply",
    "find_codemod",
    "generated_digest",
    "target_file",
    "undo",
]
