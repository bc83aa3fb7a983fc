"""The statements of the source: what they assign to, and which numbers stand in them."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from scaffold.source.python.objects import SourceClass
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.module import Module


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

    def says(self, where: str, number: float) -> bool:
        """Return whether a number stands in a statement as it is."""
        node = self.at(where)
        inside = ast.walk(node) if node is not None else ()
        return abs(float(number)) in _numbers(inside)

    def constants_of(self, modules: Iterable[Module]) -> frozenset[float]:
        """Return the numbers that stand in the classes of modules, and of those that these extend."""
        classes = [cls for module in modules if module.cls is not None for cls in module.cls.ancestry]
        nodes = (node for cls in classes if isinstance(cls, SourceClass) for node in ast.walk(cls.node))
        return _numbers(nodes)

    def says_word(self, where: str, *words: str) -> bool:
        """Return whether one of some attributes, such as ``float32``, stands in a statement."""
        node = self.at(where)
        inside = ast.walk(node) if node is not None else ()
        return any(isinstance(one, ast.Attribute) and one.attr in words for one in inside)


def _numbers(nodes: Iterable[ast.AST]) -> frozenset[float]:
    values = (node.value for node in nodes if isinstance(node, ast.Constant))
    return frozenset(float(value) for value in values if isinstance(value, (int, float)) and value is not True)


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
