"""Whether transformers' own class for a model type makes of a ``config.json`` what the checkpoint's own class does.

Served without the checkpoint's code, a model gets the config object of transformers' class. Where remote code has the
name of a known model type, that class may not take the file, or may complete and derive other numbers.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from scaffold.common.errors import CheckpointError
from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.auto_mapping import config_class, folder
from scaffold.source.transformers.config_object import make
from scaffold.source.transformers.imports import resolver

NOT_TAKEN = "transformers' {} takes no {} of {}"
OTHER = "transformers' {} makes {} {}, and the model's own class {}"


def differs(
    model_type: str, written: Mapping[str, Any], completed: Mapping[str, Any], asked: Collection[str], library: Path
) -> str:
    """Return in what transformers' class is no class for a checkpoint that has its own; empty if it is one.

    Args:
        model_type: of ``config.json``.
        written: ``config.json``.
        completed: what the checkpoint's own class makes of it.
        asked: the keys that are read.
        library: the ``transformers`` package.
    """
    name, place = config_class(model_type, library), folder(model_type, library)
    path = library / "models" / place / f"configuration_{place}.py"
    if name is None or not path.is_file():
        return ""
    file = SourceFile.parse(path, f"transformers/models/{place}/{path.name}")
    if name not in file.class_names:
        return ""
    for key in _not_taken(file.definitions[name], written):
        return NOT_TAKEN.format(name, key, written[key])
    interpreter = Interpreter(resolver(library), 0, library)
    try:
        config = make(interpreter, interpreter.source_class(file, name), written)
        made = {key: _looked_up(interpreter, config, key) for key in sorted(set(asked) & completed.keys())}
    except (NotUnderstood, CheckpointError, ArithmeticError, TypeError, ValueError, KeyError):
        return ""  # what it makes is not known, as of most models before
    for key, value in made.items():
        own = completed[key]
        if all(isinstance(one, (bool, int, float, str, type(None))) for one in (value, own)) and value != own:
            return OTHER.format(name, key, value, own)
    return ""


def _looked_up(interpreter: Interpreter, config: Any, key: str) -> Any:
    try:
        return config.look_up(interpreter, key)
    except NotUnderstood:
        return None


def _not_taken(definition: ast.stmt, written: Mapping[str, Any]) -> Iterator[str]:
    """Yield keys that are null in a file, and fields of a class that checks their types and allows no null there."""
    assert isinstance(definition, ast.ClassDef)
    if not any("strict" in ast.unparse(one) for one in definition.decorator_list):
        return
    for one in definition.body:
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
            kind = ast.unparse(one.annotation)
            key = one.target.id
            if (
                key in written
                and written[key] is None
                and not any(word in kind for word in ("None", "Optional", "Any"))
            ):
                yield key
