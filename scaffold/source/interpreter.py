"""Runs modeling source on small random tensors, without ever importing or executing it.

The source is untrusted data. It is parsed, and this interpreter carries out a subset of Python over tensors of its
own, with bounds on steps, depth and sizes. It reaches no file, no network, no attribute of a Python object beyond
the ones listed here. What is outside of the subset raises ``NotUnderstood``, which becomes a hole with file and line.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scaffold.source import attributes, externals
from scaffold.source.attributes import kind_of
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.frame import LARGEST_RESULT, Frame, Returned
from scaffold.source.python.objects import External, Function, SourceClass
from scaffold.source.python.protocol import Resolve
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.events import Event
from scaffold.source.torch.layers import LAYERS, Layer, ModuleDict, ModuleList, Sequential
from scaffold.source.torch.module import Module
from scaffold.source.torch.operations import Operation, keep, recording, tensors_in
from scaffold.source.torch.random_numbers import Random
from scaffold.source.torch.tensors import Tensor, in_place
from scaffold.source.transformers.auto import ConfigTable
from scaffold.source.transformers.config_object import Config, PerLayerConfigs, is_config_class, make
from scaffold.source.transformers.special import SPECIAL, ActivationTable, ModelOutput, Partial

MAX_STEPS = 2_000_000
MAX_DEPTH = 60
MAX_RECORDED = 150_000_000
"""Elements of all tensors that a run may make: every one of them is kept, in the record of the run."""
ATTENTION_FUNCTIONS = ("eager_attention_forward",)
KNOWN_DECORATORS = ("property", "staticmethod", "classmethod", "cached_property", "contextmanager", "wraps")


class Interpreter:
    """One run: its random numbers, its step budget, and the calls that it watched."""

    def __init__(self, resolve: Resolve, seed: int = 0, transformers: Path | None = None) -> None:
        self.rng = Random(seed)
        self.transformers = transformers
        self.resolve = resolve
        self.steps = 0
        self.recorded = 0
        self._at: tuple[SourceFile, ast.AST] | None = None
        self.depth = 0
        self.watched: list[Event] = []
        self._open: list[Event] = []
        self._globals: dict[tuple[str, str], Any] = {}

    # --- names

    def step(self, file: SourceFile, node: ast.AST) -> None:
        """Count a step.

        Raises:
            NotUnderstood: the budget is used up.
        """
        self.steps += 1
        self._at = (file, node)
        if self.steps > MAX_STEPS:
            raise NotUnderstood(f"more than {MAX_STEPS:,} steps", file.lines(node))

    def global_name(self, file: SourceFile, name: str) -> Any:
        """Return what a name means at the top level of a file."""
        key = (str(file.path), name)
        if key not in self._globals:
            self._globals[key] = self._define(file, name)
        return self._globals[key]

    def source_class(self, file: SourceFile, name: str) -> SourceClass:
        """Return a class of the file.

        Raises:
            NotUnderstood: there is none of that name.
        """
        found = self.global_name(file, name)
        if not isinstance(found, SourceClass):
            raise NotUnderstood(f"no class {name!r}", file.shown)
        return found

    def _define(self, file: SourceFile, name: str) -> Any:
        node = file.definitions.get(name)
        if isinstance(node, ast.ClassDef):
            frame = Frame(self, file, {}, {})
            bases = [frame.value(base) for base in node.bases]
            return SourceClass(file, node, tuple(b for b in bases if isinstance(b, (SourceClass, External))))
        if isinstance(node, ast.FunctionDef):
            return self._function(file, node)
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            return Frame(self, file, {}, {}).value(node.value)
        if name in file.imports:
            return self.imported(file, file.imports[name])
        if name == "__name__":
            return file.shown
        if name in externals.BUILTINS:
            return externals.BUILTINS[name]
        if name in SPECIAL:
            return External(name)
        raise NotUnderstood(f"the name {name!r}", file.shown)

    def imported(self, file: SourceFile, dotted: str) -> Any:
        """Return what an import brings: a definition of a file that is followed, or a name from outside."""
        last = dotted.rpartition(".")[2]
        table = externals.table(self, file, dotted)
        if table is not None:
            return table
        found = self.resolve(file, dotted)
        if found is not None and last not in SPECIAL:
            return self.global_name(*found)
        return External(dotted.lstrip("."))

    # --- attributes and items

    def attribute(self, value: Any, name: str) -> Any:
        """Return ``value.name`` as the source would see it.

        Raises:
            NotUnderstood: there is no such attribute, or it is none that source may see.
        """
        return attributes.look_up(self, value, name)

    def bound(self, receiver: Any, owner: SourceClass, node: ast.FunctionDef) -> Any:
        """Return a method bound to its receiver, or the value of a property."""
        function = self._function(owner.file, node, owner)
        names = {ast.unparse(d).rpartition(".")[2] for d in node.decorator_list}
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

    def extend_layer(self, instance: Module, base: External, *args: Any, **kwargs: Any) -> None:
        """Make an instance of a source class one of PyTorch's own layers, too: they share their attributes."""
        layer = LAYERS[base.name](self.rng, *args, **kwargs)
        instance.attributes.update(layer.attributes)
        layer.attributes = instance.attributes
        instance.builtin = layer

    def set_attribute(self, value: Any, name: str, new: Any) -> None:
        """Set an attribute of a module or a config."""
        if isinstance(value, Config):
            value.store(self, name, new)
            return
        if not isinstance(value, Module):
            raise NotUnderstood(f"an attribute set on {kind_of(value)}")
        value.attributes[name] = new

    def item(self, value: Any, key: Any) -> Any:
        """Return ``value[key]``."""
        if isinstance(value, Module) and isinstance(value.builtin or value, ModuleList):
            items = [child for _, child in value.children()]
            return items[key] if isinstance(key, slice) else items[int(key)]
        if isinstance(value, Module) and isinstance(value.builtin or value, ModuleDict):
            return value.attributes[key]
        if isinstance(value, (External, SourceClass)):
            return value  # a subscripted type
        if isinstance(value, ModelOutput):
            return value.field(key)
        if isinstance(value, PerLayerConfigs):
            return value[key]
        if isinstance(value, ActivationTable):
            return value.activation(self, key)
        if isinstance(value, ConfigTable):
            return value.config_class(self, key)
        return value[int(key) if isinstance(key, Tensor) and isinstance(value, (list, tuple)) else key]

    def set_item(self, value: Any, key: Any, new: Any) -> None:
        """Set ``value[key]``."""
        if isinstance(value, Module) and isinstance(value.builtin or value, (ModuleList, ModuleDict)):
            value.attributes[str(key)] = new
        elif isinstance(value, (dict, list, Tensor)):
            value[int(key) if isinstance(key, Tensor) and isinstance(value, list) else key] = new
        else:
            raise NotUnderstood(f"an item set on {kind_of(value)}")

    def augmented(self, function: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        """Return what ``left`` is after an augmented assignment: a tensor and its views change in place."""
        return in_place(left, right, function) if isinstance(left, Tensor) else function(left, right)

    def iterate(self, value: Any) -> Iterable[Any]:
        """Return what a loop over the value goes through.

        Raises:
            NotUnderstood: it cannot be looped over, or is too long.
        """
        if isinstance(value, Module) and isinstance(value.builtin or value, ModuleList):
            return [child for _, child in value.children()]
        if isinstance(value, range) and len(value) > LARGEST_RESULT:
            raise NotUnderstood(f"a loop of {len(value):,} rounds")
        if isinstance(value, (list, tuple, range, dict, set, str, Tensor, enumerate, zip, reversed)):
            return value
        if type(value).__name__ in ("dict_items", "dict_keys", "dict_values"):
            return list(value)
        raise NotUnderstood(f"a loop over {kind_of(value)}")

    # --- calls

    def call(self, function: Any, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
        """Call whatever can be called."""
        if isinstance(function, Function):
            if function.name in ATTENTION_FUNCTIONS:
                with self.watch(function.name, None, args, kwargs, where) as event:
                    event.output = self.call_function(function, args, kwargs)
                return event.output
            return self.call_function(function, args, kwargs)
        if isinstance(function, SourceClass):
            return self.instantiate(function, args, kwargs)
        if isinstance(function, Module):
            return self._call_module(function, args, kwargs, where)
        if isinstance(function, Partial):
            return self.call(function.function, [*function.args, *args], {**function.kwargs, **kwargs}, where)
        if isinstance(function, External):
            return externals.call(self, function, args, kwargs, where)
        if callable(function):
            if any(isinstance(argument, range) and len(argument) > LARGEST_RESULT for argument in args):
                raise NotUnderstood("a range of more than ten million numbers", where)
            if function in (range, list, tuple, sum, sorted, set) and args:
                args = [self.iterate(args[0]) if function is not range else args[0], *args[1:]]
            return function(*args, **kwargs)
        raise NotUnderstood(f"a call of {kind_of(function)}", where)

    def call_function(self, function: Function, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Run a function of the source."""
        if self.depth >= MAX_DEPTH:
            raise NotUnderstood("calls nested too deeply", function.file.lines(function.node))
        if function.receiver is not None:
            args = [function.receiver, *args]
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
        spec, where = function.node.args, function.file.lines(function.node)
        positional = [a.arg for a in (*spec.posonlyargs, *spec.args)]
        defaults = Frame(self, function.file, {}, function.closure)
        names: dict[str, Any] = {}
        first_default = len(positional) - len(spec.defaults)
        for parameter, default in zip(positional[first_default:], spec.defaults):
            names[parameter] = default
        for argument, keyword_default in zip(spec.kwonlyargs, spec.kw_defaults):
            if keyword_default is not None:
                names[argument.arg] = keyword_default
        given: dict[str, Any] = dict(zip(positional, args))
        known = {*positional, *(a.arg for a in spec.kwonlyargs)}
        given |= {k: v for k, v in kwargs.items() if k in known}
        bound = {k: defaults.value(v) for k, v in names.items() if k not in given} | given
        if spec.vararg:
            bound[spec.vararg.arg] = tuple(args[len(positional) :])
        elif len(args) > len(positional):
            raise NotUnderstood(f"{len(args)} arguments for {function.name}", where)
        rest = {k: v for k, v in kwargs.items() if k not in known}
        if spec.kwarg:
            bound[spec.kwarg.arg] = rest
        elif rest:
            raise NotUnderstood(f"the argument {sorted(rest)[0]!r} of {function.name}", where)
        missing = known - bound.keys()
        if missing:
            raise NotUnderstood(f"{function.name} without {sorted(missing)[0]!r}", where)
        return bound

    def instantiate(self, cls: SourceClass, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make an instance of a source class: a module by its own ``__init__``, a config, or a model output."""
        if is_config_class(cls):
            return make(self, cls, kwargs)
        if any(isinstance(base, External) and "Output" in base.name for base in cls.ancestry()):
            return ModelOutput(kwargs)
        instance = Module(cls)
        found = cls.method("__init__")
        layer = next((b for b in cls.ancestry() if isinstance(b, External) and b.name in LAYERS), None)
        if found:
            self.call_function(Function(found[0].file, found[1], {}, instance, found[0]), args, kwargs)
        elif layer is not None:
            self.extend_layer(instance, layer, *args, **kwargs)
        return instance

    def _call_module(self, module: Module, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
        with self.watch(module.kind, module, args, kwargs, where) as event:
            event.output = self._forward(module, args, kwargs, where)
        return event.output

    def _forward(self, module: Module, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
        if isinstance(module, Sequential):
            output = args[0]
            for child in module.items:
                output = self.call(child, [output], {}, where)
            return output
        if isinstance(module, Layer):
            return module.forward(*args, **kwargs)
        found = module.cls.method("forward") if module.cls is not None else None
        if found is not None:
            return self.call(self.bound(module, *found), args, kwargs, where)
        if isinstance(module.builtin, Layer):
            return module.builtin.forward(*args, **kwargs)
        raise NotUnderstood(f"{module.kind} has no forward", where)

    @contextmanager
    def watch(
        self, name: str, module: Module | None, args: list[Any], kwargs: dict[str, Any], where: str
    ) -> Iterator[Event]:
        """Record a call, with all that happens inside it."""
        event = Event(name, module, tuple(args), kwargs, where)
        if self._open:
            self._open[-1].add(event)
        else:
            self.watched.append(event)
        self._open.append(event)
        keep(event)
        try:
            with recording(self):
                yield event
        finally:
            self._open.pop()
            keep(event)

    def record(self, operation: Operation) -> None:
        """Note an operation in the innermost open call, with the statement that it stands in.

        Raises:
            NotUnderstood: the tensors of this run take too much memory.
        """
        operation.where = self._at[0].lines(self._at[1]) if self._at else ""
        self.recorded += sum(tensor.a.size for tensor in tensors_in(operation.output))
        if self.recorded > MAX_RECORDED:
            raise NotUnderstood(f"a run with more than {MAX_RECORDED:,} elements in its tensors")
        self._open[-1].add(operation)
