"""What a class inherits its mapper from: a mapper of its own would hide the rules of that one."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from codemods.models.class_source import ClassSource
from codemods.uses.import_time import statements

MAPPER = "hf_to_vllm_mapper"
MODELS = "vllm.model_executor.models"
NO_MODELS = ("interfaces", "interfaces_base", "utils")
"""Files beside those of models, whose classes have no mapper."""


def check_not_inherited(found: ClassSource, mapper: Callable[[ClassSource], ast.Call | None]) -> None:
    """Refuse to hide the mapper of a base behind one of the class's own: of one in the file, or a model's of another.

    Bases count under whichever name they have: ``Base = Model``, ``llava.Llava``, ``Base[T]``, ``made(Base)``.
    What mappers a base of another model's file has is not seen here.
    """
    tree = ast.parse(found.text)
    classes = {node.name: node for node in statements(tree.body) if isinstance(node, ast.ClassDef)}
    others = {name: module for node in statements(tree.body) for name, module in _from_models(node)}
    aliases = _aliases(tree)
    left, seen = list(_names(found.node.bases)), {found.node.name}
    while left:
        name = left.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in others:
            raise found.refusal(
                f"it inherits from {name} of {others[name]}, which may have a {MAPPER}",
                "a class whose bases are in its file, or no models: a mapper here would hide all rules of such a one",
                f"name {name} and its file, or write `{MAPPER} = {name}.{MAPPER} | WeightsMapper(…)` by hand",
            )
        left += aliases.get(name, ())
        node = classes.get(name)
        if node is None:
            continue
        left += _names(node.bases)
        if mapper(replace(found, node=node)) or sets_mapper(tree, name):
            raise found.refusal(
                f"it inherits {MAPPER} of {name}",
                f"a class with a mapper of its own, or none above it: one here would hide all rules of {name}",
                f"name {name}, or write `{MAPPER} = {name}.{MAPPER} | WeightsMapper(…)` by hand",
            )


def sets_mapper(tree: ast.Module, name: str) -> ast.stmt | None:
    """Return the statement outside of a class that gives it a mapper: ``Cedar.hf_to_vllm_mapper = …``."""
    for node in statements(tree.body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(one, ast.Attribute) and ast.unparse(one) == f"{name}.{MAPPER}" for one in targets):
            return node
    return None


def _aliases(tree: ast.Module) -> Mapping[str, list[str]]:
    """Return what names stand for other names, or are made of them."""
    found: dict[str, list[str]] = {}
    for node in statements(tree.body):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        for target in targets if value is not None else ():
            if isinstance(target, ast.Name) and value is not None:
                found.setdefault(target.id, []).extend(_names([value]))
    return found


def _names(nodes: list[ast.expr]) -> Iterator[str]:
    """Yield the names in expressions, a module's that is named with dots as those dots have it."""
    for node in nodes:
        for part in ast.walk(node):
            if isinstance(part, ast.Name):
                yield part.id
            elif isinstance(part, ast.Attribute):
                yield ast.unparse(part)


def _from_models(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Yield the names that a statement binds to other models' files, or to what is in them, with that file's module."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.startswith(f"{MODELS}.") and alias.name.rpartition(".")[2] not in NO_MODELS:
                yield alias.asname or alias.name, alias.name
    if not isinstance(node, ast.ImportFrom):
        return
    module = "." * node.level + (node.module or "")
    if module in (".", MODELS):  # the models' package: files are taken of it, or the interfaces that it exports
        for alias in node.names:
            if alias.name not in NO_MODELS and not alias.name[0].isupper():
                yield alias.asname or alias.name, f"{module.rstrip('.')}.{alias.name}"
    elif (node.level or module.startswith(f"{MODELS}.")) and module.rpartition(".")[2] not in NO_MODELS:
        for alias in node.names:
            yield alias.asname or alias.name, module
