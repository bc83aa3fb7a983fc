"""Do the calls in a file fit what a source tree defines? Read from text alone: nothing is imported.

An import that resolves is half of it: a release may have the class and not the argument. Keywords and the number of
plain arguments are compared with the signature that the tree has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scaffold_validators.digest import State, state_of
from scaffold_validators.imports import absolute_module, module_file, parsed_file
from scaffold_validators.syntax import nodes

MOST_STEPS = 12
"""How many re-exports and base classes are followed in a row."""


@dataclass(frozen=True)
class Misfit:
    """A call that the tree's definition does not take."""

    line: int
    callee: str
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.callee} {self.what}"


@dataclass(frozen=True)
class Signature:
    """What a function or class can be called with; ``self`` is left out."""

    positional: tuple[str, ...]
    keywords: frozenset[str]
    takes_any: bool
    """It has ``**kwargs``."""
    takes_more: bool
    """It has ``*args``."""
    required: frozenset[str]


@dataclass(frozen=True)
class _Definition:
    module: str
    node: ast.FunctionDef | ast.ClassDef


def misfit_calls(text: str, tree: Path, package: str = "vllm") -> tuple[Misfit, ...]:
    """Return the calls of names imported from a tree's package that do not fit their definition there.

    Args:
        text: a Python file, its relative imports made absolute.
        tree: the directory that holds the package.
        package: the top-level package that is looked into.

    Raises:
        SyntaxError: the text does not parse.
    """
    names = {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in nodes(text)
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == package
        for alias in node.names
    }
    return tuple(_misfits(text, names, tree))


def signature(tree: Path, module: str, name: str) -> Signature | None:
    """Return what a name of a module can be called with; None if the tree's text does not say."""
    found = _definition(tree, module, name, MOST_STEPS)
    return None if found is None else _signature(tree, found, MOST_STEPS)


def _misfits(text: str, names: dict[str, tuple[str, str]], tree: Path) -> Iterator[Misfit]:
    for node in nodes(text):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or node.func.id not in names:
            continue
        found = signature(tree, *names[node.func.id])
        if found is None:
            continue
        given = {keyword.arg for keyword in node.keywords if keyword.arg}
        for keyword in sorted(given - found.keywords):
            if not found.takes_any:
                yield Misfit(node.lineno, node.func.id, f"has no argument {keyword!r}")
        spread = any(isinstance(a, ast.Starred) for a in node.args) or len(given) < len(node.keywords)
        if len(node.args) > len(found.positional) and not found.takes_more:
            yield Misfit(node.lineno, node.func.id, f"takes {len(found.positional)} plain arguments")
        left = found.required - given - set(found.positional[: len(node.args)])
        if left and not spread:
            yield Misfit(node.lineno, node.func.id, f"needs {', '.join(sorted(left))}")


def _definition(tree: Path, module: str, name: str, steps: int) -> _Definition | None:
    """Find where a name is defined, through imports, aliases and star imports."""
    file = module_file(tree, module)
    if file is None or not file.is_file() or not steps:
        return None
    body = _body(file.resolve(), state_of(file))
    for node in reversed(body):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return _Definition(module, node)
        if isinstance(node, ast.ImportFrom):
            source = absolute_module(node.module or "", node.level, module, file)
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _definition(tree, source, alias.name, steps - 1)
    for node in body:
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            source = absolute_module(node.module or "", node.level, module, file)
            found = _definition(tree, source, name, steps - 1)
            if found is not None:
                return found
    return None


@lru_cache(maxsize=256)
def _body(file: Path, state: State) -> tuple[ast.stmt, ...]:
    """Return what defines or imports names in a module; ``state`` is that of the file, by which it is kept."""
    kinds = ast.FunctionDef | ast.ClassDef | ast.ImportFrom
    return tuple(node for node in _statements(parsed_file(file, state).body) if isinstance(node, kinds))


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try):
            yield from _statements([*node.body, *node.orelse])


def _signature(tree: Path, found: _Definition, steps: int) -> Signature | None:
    if isinstance(found.node, ast.FunctionDef):
        return _of_function(found.node, method=False)
    methods = {n.name: n for n in found.node.body if isinstance(n, ast.FunctionDef)}
    if "__init__" in methods:
        return _of_function(methods["__init__"], method=True)
    if any("dataclass" in ast.unparse(d) for d in found.node.decorator_list):
        return _of_fields(tree, found, steps)
    for base in found.node.bases:
        if isinstance(base, ast.Name) and steps:
            above = _definition(tree, found.module, base.id, steps - 1)
            if above is not None:
                return _signature(tree, above, steps - 1)
    return None


def _of_function(node: ast.FunctionDef, method: bool) -> Signature:
    arguments = node.args
    plain = [a.arg for a in (*arguments.posonlyargs, *arguments.args)][1 if method else 0 :]
    only = [a.arg for a in arguments.kwonlyargs]
    without_default = plain[: len(plain) - len(arguments.defaults)] if arguments.defaults else plain
    needed = [name for name, default in zip(only, arguments.kw_defaults) if default is None]
    return Signature(
        tuple(plain),
        frozenset((*plain, *only)),
        arguments.kwarg is not None,
        arguments.vararg is not None,
        frozenset((*without_default, *needed)),
    )


def _of_fields(tree: Path, found: _Definition, steps: int) -> Signature:
    """Return what a dataclass takes: the fields of its bases first. A base that is not in the tree may have any."""
    inherited = []
    for base in reversed(found.node.bases if isinstance(found.node, ast.ClassDef) else []):
        above = _definition(tree, found.module, base.id, steps - 1) if isinstance(base, ast.Name) and steps else None
        signature_above = None if above is None else _signature(tree, above, steps - 1)
        if above is not None and signature_above is not None:
            inherited.append(signature_above)
        elif above is None and ast.unparse(base) != "object":
            inherited.append(_ANY)
    fields = [n for n in found.node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)]
    own = tuple(n.target.id for n in fields if isinstance(n.target, ast.Name))
    needed = frozenset(n.target.id for n in fields if n.value is None and isinstance(n.target, ast.Name))
    names = tuple(dict.fromkeys([*(name for above in inherited for name in above.positional), *own]))
    return Signature(
        names,
        frozenset(names).union(*(above.keywords for above in inherited)),
        any(above.takes_any for above in inherited),
        any(above.takes_more for above in inherited),
        needed.union(*(above.required - frozenset(own) for above in inherited)),
    )


_ANY = Signature((), frozenset(), takes_any=True, takes_more=True, required=frozenset())
