"""A function's signature as its module's source text has it, and what the signature needs."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import libcst as cst
from libcst.helpers import get_full_name_for_node

from codemods.refusal import Refusal
from codemods.text.imports import Import
from codemods.text.python_text import parse_module

Node = TypeVar("Node", bound=cst.CSTNode)


@dataclass(frozen=True)
class Function:
    """A function to be replaced.

    ``path`` is how it is reached after ``imports`` (``Llama.forward``); ``parameters`` and
    ``returns`` are source code, ``arguments`` what passes the parameters on unchanged.
    ``binding`` is ``staticmethod``, ``classmethod``, ``property`` or empty.
    """

    name: str
    path: str
    parameters: list[str]
    returns: str
    arguments: list[str]
    imports: list[Import]
    binding: str
    is_coroutine: bool


def find_function(source: str, target: str) -> Function:
    """Read ``target`` (a dotted name) from the source text of the module that defines it.

    Annotations that only a type checker can resolve are left out. Raises `Refusal` if
    the module does not define the target, or not as a function that can be replaced.
    """
    tree = parse_module(source, f"the module of {target}")
    module, owner, node = _locate(tree, target)
    names = _importable_names(tree, module)
    binding = _binding(node)
    used: list[str] = []
    parameters = _parameters(tree, node, names, used, target)
    returns = ""
    is_plain = len(node.decorators) == bool(binding)  # others may return something else than the annotation says
    if is_plain and node.returns and (found := _names(node.returns.annotation, names)) is not None:
        used += found
        returns = f" -> {tree.code_for_node(node.returns.annotation)}"
    needed = [names[name] for name in used if name in names]
    where = Import(module, owner) if owner else module_import(module, needed)
    is_generator = any(_within(node.body, cst.Yield))
    return Function(
        name=node.name.value,
        path=f"{owner or bound_name(where)}.{node.name.value}",
        parameters=parameters,
        returns=returns,
        arguments=_arguments(node.params),
        imports=[where, *needed],
        binding=binding,
        is_coroutine=node.asynchronous is not None and not is_generator,
    )


def module_import(module: str, others: list[Import]) -> Import:
    """Import a module by its last name, under another where one of the others has that name."""
    parent, _, leaf = module.rpartition(".")
    plain = Import(parent, leaf) if parent else Import(leaf)
    taken = {"sys"} | {bound_name(entry) for entry in others if entry != plain}
    if leaf not in taken:
        return plain
    return Import(parent, leaf, f"{leaf}_module") if parent else Import(leaf, alias=f"{leaf}_module")


def bound_name(entry: Import) -> str:
    """Return the name that an import binds."""
    return entry.alias or entry.name or entry.module.split(".")[0]


def _locate(tree: cst.Module, target: str) -> tuple[str, str, cst.FunctionDef]:
    """Return the module, the class (or "") and the last definition that ``target`` names."""
    path, _, name = target.rpartition(".")
    module, _, owner = path.rpartition(".")
    classes = [node for node in tree.body if isinstance(node, cst.ClassDef) and node.name.value == owner]
    if classes and module:
        body = classes[-1].body.body
        candidates = (module, owner, body)
    else:
        candidates = (path, "", tree.body)
    found = [node for node in candidates[2] if isinstance(node, cst.FunctionDef)]
    named = [node for node in found if node.name.value == name]
    if not named or not candidates[0]:
        raise Refusal(
            f"the source does not define {target}",
            where=target,
            expected="a function of the module, or a method that the class itself defines",
            remedy="name the module and class in which it is defined, not one that inherits it",
        )
    return candidates[0], candidates[1], named[-1]


def _binding(node: cst.FunctionDef) -> str:
    plain = [d.decorator.value for d in node.decorators if isinstance(d.decorator, cst.Name)]
    return next((n for n in plain if n in ("staticmethod", "classmethod", "property")), "")


def _importable_names(tree: cst.Module, module: str) -> dict[str, Import]:
    """Map each name that the module has at run time to an import that makes it available."""
    names: dict[str, Import] = {}
    for node in tree.body:
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            names[node.name.value] = Import(module, node.name.value)
        elif isinstance(node, cst.SimpleStatementLine):
            for statement in node.body:
                names.update(_bound(statement, module))
    return names


def _bound(statement: cst.BaseSmallStatement, module: str) -> dict[str, Import]:
    if isinstance(statement, cst.Import):
        return {
            alias.evaluated_alias or alias.evaluated_name.split(".")[0]: Import(
                alias.evaluated_name, alias=alias.evaluated_alias or ""
            )
            for alias in statement.names
        }
    if isinstance(statement, cst.ImportFrom) and not isinstance(statement.names, cst.ImportStar):
        origin = _absolute(statement, module)
        return {
            alias.evaluated_alias or alias.evaluated_name: Import(
                origin, alias.evaluated_name, alias.evaluated_alias or ""
            )
            for alias in statement.names
        }
    if isinstance(statement, cst.Assign | cst.AnnAssign):
        targets = (
            [statement.target]
            if isinstance(statement, cst.AnnAssign)
            else [target.target for target in statement.targets]
        )
        return {t.value: Import(module, t.value) for t in targets if isinstance(t, cst.Name)}
    return {}


def _absolute(statement: cst.ImportFrom, module: str) -> str:
    name = get_full_name_for_node(statement.module) if statement.module else ""
    if not statement.relative:
        return name or ""
    package = module.split(".")[: -len(statement.relative)]
    return ".".join([*package, *([name] if name else [])])


def _within(node: cst.CSTNode, kind: type[Node]) -> Iterator[Node]:
    """Yield the nodes of a kind, in their order: libcst's matchers take longer to import than all of libcst."""
    if isinstance(node, kind):
        yield node
    for child in node.children:
        yield from _within(child, kind)


