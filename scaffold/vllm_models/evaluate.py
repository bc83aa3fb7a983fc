"""Expressions of a model file, evaluated as far as config and source determine them. No code is run."""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, ClassVar, Protocol

from scaffold.source.python import bounds
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.objects import External
from scaffold.source.python.operators import ARITHMETIC, COMPARISON
from scaffold.vllm_models.mappers import Mapper
from scaffold.vllm_models.model_file import ModelFile
from scaffold.vllm_models.values import (
    Choice,
    ClassValue,
    FunctionValue,
    Node,
    Parameter,
    Record,
    Unknown,
    join,
    truth,
)

MAX_ITEMS = 4096
OPAQUE = (Unknown, Choice)
Comprehension = ast.ListComp | ast.GeneratorExp | ast.DictComp


class Names(Protocol):
    """Who answers calls and global names."""

    def global_value(self, file: ModelFile, name: str) -> Any:
        """Return what a global name of a file is."""

    def imported(self, file: ModelFile, dotted: str) -> Any:
        """Return what an import brings."""

    def class_attribute(self, of: ClassValue, name: str, owner: Node | None = None) -> Any:
        """Return a method or an assigned attribute of a class."""

    def call(self, scope: Evaluator, node: ast.Call) -> Any:
        """Return what a call returns."""

    def fault(self, where: str, what: str) -> None:
        """Note that the code fails here, unless that is in doubt."""

    def doubtful(self, is_so: bool = True) -> AbstractContextManager[None]:
        """Note that what follows may not be run, or be asked whether it fails."""


