"""Whether transformers' own class for a model type takes a ``config.json``: vLLM loads every config through it.

Classes of today check what they are made of: the types of fields (``@strict``), that each layer has a kind that is
known, and that rotary parameters of a type have the keys that the type needs. Which those are the library's own text
says (configuration_utils.py, modeling_rope_utils.py).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from scaffold.checkpoint.text import printable
from scaffold.common.errors import CheckpointError
from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood, RefusedBySource
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers import config_rope
from scaffold.source.transformers.auto_mapping import config_class, folder
from scaffold.source.transformers.config_defaults import DTYPE_KEYS
from scaffold.source.transformers.config_object import Config, make
from scaffold.source.transformers.imports import resolver

NOT_TAKEN = "transformers' {} takes no {} of {}"
LACKS = "transformers' {} wants {} in rotary parameters of the type {}, and config.json has none there"
RAISES = "transformers' {} refuses this config.json: {}"
UNKNOWN = (NotUnderstood, CheckpointError, ArithmeticError, TypeError, ValueError, KeyError)
"""What reading a class may end in, which says nothing of the class."""
PLAIN: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
LAYER_CHECKS, OF_LAYERS = "configuration_utils.py", "validate_layer_type"
LAYER_LISTS = {"layer_types": "ALLOWED_ATTN_LAYER_TYPES", "mlp_layer_types": "ALLOWED_MLP_LAYER_TYPES"}
ROPE_CHECKS = "modeling_rope_utils.py"
LOOK_UP = "getattr(torch, self.dtype)"
DATA_TYPES = frozenset({
    "float64", "double", "float32", "float", "float16", "half", "bfloat16", "float8_e4m3fn", "float8_e5m2",
    "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2", "int64", "long", "int32", "int",
    "int16", "short", "int8", "uint8", "uint16", "uint32", "uint64", "bool",
})  # fmt: skip
"""Names that torch has for data types (torch/__init__.py, tensor attributes)."""


def library_class(model_type: str, library: Path) -> tuple[SourceFile, str] | None:
    """Return the file and name of transformers' config class of a model type; None where it has none."""
    name, place = config_class(model_type, library), folder(model_type, library)
    path = library / "models" / place / f"configuration_{place}.py"
    if name is None or not path.is_file():
        return None
    file = SourceFile.parse(path, f"transformers/models/{place}/{path.name}")
    return (file, name) if name in file.class_names else None


def refused(model_type: str, written: Mapping[str, Any], library: Path) -> str:
    """Return why transformers' class of a model type takes no such file; empty if nothing is known against it.

    Args:
        model_type: of ``config.json``.
        written: ``config.json``.
        library: the ``transformers`` package.
    """
    found = library_class(model_type, library)
    if found is None:
        return ""
    file, name = found
    for key, value in (*_not_taken(file, name, written), *_no_data_types(written, library)):
        return NOT_TAKEN.format(name, key, value)
    interpreter = Interpreter(resolver(library), 0, library)
    try:
        config = make(interpreter, interpreter.source_class(file, name), written, as_released=True)
    except UNKNOWN:
        return ""
    for part in (config, *(one for one in config.attributes.values() if isinstance(one, Config))):
        says = _against_layers(part, part.getter(interpreter), library) if _is_strict(file, name) else ""
        if says:
            return RAISES.format(name, says)
    kind, lacking = _lacking(config, interpreter, required_keys(library))
    if lacking:
        return LACKS.format(name, " and ".join(lacking), kind)
    try:
        config.check_rope(interpreter)
    except RefusedBySource as error:
        return RAISES.format(name, error.what)
    except UNKNOWN:
        return ""
    return ""


