"""The statements of the source: what they assign to, and which numbers stand in them."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from scaffold.expressions.tree import Binary, Expression, Literal
from scaffold.source.python.objects import SourceClass
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.module import Module

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
}  # fmt: skip
ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow,
}  # fmt: skip


class Statements:
    """Statements by the place that operations say (``Operation.where``).

    Args:
        files: that the operations come from.
    """

    def __init__(self, files: Iterable[SourceFile]) -> None:
        self._files = list(files)

    @cached_property
    def _by_place(self) -> dict[str, ast.stmt]:
        """Of statements on the same lines, the innermost."""
        return {
            file.lines(node): node for file in self._files for node in ast.walk(file.tree) if isinstance(node, ast.stmt)
        }

    def at(self, where: str) -> ast.stmt | None:
        """Return the statement at a place, None if its file is not among these."""
        return self._by_place.get(where)

    def names(self, where: str) -> tuple[str, ...]:
        """Return the plain names that a statement gives its value to, in order; ``_`` for anything else."""
        match self.at(where):
            case ast.Assign(targets=[ast.Name(name)]) | ast.AugAssign(target=ast.Name(name)):
                return (name,)
            case ast.AnnAssign(target=ast.Name(name)):
                return (name,)
            case ast.Assign(targets=[ast.Tuple(parts)]):
                return tuple(part.id if isinstance(part, ast.Name) else "_" for part in parts)
        return ()

    def name_of_call(self, where: str) -> str:
        """Return the one name that a statement gives the value of a call to, empty if it does more."""
        node, names = self.at(where), self.names(where)
        alone = isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(node.value, ast.Call)
        return names[0] if alone and len(names) == 1 else ""

    def constants_at(self, where: str) -> Mapping[float, Expression]:
        """Return the numbers that stand in a statement, and what is computed of those alone, as they are written."""
        node = self.at(where)
        return _numbers(ast.walk(node) if node is not None else ())

    def constants_of(self, modules: Iterable[Module]) -> Mapping[float, Expression]:
        """Return the same of the classes of modules, and of those that these extend."""
        classes = [cls for module in modules if module.cls is not None for cls in module.cls.ancestry]
        nodes = (node for cls in classes if isinstance(cls, SourceClass) for node in ast.walk(cls.node))
        return _numbers(nodes)

    def says_word(self, where: str, *words: str) -> bool:
        """Return whether one of some attributes, such as ``float32``, stands in a statement."""
        node = self.at(where)
        inside = ast.walk(node) if node is not None else ()
        return any(isinstance(one, ast.Attribute) and one.attr in words for one in inside)


def _numbers(nodes: Iterable[ast.AST]) -> Mapping[float, Expression]:
    """Return the constants among nodes by their values; those that are computed only where none is written so."""
    found = [one for node in nodes if isinstance(node, ast.expr) and (one := _constant(node)) is not None]
    return dict(sorted(found, key=lambda one: isinstance(one[1], Literal)))


def _constant(node: ast.expr) -> tuple[float, Expression] | None:
    """Return a number and how it is written, None for what is no arithmetic over numbers alone."""
    match node:
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            return _computed(lambda: value, Literal(value))
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as value)):
            return _computed(lambda: -value, Literal(-value))
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            first, second, sign = _constant(left), _constant(right), OPERATORS[type(op)]
            if first is not None and second is not None:
                tree = Binary(sign, first[1], second[1])
                return _computed(lambda: ARITHMETIC[sign](first[0], second[0]), tree)
        case ast.Call(ast.Attribute(attr="sqrt") | ast.Name("sqrt"), [argument], []):
            if (given := _constant(argument)) is not None:
                return _computed(lambda: math.sqrt(given[0]), Binary("**", given[1], Literal(0.5)))
    return None


def _computed(number: Callable[[], float], tree: Expression) -> tuple[float, Expression] | None:
    """Return a number, computed in floating point, so that no power of it is large; None where it is none."""
    try:
        value = float(number())
    except (ArithmeticError, TypeError, ValueError):
        return None
    return (value, tree) if math.isfinite(value) else None


def files_of(modules: Iterable[Module]) -> list[SourceFile]:
    """Return the files of the classes of modules, and of those that these extend."""
    found: dict[str, SourceFile] = {}
    for module in modules:
        for cls in module.cls.ancestry if module.cls is not None else ():
            if isinstance(cls, SourceClass):
                found[cls.file.shown] = cls.file
    return list(found.values())


def lines_of(place: str) -> tuple[str, range]:
    """Return the path and the lines of a place, such as ``modeling_x.py:10-12``; no lines if it names none."""
    path, _, numbers = place.rpartition(":")
    first, _, last = numbers.partition("-")
    return path, range(int(first), int(last or first) + 1) if first.isdigit() else range(0)


def shown(places: Iterable[str]) -> str:
    """Return places as a comment says them: ``modeling_x.py:10-12, 31``, without folders."""
    lines: dict[str, set[int]] = {}
    for place in places:
        path, numbers = lines_of(place)
        if numbers:
            lines.setdefault(path.rpartition("/")[2], set()).update(numbers)
    return "; ".join(f"{file}:{_ranges(sorted(found))}" for file, found in lines.items())


def _ranges(numbers: list[int]) -> str:
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
