"""transformers' own tables from a model type to its folder and classes, read as text.

transformers: src/transformers/models/auto/{auto_mappings,configuration_auto,modeling_auto}.py. Each table is an
``OrderedDict`` of pairs of strings, to which later statements add with ``.update({…})``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

FILES = ("auto_mappings.py", "configuration_auto.py", "modeling_auto.py")
FOLDERS = "SPECIAL_MODEL_TYPE_TO_MODULE_NAME"
CONFIGS = "CONFIG_MAPPING_NAMES"
MODELS = "MODEL_MAPPING_NAMES"
CAUSAL_LM = "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES"
IMAGE_TEXT = "MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES"


def folder(model_type: str, transformers: Path) -> str:
    """Return the name of the folder under ``models`` that has the model type; it never leads out of there."""
    special = table(transformers, FOLDERS)
    return special.get(model_type, re.sub(r"[^\w.]|^\.+", "_", model_type))


def config_class(model_type: str, transformers: Path) -> str | None:
    """Return the name of the config class, None for a model type that this transformers does not know."""
    return table(transformers, CONFIGS).get(model_type)


def model_class(model_type: str, transformers: Path) -> str | None:
    """Return the name of the class of the model without a head, or None."""
    return table(transformers, MODELS).get(model_type)


def causal_lm_class(model_type: str, transformers: Path) -> str | None:
    """Return the name of the class of causal language models, or None."""
    return table(transformers, CAUSAL_LM).get(model_type)


def image_text_class(model_type: str, transformers: Path) -> str | None:
    """Return the name of the class of models that take images and text, or None."""
    return table(transformers, IMAGE_TEXT).get(model_type)


def model_type_of(architecture: str, transformers: Path) -> str | None:
    """Return the model type whose class of causal language models has this name; None if there is not just one."""
    found = [kind for kind, name in table(transformers, CAUSAL_LM).items() if name == architecture]
    known = [kind for kind in found if (transformers / "models" / folder(kind, transformers)).is_dir()]
    return known[0] if len(known) == 1 else None


def folders_named(name: str, transformers: Path) -> tuple[str, ...]:
    """Return the folders of the models that a class is named for, by their config classes, the longest name first."""
    named = {kind: one.removesuffix("Config") for kind, one in table(transformers, CONFIGS).items()}
    fitting = sorted((kind for kind, one in named.items() if name.startswith(one)), key=lambda kind: -len(named[kind]))
    return tuple(dict.fromkeys(folder(kind, transformers) for kind in fitting))


def table(transformers: Path, name: str) -> dict[str, str]:
    """Return one of the tables; empty where this version does not have it."""
    return dict(_tables(transformers).get(name, ()))


@lru_cache(maxsize=8)
def _tables(transformers: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, dict[str, str]] = {}
    for file in FILES:
        path = transformers / "models" / "auto" / file
        if path.is_file():
            for statement in ast.parse(path.read_text(encoding="utf-8")).body:
                for name, pairs in _entries(statement):
                    found.setdefault(name, {}).update(pairs)
    return {name: tuple(pairs.items()) for name, pairs in found.items()}


def _entries(statement: ast.stmt) -> Iterator[tuple[str, dict[str, str]]]:
    """Return what a statement puts into a table: an assignment, or a call of ``update``."""
    call = getattr(statement, "value", None)
    if not isinstance(call, ast.Call):
        return
    pairs = {key: value for argument in call.args for key, value in _pairs(argument)}
    if isinstance(statement, ast.Expr) and isinstance(call.func, ast.Attribute) and call.func.attr == "update":
        yield ast.unparse(call.func.value), pairs
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
        for keyword in call.keywords:  # OrderedDict(**{"a": "b"}, **OTHER): only what is written here
            pairs.update(_pairs(keyword.value))
        yield ast.unparse(target), pairs


def _pairs(node: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.List):
        for element in node.elts:
            if isinstance(element, ast.Tuple) and len(element.elts) == 2:
                yield from _pair(*element.elts)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values):
            if key is not None:
                yield from _pair(key, value)


def _pair(key: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
        yield str(key.value), str(value.value)