def _against_layers(config: Config, get: Callable[..., Any], library: Path) -> str:
    """Return why the check of all classes refuses the kinds of layers that a config lists; empty where it does not."""
    known = layer_words(library)
    if not known or config.defines(OF_LAYERS):
        return ""
    layers = get("num_hidden_layers", None)
    for key, words in known.items():
        kinds = get(key, None)
        if not isinstance(kinds, (list, tuple)) or not isinstance(layers, int):
            return ""  # as the check does, which looks at the second key where there is the first
        unknown = next((kind for kind in kinds if kind not in words), None)
        if unknown is not None:
            return f"{key} has {unknown!r}, which is no kind of layer"
        if len(kinds) != layers:
            return f"{key} has {len(kinds)} of them, and num_hidden_layers is {layers}"
    return ""


@lru_cache(maxsize=8)
def layer_words(library: Path) -> Mapping[str, frozenset[str]]:
    """Return the kinds of layers that a config may list, by key; empty for a release that does not check them so."""
    path = library / LAYER_CHECKS
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if f"def {OF_LAYERS}(" not in text:
        return {}
    found: dict[str, Any] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    older = frozenset(found.get("_LEGACY_LAYER_TYPE_REMAP", ()))
    lists = {key: found.get(name) for key, name in LAYER_LISTS.items()}
    return {key: older | frozenset(words) for key, words in lists.items() if words} if all(lists.values()) else {}


def _lacking(
    config: Config, interpreter: Interpreter, required: Mapping[str, frozenset[str]]
) -> tuple[str, tuple[str, ...]]:
    """Return the type of rotary parameters that lack keys, and these; empty ones where none do."""
    for one in config_rope.each(config.attributes.get("rope_parameters") or {}, config.getter(interpreter)):
        kind = str(one.get("rope_type", one.get("type", "default")))
        lacking = required.get(kind, frozenset()) - one.keys() - {"rope_type"}
        if lacking:
            return kind, tuple(sorted(lacking))
    return "", ()


@lru_cache(maxsize=8)
def required_keys(library: Path) -> Mapping[str, frozenset[str]]:
    """Return the keys that rotary parameters need, by their type; empty for a release that does not check them."""
    path = library / ROPE_CHECKS
    if not path.is_file():
        return {}
    found: dict[str, frozenset[str]] = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef):
            continue
        kind = node.name.removeprefix("_validate_").removesuffix("_rope_parameters")
        for one in node.body if node.name == f"_validate_{kind}_rope_parameters" else ():
            if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "required_keys":
                found[kind] = frozenset(ast.literal_eval(one.value))
    return found


def _not_taken(file: SourceFile, name: str, written: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield keys and values of a file that a class does not take, which checks the types of its fields.

    Args:
        file: where the class is.
        name: of the class.
        written: what its config object is made of.
    """
    definition = file.definitions[name]
    assert isinstance(definition, ast.ClassDef)
    if not _is_strict(file, name):
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


def _no_data_types(written: Mapping[str, Any], library: Path) -> Iterator[tuple[str, str]]:
    """Yield words for a data type that torch has not, where the classes of a release look them up in it.

    Of the object itself and of those in it that are made by classes of their own; ``dtype`` goes before
    ``torch_dtype``.
    """
    path = library / LAYER_CHECKS
    if not path.is_file() or LOOK_UP not in path.read_text(encoding="utf-8"):
        return
    inner = ((f"{key}.", value) for key, value in written.items() if isinstance(value, dict) and "model_type" in value)
    for place, one in (("", written), *inner):
        key = next((key for key in DTYPE_KEYS if one.get(key) is not None), "")
        if isinstance(one.get(key), str) and one[key] not in DATA_TYPES:
            yield f"{place}{key}", f"{printable(one[key])[:40]!r}, which is no data type of torch"


def _is_strict(file: SourceFile, name: str) -> bool:
    """Return whether a class checks what it is made of."""
    definition = file.definitions[name]
    assert isinstance(definition, ast.ClassDef)
    return any(_named(part) == "strict" for one in definition.decorator_list for part in ast.walk(one))


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