def _names(node: cst.CSTNode, names: dict[str, Import]) -> list[str] | None:
    """Return the names that an expression uses, None if one of them is not to be had."""
    words = list(_within(node, cst.Name))
    if any(_within(node, cst.SimpleString)) and all(name.value != "Literal" for name in words):
        return None  # a forward reference
    attributes = {id(attribute.attr) for attribute in _within(node, cst.Attribute)}
    used = [name.value for name in words if id(name) not in attributes]
    return used if all(name in names or hasattr(builtins, name) for name in used) else None


def _parameters(
    tree: cst.Module,
    node: cst.FunctionDef,
    names: dict[str, Import],
    used: list[str],
    target: str,
) -> list[str]:
    """Return the parameters as source code; the names that they need are added to ``used``."""

    def code(parameter: cst.Param) -> str:
        star = parameter.star if isinstance(parameter.star, str) else ""
        text = star + parameter.name.value
        if parameter.annotation:
            found = _names(parameter.annotation.annotation, names)
            if found is not None:
                used.extend(found)
                text += f": {tree.code_for_node(parameter.annotation.annotation)}"
        if parameter.default:
            found = _names(parameter.default, names) if not _is_string(parameter.default) else []
            if found is None:
                raise Refusal(
                    f"the default of `{parameter.name.value}` is known only inside the class",
                    where=target,
                    expected="defaults made of builtins and of the module's own names",
                    remedy="write this patch by hand",
                )
            used.extend(found)
            equals = " = " if ": " in text else "="
            text += equals + tree.code_for_node(parameter.default)
        return text

    params = node.params
    parts = [code(parameter) for parameter in params.posonly_params]
    parts += ["/"] if params.posonly_params else []
    parts += [code(parameter) for parameter in params.params]
    if isinstance(params.star_arg, cst.Param):
        parts.append(code(params.star_arg))
    elif isinstance(params.star_arg, cst.ParamStar):
        parts.append("*")
    parts += [code(parameter) for parameter in params.kwonly_params]
    parts += [code(params.star_kwarg)] if params.star_kwarg else []
    return parts


def _arguments(params: cst.Parameters) -> list[str]:
    arguments = [p.name.value for p in (*params.posonly_params, *params.params)]
    if isinstance(params.star_arg, cst.Param):
        arguments.append(f"*{params.star_arg.name.value}")
    arguments += [f"{p.name.value}={p.name.value}" for p in params.kwonly_params]
    return arguments + ([f"**{params.star_kwarg.name.value}"] if params.star_kwarg else [])


def _is_string(node: cst.BaseExpression) -> bool:
    return isinstance(node, cst.SimpleString | cst.ConcatenatedString)
