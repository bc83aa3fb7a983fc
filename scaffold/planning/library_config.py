"""Whether transformers' own class for a model type makes of a ``config.json`` what the checkpoint's own class does.

Served without the checkpoint's code, a model gets the config object of transformers' class. Where remote code has the
name of a known model type, that class may not take the file, or may complete and derive other numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.refused import UNKNOWN, library_class, refused
from scaffold.source.transformers.config_object import make
from scaffold.source.transformers.imports import resolver

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
    against = refused(model_type, written, library)
    found = library_class(model_type, library)
    if against or found is None:
        return against
    file, name = found
    interpreter = Interpreter(resolver(library), 0, library)
    try:
        config = make(interpreter, interpreter.source_class(file, name), written)
        made = {key: _looked_up(interpreter, config, key) for key in sorted(set(asked) & completed.keys())}
    except UNKNOWN:
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
