"""Runs modeling source without ever importing or executing it.

The source is untrusted data. It is parsed, and this interpreter carries out a subset of Python, with bounds on steps,
depth and sizes. It reaches no file, no network, no object of the host beyond the ones in the tables of its libraries.
What is outside of the subset raises ``NotUnderstood``, which becomes a hole with file and line.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable
from operator import add
from typing import Any

from scaffold.source.python import bounds, untold
from scaffold.source.python.attributes import kind_of
from scaffold.source.python.behaviours import Behaviours
from scaffold.source.python.binding import bind
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.fields import dataclass_fields
from scaffold.source.python.frame import Frame, Returned, clean
from scaffold.source.python.library import Library
from scaffold.source.python.named_tuples import NamedTuple, is_named_tuple
from scaffold.source.python.names import outside
from scaffold.source.python.objects import External, Function, Instance, SourceClass
from scaffold.source.python.protocol import Resolve
from scaffold.source.python.spread import handed_on
from scaffold.source.python.syntax import Binding, SourceFile, imported_names, last_name

MAX_DEPTH = 60
KNOWN_DECORATORS = ("property", "staticmethod", "classmethod", "cached_property", "contextmanager", "wraps")


class Interpreter(Behaviours):
    """One run: its budget, the names that are known, and what libraries offer to it.

    Args:
        resolve: where an import is defined.
        libraries: what is known of the outside; the first that knows a thing answers.
    """

    def __init__(self, resolve: Resolve, libraries: tuple[Library, ...]) -> None:
        super().__init__(libraries)
        self.resolve = resolve
        self.depth = 0
        self.catching = 0
        """Number of ``try`` statements around what is carried out that handle an assertion that fails."""
        self.long_lists: dict[Hashable, list[Any]] = {}
        """Lists of numbers by what they were made of: see ``repeated``."""
        self._globals: dict[tuple[str, str], Any] = {}
        self._defining: dict[tuple[str, str], list[Binding]] = {}

    # --- names

    def global_name(self, file: SourceFile, name: str) -> Any:
        """Return what a name means at the top level of a file."""
        key = (str(file.path), name)
        if key not in self._globals:
            outermost = key not in self._defining
            self._defining.setdefault(key, [])
            try:
                found = self._define(file, name, self._defining[key])
            except Exception as error:  # of expressions outside of any statement: bases, values of names
                raise clean(error, file.shown) from error
            finally:
                if outermost:
                    del self._defining[key]
            if not outermost:
                return found
            self._globals[key] = found
        return self._globals[key]

    def set_global(self, file: SourceFile, name: str, value: Any) -> None:
        """Give a name at the top level of a file another value, for this run."""
        self._globals[str(file.path), name] = value

    def source_class(self, file: SourceFile, name: str) -> SourceClass:
        """Return a class of the file.

        Raises:
            NotUnderstood: there is no class of that name.
        """
        found = self.global_name(file, name)
        if not isinstance(found, SourceClass):
            raise NotUnderstood(f"no class {name!r}", file.shown)
        return found

    def _define(self, file: SourceFile, name: str, inside: list[Binding]) -> Any:
        """Return what the last statement that binds the name makes of it.

        Args:
            file: where the name stands.
            name: the name.
            inside: the statements that are being carried out for this name: to them, it is what it was before.
        """
        bound = [one for one in file.bindings.get(name, ()) if not any(one is other for other in inside)]
        if inside:
            first = file.bindings[name].index(inside[-1])
            bound = [one for one in bound if file.bindings[name].index(one) < first]
        for one in reversed(bound):
            if len(file.bindings[name]) > 1 and not self._is_carried_out(file, one):
                continue
            inside.append(one)
            try:
                return self._bound(file, name, one.statement)
            finally:
                inside.pop()
        if inside:
            raise NotUnderstood(f"the name {name!r}, which is defined by itself", file.shown)
        if name in ("__name__", "__file__"):
            return file.shown
        for library in self.libraries:
            if name in library.builtins:
                return library.builtins[name]
        if self.is_known(name):
            return External(name)
        raise NotUnderstood(f"the name {name!r}", file.shown)

    def _bound(self, file: SourceFile, name: str, statement: ast.stmt) -> Any:
        """Return what a statement at the top level binds a name to."""
        if isinstance(statement, ast.ClassDef):
            frame = Frame(self, file, {}, {})
            bases = [frame.value(base) for base in statement.bases]
            return SourceClass(file, statement, tuple(b for b in bases if isinstance(b, (SourceClass, External))))
        if isinstance(statement, ast.FunctionDef):
            return self._function(file, statement)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            return self.imported(file, imported_names(statement)[name])
        assert isinstance(statement, (ast.Assign, ast.AnnAssign))
        assert statement.value is not None
        return Frame(self, file, {}, {}).value(statement.value)

    def _is_carried_out(self, file: SourceFile, binding: Binding) -> bool:
        """Return whether Python comes to a statement at the top level, as far as that can be told."""
        for test, wanted in binding.conditions:
            try:
                if bool(Frame(self, file, {}, {}).value(test)) is not wanted:
                    return False
            except NotUnderstood:
                if not untold.comes_out(wanted, file.lines(test)):
                    return False
        return all(self._succeeds(file, attempt) is tried for attempt, tried in binding.attempts)

    def _succeeds(self, file: SourceFile, attempt: ast.Try) -> bool:
        """Return whether all that is imported in a ``try`` can be imported here."""
        dotted = [name for one in attempt.body for name in _imports(one)]
        return all(self._can_be_imported(file, name) for name in dotted)

    def _can_be_imported(self, file: SourceFile, dotted: str) -> bool:
        top, last = dotted.partition(".")[0], dotted.rpartition(".")[2]
        if any(top in library.packages for library in self.libraries) or self.is_known(last):
            return True
        return self.resolve(file, dotted) is not None

    def imported(self, file: SourceFile, dotted: str) -> Any:
        """Return what an import brings: a definition of a file that is followed, or a name from outside."""
        for library in self.libraries:
            table = library.imports(self, file, dotted) if library.imports else None
            if table is not None:
                return table
        found = None if self.is_known(dotted.rpartition(".")[2]) else self.resolve(file, dotted)
        return self.global_name(*found) if found is not None else outside(self, dotted.lstrip("."))

    def is_known(self, name: str) -> bool:
        """Return whether a library says what calls of a name mean."""
        return any(name in library.names for library in self.libraries)

    # --- functions of the source

    def bound(self, receiver: Any, owner: SourceClass, node: ast.FunctionDef) -> Any:
        """Return a method bound to its receiver, or the value of a property."""
        function = self._function(owner.file, node, owner)
        names = {last_name(decorator) for decorator in node.decorator_list}
        if "staticmethod" not in names:
            function.receiver = owner if "classmethod" in names else receiver
        if names & {"property", "cached_property"}:
            return self.call(function, [], {}, owner.file.lines(node))
        return function

    def _function(self, file: SourceFile, node: ast.FunctionDef, owner: SourceClass | None = None) -> Function:
        """Return a function with those of its decorators applied that are source themselves.

        All others (kernels, documentation, capturing of outputs, compilation) change no value at inference.
        """
        function = Function(file, node, {}, None, owner)
        for decorator in reversed(node.decorator_list):
            if isinstance(decorator, ast.Name) and decorator.id not in KNOWN_DECORATORS:
                applied = self.global_name(file, decorator.id)
                if isinstance(applied, Function):
                    function = self.call_function(applied, [function], {})
        return function

    # --- calls

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
        """Call whatever can be called.

        Raises:
            NotUnderstood: it cannot be called, or nothing is known of it.
        """
        if isinstance(function, Function):
            for library in self.libraries:
                if function.name in library.watched:
                    self.spend(bounds.walked((*args, *kwargs.values())))
                    return library.watched[function.name](self, function, args, kwargs, where)
            return self.call_function(function, args, kwargs)
        carry_out = self._behaviour(function, "call")
        if carry_out is None:
            raise NotUnderstood(f"a call of {kind_of(function)}", where)
        self.spend(bounds.walked((*args, *kwargs.values())))
        return carry_out(self, function, args, kwargs, where)

    def call_function(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a function of the source."""
        if self.depth >= MAX_DEPTH:
            raise NotUnderstood("calls nested too deeply", function.file.lines(function.node))
        if function.receiver is not None:
            given = [function.receiver, *args]
            args = given if self.turns(args) is None else self.derived(add, ([function.receiver], args), given)
        names = self._bind_arguments(function, args, kwargs)
        frame = Frame(self, function.file, names, function.closure, function.owner, function.receiver)
        self.depth += 1
        at = self._at
        try:
            if isinstance(function.node, ast.Lambda):
                return frame.value(function.node.body)
            frame.run(function.node.body)
        except Returned as returned:
            return returned.value
        finally:
            self.depth -= 1
            self._at = at
        return None

    def _bind_arguments(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        binding, where = bind(function.node.args, args, kwargs), function.file.lines(function.node)
        if binding.surplus:
            raise NotUnderstood(f"{len(args)} arguments for {function.name}", where)
        if binding.unexpected:
            raise NotUnderstood(f"the argument {sorted(binding.unexpected)[0]!r} of {function.name}", where)
        if binding.missing:
            raise NotUnderstood(f"{function.name} without {sorted(binding.missing)[0]!r}", where)
        defaults = Frame(self, function.file, {}, function.closure)
        given = binding.values | handed_on(self, function.node.args, args, kwargs)
        try:
            return {name: defaults.value(default) for name, default in binding.defaults.items()} | given
        except Exception as error:  # of a default, which no statement is around where the tool itself calls
            raise clean(error, where) from error

    def instantiate(self, cls: SourceClass, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make an instance of a source class, as the library of its base makes it."""
        if is_named_tuple(cls):
            return NamedTuple.of(cls, self._fields(cls, args, kwargs))
        for library in self.libraries:
            for base in library.bases:
                if base.matches(cls):
                    return base.make(self, cls, args, kwargs)
        instance = Instance(cls)
        found = cls.method("__init__")
        if found is not None:
            self.call_function(Function(found[0].file, found[1], {}, instance, found[0]), args, kwargs)
        else:
            instance.attributes |= self._fields(cls, args, kwargs)
            self._after_init(cls, instance)
        return instance

    def _fields(self, cls: SourceClass, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the values of a dataclass's fields; a class that is none takes no arguments.

        Raises:
            NotUnderstood: an argument is that of no field, or a field has neither argument nor default.
        """
        fields = dataclass_fields(cls)
        where = cls.file.lines(cls.node)
        given = {**dict(zip(fields, args)), **kwargs}
        if len(args) > len(fields) or not given.keys() <= fields.keys():
            raise NotUnderstood(f"arguments of {cls.name} that are none of its fields", where)
        missing = [name for name, (_, default) in fields.items() if default is None and name not in given]
        if missing:
            raise NotUnderstood(f"{cls.name} without {missing[0]!r}", where)
        defaults = {
            n: Frame(self, file, {}, {}).value(d) for n, (file, d) in fields.items() if d is not None and n not in given
        }
        return {name: given[name] if name in given else defaults[name] for name in fields}

    def _after_init(self, cls: SourceClass, instance: Instance) -> None:
        found = cls.method("__post_init__")
        if found is not None:
            self.call_function(Function(found[0].file, found[1], {}, instance, found[0]), [], {})


def _imports(statement: ast.stmt) -> list[str]:
    """Return the dotted names that a statement imports."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return list(imported_names(statement).values()) if isinstance(statement, ast.ImportFrom) else []
