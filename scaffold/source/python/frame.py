"""Statements of one function body: the interpreted subset of Python."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, ClassVar

from scaffold.source.python import bounds
from scaffold.source.python.errors import CHECKS, NotUnderstood, Raised, RefusedBySource
from scaffold.source.python.handlers import catches_assertions, handler_of
from scaffold.source.python.objects import External, Function
from scaffold.source.python.operators import ARITHMETIC
from scaffold.source.python.scope import Scope
from scaffold.source.python.shadows import is_number, unknown
from scaffold.source.python.syntax import imported_names, last_name


class Returned(Exception):  # noqa: N818 - control flow
    """A ``return`` on its way out."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class Broke(Exception):  # noqa: N818 - control flow
    """A ``break`` on its way out."""


class Continued(Exception):  # noqa: N818 - control flow
    """A ``continue`` on its way out."""


def clean(error: Exception, where: str) -> NotUnderstood:
    """Return what the interpreter says of an exception that code of the host raised on values of the source."""
    if isinstance(error, NotUnderstood):
        return error.at(where)
    if isinstance(error, RecursionError):
        return NotUnderstood("code nested too deeply", where)
    kind = type(error).__name__
    if isinstance(error, (KeyError, IndexError, AttributeError)):
        return Raised(f"{kind}: {error}", where, kind)
    return NotUnderstood(f"{kind}: {error}", where)


class Frame(Scope):
    """A scope whose statements are carried out."""

    _statements: ClassVar[dict[type, Callable[[Frame, Any], None]]] = {}
    """Kind of statement → the method that carries it out, once it was looked up."""

    def run(self, body: list[ast.stmt]) -> None:
        """Carry out statements in order."""
        for statement in body:
            self.interpreter.step(self.file, statement)
            method = self._statements.get(type(statement))
            if method is None:
                method = getattr(type(self), f"do_{type(statement).__name__}", None)
                if method is None:
                    raise NotUnderstood(f"the statement {type(statement).__name__}", self.file.lines(statement))
                self._statements[type(statement)] = method
            try:
                method(self, statement)
            except (Returned, Broke, Continued):
                raise
            except Exception as error:  # whatever the arithmetic of an odd source raises
                raise clean(error, self.file.lines(statement)) from error

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
        function = ARITHMETIC[type(node.op)]
        self.interpreter.spend(bounds.binary(node.op, left, right))
        result = self.interpreter.augmented(function, left, right)
        result = self.interpreter.derived(function, (left, right), result)
        if not isinstance(node.target, ast.Name) and is_number(result) and self.interpreter.is_turning():
            result = unknown(result)  # what an object counts
        self.assign(node.target, result)

    def do_Return(self, node: ast.Return) -> None:  # noqa: N802
        raise Returned(None if node.value is None else self.value(node.value))

    def do_Global(self, node: ast.Global) -> None:  # noqa: N802
        self.globals.update(node.names)

    def do_Pass(self, node: ast.Pass) -> None:  # noqa: N802
        return

    def do_Break(self, node: ast.Break) -> None:  # noqa: N802
        raise Broke

    def do_Continue(self, node: ast.Continue) -> None:  # noqa: N802
        raise Continued

    def do_Assert(self, node: ast.Assert) -> None:  # noqa: N802
        """Carry out an assertion whose failure the source itself handles; of any other one, a model that runs holds."""
        if self.interpreter.catching and not self.truth(node.test):
            said = ast.unparse(node.test)
            raise Raised(f"source that asserts {said[:120]}", self.file.lines(node), "AssertionError")

    def do_Raise(self, node: ast.Raise) -> None:  # noqa: N802
        said = ast.unparse(node.exc) if node.exc else "an error"
        kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = last_name(kind) if kind is not None else ""
        raise (RefusedBySource if name in CHECKS else Raised)(
            f"source that raises {said[:120]}", self.file.lines(node), name
        )

    def do_If(self, node: ast.If) -> None:  # noqa: N802
        self.run(node.body if self.truth(node.test) else node.orelse)

    def do_For(self, node: ast.For) -> None:  # noqa: N802
        loop = self.value(node.iter)
        real = self.interpreter.turns(loop)
        if real is None:
            self._turn(node, loop, [])
            return
        self.interpreter.turning(None, real)
        states = [_numbers(self.names)]
        try:
            self._turn(node, loop, states)
        finally:
            self.interpreter.turning(len(states) - 1, real)
        for name, last in _numbers(self.names).items():  # what is counted is another number for the checkpoint
            if states[:2][-1 if len(states) > 2 else 0].get(name) != last:
                self.names[name] = unknown(last)

    def _turn(self, node: ast.For, loop: Any, states: list[dict[str, Any]]) -> None:
        """Carry out a loop, and note the numbers after each of its turns where ``states`` has those before."""
        for item in self.interpreter.iterate(loop):
            self.assign(node.target, item)
            try:
                self.run(node.body)
            except Continued:
                pass
            except Broke:
                return
            if states:
                states.append(_numbers(self.names))
        self.run(node.orelse)

    def do_While(self, node: ast.While) -> None:  # noqa: N802
        while self.truth(node.test):
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
            self._tried(node)
        except Raised as error:
            handler = handler_of(error, node.handlers)
            if handler is None:
                raise
            if handler.name:
                self.names[handler.name] = str(error)
            self.run(handler.body)
        else:
            self.run(node.orelse)
        finally:
            self.run(node.finalbody)

    def _tried(self, node: ast.Try) -> None:
        """Carry out what may fail."""
        caught = catches_assertions(node.handlers)
        self.interpreter.catching += caught
        try:
            self.run(node.body)
        finally:
            self.interpreter.catching -= caught

    def do_Import(self, node: ast.Import) -> None:  # noqa: N802
        for name, dotted in imported_names(node).items():
            top = dotted.partition(".")[0]
            if not any(top in library.packages for library in self.interpreter.libraries):
                raise Raised(f"ImportError: {dotted}", self.file.lines(node), "ImportError")
            self.names[name] = External(dotted)

    def do_With(self, node: ast.With) -> None:  # noqa: N802 - no_grad, nullcontext change no value
        for item in node.items:
            call = item.context_expr
            function = self.value(call.func) if isinstance(call, ast.Call) and _is_dotted(call.func) else None
            if isinstance(function, External) and self.interpreter.is_known(function.name):
                self.value(call)
        self.run(node.body)

    def do_FunctionDef(self, node: ast.FunctionDef) -> None:  # noqa: N802
        self.names[node.name] = Function(self.file, node, {**self.closure, **self.names})

    def do_Delete(self, node: ast.Delete) -> None:  # noqa: N802
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.names.pop(target.id, None)

    def do_ImportFrom(self, node: ast.ImportFrom) -> None:  # noqa: N802
        for name, dotted in imported_names(node).items():
            self.names[name] = self.interpreter.imported(self.file, dotted)


def _is_dotted(node: ast.expr) -> bool:
    """Return whether an expression is a name, or one with dots."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Name)


def _numbers(names: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers and texts among the values of names."""
    return {name: value for name, value in names.items() if is_number(value) or isinstance(value, str)}


def _as_load(target: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(target), mode="eval").body
