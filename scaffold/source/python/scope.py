"""Evaluation of expressions in one scope of interpreted source, and assignments to its names."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import partial
from operator import getitem
from typing import Any, ClassVar

from scaffold.source.python import bounds, comprehensions, spread
from scaffold.source.python.absent import absent
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.objects import External, Function, SourceClass, SuperProxy
from scaffold.source.python.operators import ARITHMETIC, COMPARISON, UNARY
from scaffold.source.python.protocol import Interpreter
from scaffold.source.python.shadows import PLAIN, depends_on_sizes
from scaffold.source.python.syntax import SourceFile

CONVERSIONS: dict[int, Callable[[Any], Any]] = {-1: lambda value: value, ord("s"): str, ord("r"): repr, ord("a"): ascii}
"""``{value!r}`` and its like, by the number in the syntax tree."""

LEAST = (min, max)
"""Functions that choose among numbers."""
CONTAINERS = (list, tuple, set, dict, range)
"""What may have another length at the checkpoint's sizes, or none."""
CUT = (list, tuple, str, range)
"""Of these a part may be another one at the checkpoint's sizes."""


class Scope:
    """One scope: its names, the scopes around it, and the class that a method belongs to."""

    _methods: ClassVar[dict[type, Callable[[Scope, Any], Any]]] = {}
    """Kind of expression → the method that evaluates it, once it was looked up."""

    def __init__(
        self,
        interpreter: Interpreter,
        file: SourceFile,
        names: dict[str, Any],
        closure: dict[str, Any],
        owner: SourceClass | None = None,
        receiver: Any = None,
    ) -> None:
        self.interpreter, self.file = interpreter, file
        self.names, self.closure = names, closure
        self.owner, self.receiver = owner, receiver
        self.turned: Any = None
        """What a comprehension goes through that has more or fewer entries for the checkpoint."""
        self.globals: set[str] = set()
        """Names that the function assigns at the top level of its file."""

    def assign(self, target: ast.expr, value: Any) -> None:
        """Bind a value to a target."""
        if isinstance(target, ast.Name):
            if target.id in self.globals:
                self.interpreter.set_global(self.file, target.id, value)
            else:
                self.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = self._gathered(target.elts, value)
            if len(items) != len(target.elts):
                raise NotUnderstood(f"{len(items)} values for {len(target.elts)} names")
            for part, item in zip(target.elts, items):
                self.assign(part.value if isinstance(part, ast.Starred) else part, item)
        elif isinstance(target, ast.Attribute):
            self.interpreter.set_attribute(self.value(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            holder, key = self.value(target.value), self.value(target.slice)
            try:
                self.interpreter.set_item(holder, key, value)
            except (KeyError, IndexError) as error:
                raise absent(error, holder, key, target) from error
        else:
            raise NotUnderstood(f"an assignment to {type(target).__name__}")

    # --- expressions

    def value(self, node: ast.expr) -> Any:
        """Evaluate an expression."""
        method = self._methods.get(type(node))
        if method is None:
            method = getattr(type(self), f"of_{type(node).__name__}", None)
            if method is None:
                raise NotUnderstood(f"the expression {type(node).__name__}", self.file.lines(node))
            self._methods[type(node)] = method
        return method(self, node)

    def of_Constant(self, node: ast.Constant) -> Any:  # noqa: N802
        return node.value

    def of_Name(self, node: ast.Name) -> Any:  # noqa: N802
        for scope in (self.names, self.closure):
            if node.id in scope:
                return scope[node.id]
        return self.interpreter.global_name(self.file, node.id)

    def of_Attribute(self, node: ast.Attribute) -> Any:  # noqa: N802
        return self.interpreter.attribute(self.value(node.value), node.attr)

    def of_BinOp(self, node: ast.BinOp) -> Any:  # noqa: N802
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, External) or isinstance(right, External):
            return External("typing.Union")  # `A | B` between types
        self.interpreter.spend(bounds.binary(node.op, left, right))
        result = ARITHMETIC[type(node.op)](left, right)
        return self.interpreter.derived(ARITHMETIC[type(node.op)], (left, right), result)

    def of_UnaryOp(self, node: ast.UnaryOp) -> Any:  # noqa: N802
        if isinstance(node.op, ast.Not):
            return not self.truth(node.operand)
        value = self.value(node.operand)
        return self.interpreter.derived(UNARY[type(node.op)], (value,), UNARY[type(node.op)](value))

    def truth(self, node: ast.expr) -> bool:
        """Return whether an expression counts as true."""
        return self._is_true(self.value(node), node)

    def _is_true(self, value: Any, node: ast.expr) -> bool:
        if type(value) in PLAIN:
            return bool(value)
        if not isinstance(value, (int, float, str, *CONTAINERS)):
            return bool(self.interpreter.derived(bool, (value,), bool(value)))
        return bool(self.interpreter.chosen(bool, (value,), bool(value), (self.file, node)))

    def of_BoolOp(self, node: ast.BoolOp) -> Any:  # noqa: N802
        wanted = isinstance(node.op, ast.Or)
        result: Any = None
        for part in node.values:
            result = self.value(part)
            if self._is_true(result, part) is wanted:
                return result
        return result

    def of_Compare(self, node: ast.Compare) -> Any:  # noqa: N802
        left = self.value(node.left)
        result: Any = True
        for op, comparator in zip(node.ops, node.comparators):
            right = self.value(comparator)
            self.interpreter.spend(bounds.comparison(op, left, right))
            result = COMPARISON[type(op)](left, right)
            # The number of tokens is a plain one where it did not come from a tensor's shape.
            if type(left) not in PLAIN or type(right) not in PLAIN or type(left) is int:
                result = self.interpreter.chosen(COMPARISON[type(op)], (left, right), result, (self.file, node))
            if len(node.ops) > 1 and not result:
                return result
            left = right
        return result

    def of_IfExp(self, node: ast.IfExp) -> Any:  # noqa: N802
        return self.value(node.body if self.truth(node.test) else node.orelse)

    def of_Tuple(self, node: ast.Tuple) -> Any:  # noqa: N802
        return self._elements(node.elts, spread.as_tuple)

    def of_List(self, node: ast.List) -> Any:  # noqa: N802
        return self._elements(node.elts, spread.as_list)

    def of_Set(self, node: ast.Set) -> Any:  # noqa: N802
        elements = self._elements(node.elts, spread.as_list)
        self.interpreter.spend(bounds.walked(elements))
        return self.interpreter.derived(set, (elements,), set(elements))

    def of_Dict(self, node: ast.Dict) -> Any:  # noqa: N802
        parts = []
        for key, value in zip(node.keys, node.values):
            if key is None:
                parts.append(self.value(value))
                self.interpreter.spend(bounds.walked(parts[-1:]))
            else:
                parts.append({self.key(key): self.value(value)})
        result = spread.as_dict(*parts)
        return self.interpreter.derived(spread.as_dict, parts, result) if None in node.keys else result

    def of_Subscript(self, node: ast.Subscript) -> Any:  # noqa: N802
        value, key = self.value(node.value), self.value(node.slice)
        if isinstance(value, dict) or (depends_on_sizes(key) and isinstance(value, (list, tuple))):
            key = self.interpreter.sought(value, key, (self.file, node))
        try:
            result = self.interpreter.item(value, key)
        except (KeyError, IndexError) as error:
            self.interpreter.derived(_has, (value, key), False)
            raise absent(error, value, key, node) from error
        return self.interpreter.derived(getitem, (value, key), result) if isinstance(value, CUT) else result

    def of_Slice(self, node: ast.Slice) -> Any:  # noqa: N802
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if part is None else self.value(part) for part in parts))

    def of_JoinedStr(self, node: ast.JoinedStr) -> Any:  # noqa: N802
        parts = [self.value(part) for part in node.values]
        return self.interpreter.derived(_joined, parts, _joined(*parts))

    def of_FormattedValue(self, node: ast.FormattedValue) -> Any:  # noqa: N802
        value = self.value(node.value)
        spec = self.value(node.format_spec) if node.format_spec is not None else ""
        self.interpreter.spend(bounds.formatted(value, spec))
        values = (CONVERSIONS[node.conversion], value, spec)
        return self.interpreter.derived(_formatted, values, _formatted(*values))

    def of_Lambda(self, node: ast.Lambda) -> Any:  # noqa: N802
        return Function(self.file, node, {**self.closure, **self.names})

    def of_NamedExpr(self, node: ast.NamedExpr) -> Any:  # noqa: N802
        value = self.value(node.value)
        self.assign(node.target, value)
        return value

    of_ListComp = comprehensions.list_of  # noqa: N815
    of_GeneratorExp = comprehensions.generator_of  # noqa: N815
    of_SetComp = comprehensions.set_of  # noqa: N815
    of_DictComp = comprehensions.dict_of  # noqa: N815

    def of_Call(self, node: ast.Call) -> Any:  # noqa: N802
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            if self.owner is None:
                raise NotUnderstood("super() outside of a method")
            return SuperProxy(self.receiver, self.owner)
        function = self.value(node.func)
        args, kwargs = self._elements(node.args, spread.as_list), self._named(node.keywords)
        result = self.interpreter.call(function, args, kwargs, self.file.lines(node))
        if not isinstance(function, (Function, SourceClass)):
            result = spread.answered(self.interpreter, args, kwargs, result)
        if any(function is one for one in (*LEAST, sorted)):
            return self._ordered(function, args, kwargs, result, node)
        return result

    def _ordered(self, function: Any, args: list[Any], kwargs: dict[str, Any], result: Any, node: ast.Call) -> Any:
        """Return the least, the largest, or all values in their order, which may be another one for the checkpoint."""
        values = args if len(args) > 1 else list(self.interpreter.iterate(args[0]))
        if function is not sorted and not kwargs:
            return self.interpreter.chosen(function, values, result, (self.file, node))
        key, where = kwargs.get("key"), self.file.lines(node)
        keys = values if key is None else [self.interpreter.call(key, [value], {}, where) for value in values]
        self.interpreter.derived(partial(has_order, order(*keys)), keys, True)
        return result

    def key(self, node: ast.expr) -> Any:
        """Return a key of a dictionary or an element of a set, which is hashed with all that is in it."""
        value = self.value(node)
        self.interpreter.spend(bounds.walked((value,)))
        return value

    def _named(self, nodes: list[ast.keyword]) -> dict[str, Any]:
        """Return the arguments of a call that are given by their names."""
        if all(one.arg is not None for one in nodes):
            return {one.arg: self.value(one.value) for one in nodes if one.arg is not None}
        parts = [self.value(one.value) if one.arg is None else {one.arg: self.value(one.value)} for one in nodes]
        result: dict[str, Any] = self.interpreter.derived(spread.as_dict, parts, spread.as_dict(*parts))
        return result

    def _elements(self, nodes: list[ast.expr], gather: Callable[..., Any]) -> Any:
        """Return values as one container, with those of others that are put into it: ``[first, *rest]``."""
        if not any(isinstance(node, ast.Starred) for node in nodes):
            return gather([self.value(node) for node in nodes])
        parts: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                value = self.value(node.value)
                items = list(self.interpreter.iterate(value))
                parts.append(value if isinstance(value, CONTAINERS) else self.interpreter.counted(value, items))
            else:
                parts.append((self.value(node),))
        return self.interpreter.derived(gather, parts, gather(*parts))

    def _gathered(self, targets: list[ast.expr], value: Any) -> list[Any]:
        """Return what several targets are given of a value, as many as there are targets."""
        items = list(self.interpreter.iterate(value))
        starred = next((i for i, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
        if starred is None:
            return items
        after = len(targets) - starred - 1
        rest = partial(spread.rest_of, before=starred, after=after)
        gathered = self.interpreter.derived(rest, (value,), rest(items))
        return [*items[:starred], gathered, *items[len(items) - after :]]

    def inner(self) -> Scope:
        """Return a scope inside this one, which sees its names."""
        return Scope(self.interpreter, self.file, {}, {**self.closure, **self.names}, self.owner, self.receiver)


def order(*keys: Any) -> list[int]:
    """Return the numbers of the keys in ascending order."""
    return sorted(range(len(keys)), key=keys.__getitem__)


def has_order(numbers: list[int], *keys: Any) -> bool:
    """Return whether keys are in an order."""
    return order(*keys) == numbers


def _has(holder: Any, key: Any) -> bool:
    """Return whether a container has an item."""
    try:
        holder[key]
    except (KeyError, IndexError):
        return False
    return True


def _joined(*parts: Any) -> str:
    """Return the parts of a formatted text as one."""
    return "".join(map(str, parts))


def _formatted(conversion: Callable[[Any], Any], value: Any, spec: str) -> str:
    """Return a value as a formatted text shows it."""
    shown = conversion(value)
    return format(shown, spec) if spec else str(shown)
