"""transformers' table of how saved checkpoints differ from modules, read as text.

transformers: src/transformers/conversion_mapping.py. Its function ``_build_checkpoint_conversion_mapping`` makes the
table out of literals, copies and loops; the interpreter runs it, with values in the place of transformers' classes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scaffold.source.python.builtins import LIBRARY as BUILTINS
from scaffold.source.python.interpreter import Interpreter
from scaffold.source.python.library import Library
from scaffold.source.python.objects import External
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.imports import resolver

FILE, BUILDER = "conversion_mapping.py", "_build_checkpoint_conversion_mapping"
PATTERNS = ("source_patterns", "target_patterns")


@lru_cache(maxsize=4)
def entries(transformers: Path) -> dict[str, tuple[SimpleNamespace, ...]]:
    """Return the entries by model type or class name; none for a transformers before 5, which saves as it is.

    Each entry has ``kind`` (the name of transformers' class), ``source_patterns`` (as on disk), ``target_patterns`` (as
    in the module) and ``operations``, which have a ``kind`` and the arguments of their class.

    Raises:
        NotUnderstood: this version builds the table by Python that the interpreter does not run.
    """
    path = transformers / FILE
    if not path.is_file():
        return {}
    file = SourceFile.parse(path, f"transformers/{FILE}")
    reader = Interpreter(resolver(transformers), (CORE_MODEL_LOADING, BUILTINS))
    table = reader.call(reader.global_name(file, BUILDER), [], {}, file.shown)
    return {str(name): tuple(found) for name, found in table.items()}


POSITIONS: dict[str, tuple[str, ...]] = {
    "WeightRenaming": PATTERNS,
    "GroupWeightRename": PATTERNS,
    "WeightConverter": (*PATTERNS, "operations"),
    "PrefixChange": ("prefix_to_add", "prefix_to_remove", "model_prefix"),
    "Transpose": ("dim0", "dim1", "check_dims"),
}
"""Names of positional arguments; an operation that is not here has ``dim`` first."""


def _entry(interpreter: Interpreter, name: External, args: list[Any], kwargs: dict[str, Any]) -> SimpleNamespace:
    """Make a plain value where the source makes a transform or an operation."""
    given = {**dict(zip(POSITIONS.get(name.name, ("dim",)), args)), **kwargs}
    for pattern in PATTERNS:
        if isinstance(given.get(pattern), str):
            given[pattern] = [given[pattern]]
    # transformers keeps the patterns as they were given under these names, and its newer tables ask for them.
    original = {f"_original_{pattern}": list(given[pattern]) for pattern in PATTERNS if pattern in given}
    return SimpleNamespace(kind=name.name, **given, **original)


CORE_MODEL_LOADING = Library(modules={"core_model_loading": _entry})
"""The module that the table is made with, as far as it is read."""
