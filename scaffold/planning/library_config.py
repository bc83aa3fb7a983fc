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
PLAIN: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
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
    for key, value in _not_taken(file, name, written):
        return NOT_TAKEN.format(name, key, value)
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


def _not_taken(file: SourceFile, name: str, written: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield keys and values of a file that a class does not take, which checks the types of its fields.

    Args:
        file: where the class is.
        name: of the class.
        written: what its config object is made of.
    """
    definition = file.definitions[name]
    assert isinstance(definition, ast.ClassDef)
    if not any(_named(part) == "strict" for one in definition.decorator_list for part in ast.walk(one)):
        return
    for one in definition.body:
        if not isinstance(one, ast.AnnAssign) or not isinstance(one.target, ast.Name) or one.target.id not in written:
            continue
        key, value = one.target.id, written[one.target.id]
        if not _takes(one.annotation, value):
            yield key, value
        named = [part.id for part in ast.walk(one.annotation) if isinstance(part, ast.Name)]
        inner = next((part for part in named if part in file.class_names), None)
        if isinstance(value, Mapping) and inner is not None:
            yield from ((f"{key}.{own}", other) for own, other in _not_taken(file, inner, value))


def _takes(annotation: ast.expr, value: Any) -> bool:
    """Return whether a field of a type takes a value, as far as that can be told: a whole number is no ``float``."""
    if isinstance(annotation, ast.BinOp):
        return _takes(annotation.left, value) or _takes(annotation.right, value)
    if isinstance(annotation, ast.Constant):
        return annotation.value is not None or value is None
    if isinstance(annotation, ast.Subscript) and _named(annotation.value) == "Literal":
        return value in [part.value for part in ast.walk(annotation.slice) if isinstance(part, ast.Constant)]
    if (plain := PLAIN.get(_named(annotation))) is not None:
        return isinstance(value, plain)
    return value is not None or any(_allows_none(part) for part in ast.walk(annotation))


def _named(annotation: ast.AST) -> str:
    """Return the name of a type, without the module that it is written with; empty for what is no name."""
    return getattr(annotation, "id", "") or getattr(annotation, "attr", "")


def _allows_none(part: ast.AST) -> bool:
    """Return whether a part of an annotation says that there may be nothing."""
    return _named(part) in ("Optional", "Any") or (isinstance(part, ast.Constant) and part.value is None)
