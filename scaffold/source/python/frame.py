"""Evaluation of one function body: statements and expressions of the interpreted subset of Python."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import Any

from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.objects import External, Function, SourceClass, SuperProxy
from scaffold.source.python.protocol import Interpreter
from scaffold.source.python.syntax import SourceFile

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
    ast.MatMult: operator.matmul, ast.BitAnd: operator.and_, ast.BitOr: operator.or_,
    ast.BitXor: operator.xor, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
}  # fmt: skip
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_, ast.Invert: operator.invert,
}  # fmt: skip
LARGEST_RESULT = 10_000_000
"""Bound on sequences and powers, so that no expression of an untrusted file eats memory or time."""
LARGEST_INT = 10_000
"""Bits of a whole number; those of a model have 64."""


class Returned(Exception):  # noqa: N818 - control flow
    """A ``return`` on its way out."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Broke(Exception):  # noqa: N818 - control flow
    """A ``break`` on its way out."""


class Continued(Exception):  # noqa: N818 - control flow
    """A ``continue`` on its way out."""


class Frame:
    """One scope: its names, the scopes around it, and the class that a method belongs to."""

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

    # --- statements

    def run(self, body: list[ast.stmt]) -> None:
        """Carry out statements in order."""
        for statement in body:
            self.interpreter.step(self.file, statement)
            method = getattr(self, f"do_{type(statement).__name__}", None)
            if method is None:
                raise NotUnderstood(f"the statement {type(statement).__name__}", self.file.lines(statement))
            try:
                method(statement)
            except NotUnderstood as error:
                raise error.at(self.file.lines(statement)) from error
            except (Returned, Broke, Continued):
                raise
            except RecursionError as error:
                raise NotUnderstood("code nested too deeply", self.file.lines(statement)) from error
            except (KeyError, IndexError, AttributeError) as error:
                raise Raised(f"{type(error).__name__}: {error}", self.file.lines(statement)) from error
            except Exception as error:  # whatever else the arithmetic of an odd source raises
                what = f"{type(error).__name__}: {error}"
                raise NotUnderstood(what, self.file.lines(statement)) from error

    def do_Expr(self, node: ast.Expr) -> None:  # noqa: N802
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def do_Assign(self, node: ast.Assign) -> None:  # noqa: N802
        value = self.value(node.value)
        for target in node.targets:
            self.assign(target, value)

    def do_AnnAssign(self, node: ast.AnnAssign) -> None:  # noqa: N802
        if node.value is not None:
            self.assign(node.target, self.value(node.value))

    def do_AugAssign(self, node: ast.AugAssign) -> None:  # noqa: N802
        target = _as_load(node.target)
        left, right = self.value(target), self.value(node.value)
        function = BINARY[type(node.op)]
        _bound(node.op, left, right)
        self.assign(node.target, self.interpreter.augmented(function, left, right))

    def do_Return(self, node: ast.Return) -> None:  # noqa: N802
        raise Returned(None if node.value is None else self.value(node.value))

    def do_Pass(self, node: ast.Pass) -> None:  # noqa: N802
        return

    def do_Break(self, node: ast.Break) -> None:  # noqa: N802
        raise Broke

    def do_Continue(self, node: ast.Continue) -> None:  # noqa: N802
        raise Continued

    def do_Assert(self, node: ast.Assert) -> None:  # noqa: N802
        return

    def do_Raise(self, node: ast.Raise) -> None:  # noqa: N802
        said = ast.unparse(node.exc) if node.exc else "an error"
        raise Raised(f"source that raises {said[:120]}", self.file.lines(node))

    def do_If(self, node: ast.If) -> None:  # noqa: N802
        self.run(node.body if self.value(node.test) else node.orelse)

    def do_For(self, node: ast.For) -> None:  # noqa: N802
        for item in self.interpreter.iterate(self.value(node.iter)):
            self.assign(node.target, item)
            try:
                self.run(node.body)
            except Continued:
                continue
            except Broke:
                return
        self.run(node.orelse)

    def do_While(self, node: ast.While) -> None:  # noqa: N802
        while self.value(node.test):
            self.interpreter.step(self.file, node)
            try:
                self.run(node.body)
            except Continued:
                continue
            except Broke:
                return
        self.run(node.orelse)

    def do_Try(self, node: ast.Try) -> None:  # noqa: N802
        try:
            self.run(node.body)
        except Raised as error:
            if not node.handlers:
                raise
            handler = node.handlers[0]
            if handler.name:
                self.names[handler.name] = str(error)
            self.run(handler.body)
        else:
            self.run(node.orelse)
        finally:
            self.run(node.finalbody)

    def do_Import(self, node: ast.Import) -> None:  # noqa: N802
        for alias in node.names:
            top = alias.name.split(".")[0]
            if top not in ("torch", "math", "numpy", "transformers"):
                raise Raised(f"ImportError: {alias.name}", self.file.lines(node))
            self.names[alias.asname or top] = External(alias.name if alias.asname else top)

    def do_With(self, node: ast.With) -> None:  # noqa: N802 - no_grad, autocast, nullcontext change no value
        self.run(node.body)

    def do_FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        self.names[node.name] = Function(self.file, node, {**self.closure, **self.names})

    def do_Delete(self, node: ast.Delete) -> None:  # noqa: N802
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.names.pop(target.id, None)

    def do_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        module = "." * node.level + (node.module or "")
        for alias in node.names:
            found = self.interpreter.imported(self.file, f"{module}.{alias.name}")
            self.names[alias.asname or alias.name] = found

    def assign(self, target: ast.expr, value: Any) -> None:
        """Bind a value to a target."""
        if isinstance(target, ast.Name):
            self.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = _gather(target.elts, list(self.interpreter.iterate(value)))
            if len(items) != len(target.elts):
                raise NotUnderstood(f"{len(items)} values for {len(target.elts)} names")
            for part, item in zip(target.elts, items):
                self.assign(part.value if isinstance(part, ast.Starred) else part, item)
        elif isinstance(target, ast.Attribute):
            self.interpreter.set_attribute(self.value(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self.interpreter.set_item(self.value(target.value), self.value(target.slice), value)
        else:
            raise NotUnderstood(f"an assignment to {type(target).__name__}")

    # --- expressions

    def value(self, node: ast.expr) -> Any:
        """Evaluate an expression."""
        method = getattr(self, f"of_{type(node).__name__}", None)
        if method is None:
            raise NotUnderstood(f"the expression {type(node).__name__}", self.file.lines(node))
        return method(node)

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
        _bound(node.op, left, right)
        return BINARY[type(node.op)](left, right)

    def of_UnaryOp(self, node: ast.UnaryOp) -> Any:  # noqa: N802
        return UNARY[type(node.op)](self.value(node.operand))

    def of_BoolOp(self, node: ast.BoolOp) -> Any:  # noqa: N802
        wanted = isinstance(node.op, ast.Or)
        result: Any = None
        for part in node.values:
            result = self.value(part)
            if bool(result) is wanted:
                return result
        return result

    def of_Compare(self, node: ast.Compare) -> Any:  # noqa: N802
        left = self.value(node.left)
        result: Any = True
        for op, comparator in zip(node.ops, node.comparators):
            right = self.value(comparator)
            result = COMPARE[type(op)](left, right)
            if len(node.ops) > 1 and not result:
                return result
            left = right
        return result

    def of_IfExp(self, node: ast.IfExp) -> Any:  # noqa: N802
        return self.value(node.body if self.value(node.test) else node.orelse)

    def of_Tuple(self, node: ast.Tuple) -> Any:  # noqa: N802
        return tuple(self._elements(node.elts))

    def of_List(self, node: ast.List) -> Any:  # noqa: N802
        return list(self._elements(node.elts))

    def of_Set(self, node: ast.Set) -> Any:  # noqa: N802
        return set(self._elements(node.elts))

    def of_Dict(self, node: ast.Dict) -> Any:  # noqa: N802
        result: dict[Any, Any] = {}
        for key, value in zip(node.keys, node.values):
            if key is None:
                result.update(self.value(value))
            else:
                result[self.value(key)] = self.value(value)
        return result

    def of_Subscript(self, node: ast.Subscript) -> Any:  # noqa: N802
        return self.interpreter.item(self.value(node.value), self.value(node.slice))

    def of_Slice(self, node: ast.Slice) -> Any:  # noqa: N802
        parts = (node.lower, node.upper, node.step)
        return slice(*(None if part is None else self.value(part) for part in parts))

    def of_JoinedStr(self, node: ast.JoinedStr) -> Any:  # noqa: N802
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else str(self.value(part.value))  # type: ignore[attr-defined]
            for part in node.values
        )

    def of_Lambda(self, node: ast.Lambda) -> Any:  # noqa: N802
        return Function(self.file, node, {**self.closure, **self.names})

    def of_NamedExpr(self, node: ast.NamedExpr) -> Any:  # noqa: N802
        value = self.value(node.value)
        self.assign(node.target, value)
        return value

    def of_ListComp(self, node: ast.ListComp) -> Any:  # noqa: N802
        return [frame.value(node.elt) for frame in self._comprehend(node.generators)]

    def of_GeneratorExp(self, node: ast.GeneratorExp) -> Any:  # noqa: N802
        return [frame.value(node.elt) for frame in self._comprehend(node.generators)]

    def of_SetComp(self, node: ast.SetComp) -> Any:  # noqa: N802
        return {frame.value(node.elt) for frame in self._comprehend(node.generators)}

    def of_DictComp(self, node: ast.DictComp) -> Any:  # noqa: N802
        frames = self._comprehend(node.generators)
        return {frame.value(node.key): frame.value(node.value) for frame in frames}

    def of_Call(self, node: ast.Call) -> Any:  # noqa: N802
        if isinstance(node.func, ast.Name) and node.func.id == "super":
            if self.owner is None:
                raise NotUnderstood("super() outside of a method")
            return SuperProxy(self.receiver, self.owner)
        function = self.value(node.func)
        args = list(self._elements(node.args))
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                kwargs.update(self.value(keyword.value))
            else:
                kwargs[keyword.arg] = self.value(keyword.value)
        return self.interpreter.call(function, args, kwargs, self.file.lines(node))

    def _elements(self, nodes: list[ast.expr]) -> Iterator[Any]:
        for node in nodes:
            if isinstance(node, ast.Starred):
                yield from self.interpreter.iterate(self.value(node.value))
            else:
                yield self.value(node)

    def _comprehend(self, generators: list[ast.comprehension]) -> Iterator[Frame]:
        outer = {**self.closure, **self.names}
        inner = Frame(self.interpreter, self.file, {}, outer, self.owner, self.receiver)

        def nest(depth: int) -> Iterator[Frame]:
            if depth == len(generators):
                yield inner
                return
            generator = generators[depth]
            for item in self.interpreter.iterate(inner.value(generator.iter)):
                self.interpreter.step(self.file, generator.iter)
                inner.assign(generator.target, item)
                if all(inner.value(test) for test in generator.ifs):
                    yield from nest(depth + 1)

        yield from nest(0)


def _gather(targets: list[ast.expr], items: list[Any]) -> list[Any]:
    """Return the items with those that a starred target takes put into one list."""
    starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    if starred is None:
        return items
    behind = len(targets) - starred - 1
    end = len(items) - behind
    return [*items[:starred], items[starred:end], *items[end:]]


def _as_load(target: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(target), mode="eval").body


def _bound(op: ast.operator, left: Any, right: Any) -> None:
    """Check an operation before it is carried out: repeated, each may double what it makes."""
    sequences = (str, list, tuple)
    if isinstance(left, int) and isinstance(right, int) and max(left.bit_length(), right.bit_length()) > LARGEST_INT:
        raise NotUnderstood(f"a whole number of more than {LARGEST_INT:,} bits")
    if isinstance(op, ast.Add) and isinstance(left, sequences) and isinstance(right, sequences):
        if len(left) + len(right) > LARGEST_RESULT:
            raise NotUnderstood("a sequence of more than ten million elements")
        return
    if isinstance(op, (ast.Pow, ast.LShift)) and isinstance(left, int) and isinstance(right, int):
        if abs(right) > 64:
            raise NotUnderstood(f"a power with the exponent {right}")
    elif isinstance(op, ast.Mult):
        for sequence, count in ((left, right), (right, left)):
            is_repetition = isinstance(sequence, (str, list, tuple)) and isinstance(count, int)
            if is_repetition and len(sequence) * count > LARGEST_RESULT:
                raise NotUnderstood("a sequence of more than ten million elements")