class Evaluator:
    """Evaluates expressions in one scope.

    Args:
        reader: answers calls and global names.
        file: the file of the expressions.
        variables: the local names.
    """

    _methods: ClassVar[dict[type, Callable[[Evaluator, Any], Any] | None]] = {}
    """Kind of expression → the method that evaluates it, once it was looked up."""

    def __init__(self, reader: Names, file: ModelFile, variables: dict[str, Any]) -> None:
        self.reader, self.file, self.variables = reader, file, variables

    def value(self, node: ast.expr) -> Any:
        """Return what an expression is, or that it is unknown."""
        kind = type(node)
        if kind not in self._methods:
            self._methods[kind] = getattr(Evaluator, f"_{kind.__name__.lower()}", None)
        method = self._methods[kind]
        if method is None:
            return Unknown(f"{self.file.where(node)}: {kind.__name__}", made=True)
        return method(self, node)

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.variables[node.id]
        return self.reader.global_value(self.file, node.id)

    def _attribute(self, node: ast.Attribute) -> Any:
        return self.attribute(self.value(node.value), node)

    def attribute(self, owner: Any, node: ast.Attribute) -> Any:
        """Return an attribute of a value."""
        if isinstance(owner, Record):
            if owner.lacks_surely(node.attr):
                self.reader.fault(self.file.where(node), f"reads {ast.unparse(node)}, which {owner.what} does not have")
            return owner.get(node.attr)
        if isinstance(owner, External):
            return External(f"{owner.dotted}.{node.attr}")
        if isinstance(owner, ClassValue):
            return self.reader.class_attribute(owner, node.attr)
        if isinstance(owner, Node):
            if node.attr in owner.attributes:
                return owner.attributes[node.attr]
            if owner.definition is not None:
                return self.reader.class_attribute(owner.definition, node.attr, owner)
        return Unknown(f"{self.file.where(node)}: .{node.attr}")

    def _call(self, node: ast.Call) -> Any:
        return self.reader.call(self, node)

    def _boolop(self, node: ast.BoolOp) -> Any:
        stops = isinstance(node.op, ast.Or)
        result: Any = not stops
        unknown = False
        for operand in node.values:
            with self.reader.doubtful(unknown):
                result = self.value(operand)
            known = truth(result)
            if known is stops and (not unknown or isinstance(result, bool)):
                return result
            unknown = unknown or known is None or known is stops
        return Unknown(f"{self.file.where(node)}: a condition") if unknown else result

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.value(node.operand)
        if isinstance(node.op, ast.Not):
            known = truth(value)
            return Unknown(f"{self.file.where(node)}: a condition") if known is None else not known
        if isinstance(node.op, ast.USub) and isinstance(value, int | float):
            return -value
        return Unknown(f"{self.file.where(node)}: arithmetic")

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.BitOr) and isinstance(left, Mapper) and isinstance(right, Mapper):
            return left | right
        if isinstance(node.op, ast.BitOr) and isinstance(left, dict) and isinstance(right, dict):
            return left | right
        plain = (int, float, str, list, tuple)
        if not isinstance(left, plain) or not isinstance(right, plain):
            return Unknown(f"{self.file.where(node)}: arithmetic")
        try:
            bounds.binary(node.op, left, right)
            return ARITHMETIC[type(node.op)](left, right)
        except (NotUnderstood, TypeError, ZeroDivisionError, ValueError, OverflowError, MemoryError):
            return Unknown(f"{self.file.where(node)}: arithmetic")

    def _compare(self, node: ast.Compare) -> Any:
        left = self.value(node.left)
        for sign, item in zip(node.ops, node.comparators):
            right = self.value(item)
            if isinstance(left, OPAQUE) or isinstance(right, OPAQUE):
                return Unknown(f"{self.file.where(node)}: a comparison")
            if isinstance(left, ClassValue) and isinstance(right, ClassValue) and isinstance(sign, ast.Is | ast.IsNot):
                if (left == right) is isinstance(sign, ast.IsNot):
                    return False
                continue
            if not isinstance(sign, ast.Is | ast.IsNot) and _has_object(left, right):
                return Unknown(f"{self.file.where(node)}: whether objects are equal")
            try:
                bounds.walked((left, right))
                if not COMPARISON[type(sign)](left, right):
                    return False
            except (NotUnderstood, TypeError):
                return Unknown(f"{self.file.where(node)}: a comparison")
            left = right
        return True

    def _ifexp(self, node: ast.IfExp) -> Any:
        known = truth(self.value(node.test))
        if known is None:
            with self.reader.doubtful():
                return join(self.value(node.body), self.value(node.orelse))
        return self.value(node.body if known else node.orelse)

    def _namedexpr(self, node: ast.NamedExpr) -> Any:
        value = self.value(node.value)
        self.variables[node.target.id] = value
        return value

    def _joinedstr(self, node: ast.JoinedStr) -> Any:
        text = ""
        for part in node.values:
            value = self.value(part.value if isinstance(part, ast.FormattedValue) else part)
            if not isinstance(value, str | int):
                return Unknown(f"{self.file.where(node)}: a text")
            text += str(value)
        return text if len(text) <= bounds.MAX_ELEMENTS else Unknown(f"{self.file.where(node)}: a text")

    def _list(self, node: ast.List | ast.Tuple) -> Any:
        items: list[Any] = []
        for element in node.elts:
            if isinstance(element, ast.Starred):
                inner = self.value(element.value)
                if not isinstance(inner, list | tuple) or len(items) + len(inner) > bounds.MAX_ELEMENTS:
                    return Unknown(f"{self.file.where(node)}: a list")
                items += inner
            else:
                items.append(self.value(element))
        return items if isinstance(node, ast.List) else tuple(items)

    _tuple = _list

    def _dict(self, node: ast.Dict) -> Any:
        found: dict[Any, Any] = {}
        for key, item in zip(node.keys, node.values):
            value = self.value(item)
            if key is None and isinstance(value, dict):
                found |= value
            elif key is None or isinstance(name := self.value(key), (*OPAQUE, list)):
                return Unknown(f"{self.file.where(node)}: a dictionary")
            else:
                found[name] = value
        return found

    def _subscript(self, node: ast.Subscript) -> Any:
        owner, index = self.value(node.value), self.value(node.slice)
        if isinstance(owner, Record) and isinstance(index, str):
            return owner.get(index)
        if isinstance(owner, list | tuple | dict) and isinstance(index, int | str):
            try:
                return owner[index]  # type: ignore[index]
            except (LookupError, TypeError):
                pass
        return Unknown(f"{self.file.where(node)}: an item")

    def _lambda(self, node: ast.Lambda) -> Any:
        return FunctionValue(self.file, node, None, self.variables)

    def _listcomp(self, node: ast.ListComp | ast.GeneratorExp) -> Any:
        found = self._each(node, lambda inner: inner.value(node.elt))
        return Unknown(f"{self.file.where(node)}: a list", made=True) if found is None else found

    _generatorexp = _listcomp

    def _dictcomp(self, node: ast.DictComp) -> Any:
        found = self._each(node, lambda inner: (inner.value(node.key), inner.value(node.value)))
        if found is None or not all(isinstance(key, str | int) for key, _ in found):
            return Unknown(f"{self.file.where(node)}: a dictionary", made=True)
        return dict(found)

    def _each(self, node: Comprehension, made: Callable[[Evaluator], Any]) -> list[Any] | None:
        """Return what a comprehension makes of each item; None where that is not known."""
        if len(node.generators) != 1:
            return None
        loop = node.generators[0]
        items = self.value(loop.iter)
        if not isinstance(items, list | tuple | range) or len(items) > MAX_ITEMS:
            return None
        found = []
        for item in items:
            inner = Evaluator(self.reader, self.file, dict(self.variables))
            if not inner.assign(loop.target, item):
                return None
            keep = [truth(inner.value(test)) for test in loop.ifs]
            if None in keep:
                return None
            if all(keep):
                found.append(made(inner))
        return found

    def loosen(self, target: ast.expr) -> bool:
        """Note that a parameter is made another one than its layer makes: its shape is no longer known."""
        if not isinstance(target, ast.Attribute):
            return False
        owner = self.value(target.value)
        if not isinstance(owner, Node) or target.attr not in owner.parameters:
            return False
        owner.parameters[target.attr] = Parameter(owner.parameters[target.attr].required)
        return True

    def assign(self, target: ast.expr, value: Any) -> bool:
        """Give a name, an attribute or a tuple of them a value; return False where that is not possible."""
        if isinstance(target, ast.Name):
            self.variables[target.id] = value
        elif isinstance(target, ast.Attribute):
            owner = self.value(target.value)
            if self.loosen(target.value):
                return True
            if not isinstance(owner, Node):
                return False
            owner.attributes[target.attr] = value
        elif isinstance(target, ast.Tuple | ast.List):
            items = list(value) if isinstance(value, list | tuple) else [value] * len(target.elts)
            if isinstance(value, list | tuple) and len(items) != len(target.elts):
                return False
            return False not in {self.assign(inner, item) for inner, item in zip(target.elts, items)}
        elif isinstance(target, ast.Subscript):
            return self._set_item(target, value)
        else:
            return False
        return True

    def _set_item(self, target: ast.Subscript, value: Any) -> bool:
        """Give a dictionary of a module's, or of its class's, an entry: ``self.packed_modules_mapping["qkv"] = …``."""
        owner = self.value(target.value.value) if isinstance(target.value, ast.Attribute) else None
        held, key = self.value(target.value), self.value(target.slice)
        if not isinstance(owner, Node) or not isinstance(held, dict) or not isinstance(key, str):
            return False
        assert isinstance(target.value, ast.Attribute)
        name = target.value.attr
        if name in owner.attributes:
            owner.attributes[name] = {**held, key: value}
        else:
            owner.grown[name] = {**owner.grown.get(name, held), key: value}
        return True


def _has_object(*values: Any) -> bool:
    """Return whether there is an object among values, or in lists of them: its class says what it equals."""
    return any(isinstance(one, Node) or (isinstance(one, list | tuple) and _has_object(*one)) for one in values)
