"""Runs modeling source on small random tensors, without ever importing or executing it.

The source is untrusted data. It is parsed, and this interpreter carries out a subset of Python over tensors of its
own, with bounds on steps, depth and sizes. It reaches no file, no network, no attribute of a Python object beyond
the ones listed here. What is outside of the subset raises ``NotUnderstood``, which becomes a hole with file and line.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from scaffold.source import externals, torch_ops
from scaffold.source.config_object import BASE_METHODS as CONFIG_METHODS
from scaffold.source.config_object import Config, PerLayerConfigs, is_config_class, make
from scaffold.source.errors import NotUnderstood, Raised
from scaffold.source.frame import LARGEST_RESULT, Frame, Returned
from scaffold.source.layers import LAYERS, Layer, ModuleDict, ModuleList, Sequential
from scaffold.source.objects import Event, External, Function, Module, SourceClass, SuperProxy
from scaffold.source.operations import Operation, keep, recording, tensors_in
from scaffold.source.syntax import SourceFile
from scaffold.source.tensors import Device, Dtype, Tensor

MAX_STEPS = 2_000_000
MAX_DEPTH = 60
MAX_RECORDED = 150_000_000
"""Elements of all tensors that a run may make: every one of them is kept, in the record of the run."""
ATTENTION_FUNCTIONS = ("eager_attention_forward",)
KNOWN_DECORATORS = ("property", "staticmethod", "classmethod", "cached_property", "contextmanager", "wraps")
Resolve = Callable[[SourceFile, str], "tuple[SourceFile, str] | None"]
"""From a file and a dotted import to the file that defines it and its name there, or None for outside."""

CONTAINER_METHODS: dict[type, tuple[str, ...]] = {
    dict: ("get", "clear", "items", "keys", "values", "pop", "update", "setdefault", "copy"),
    list: ("append", "pop", "reverse", "sort", "extend", "index", "count", "insert", "copy"),
    tuple: ("index", "count"),
    set: ("add", "union", "update", "discard", "isdisjoint", "issubset", "intersection", "difference"),
    str: ("split", "startswith", "endswith", "lower", "upper", "replace", "join", "strip"),
}


class Interpreter:
    """One run: its random numbers, its step budget, and the calls that it watched."""

    def __init__(self, resolve: Resolve, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
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
        if name in externals.SPECIAL:
            return External(name)
        raise NotUnderstood(f"the name {name!r}", file.shown)

    def imported(self, file: SourceFile, dotted: str) -> Any:
        """Return what an import brings: a definition of a file that is followed, or a name from outside."""
        last = dotted.rpartition(".")[2]
        table = externals.table(self, file, dotted)
        if table is not None:
            return table
        found = self.resolve(file, dotted)
        if found is not None and last not in externals.SPECIAL:
            return self.global_name(*found)
        return External(dotted.lstrip("."))

    # --- attributes and items

    def attribute(self, value: Any, name: str) -> Any:
        """Return ``value.name`` as the source would see it.

        Raises:
            NotUnderstood: there is no such attribute, or it is none that source may see.
        """
        for kind, look_up in ATTRIBUTES:
            if isinstance(value, kind):
                return look_up(self, value, name)
        raise Raised(f"the attribute {name!r} of {_kind(value)}")

    def _source_class_attribute(self, cls: SourceClass, name: str) -> Any:
        found = cls.method(name)
        if found:
            return self.bound(None, *found)
        if name == "apply" and any(base.name == "Function" for base in cls.ancestry()):  # of torch.autograd
            forward = self.bound(None, *(cls.method("forward") or ()))
            return lambda *args: self.call(forward, [External("autograd.context"), *args], {}, cls.file.shown)
        return self._class_value(cls, name)

    def _module_attribute(self, module: Module, name: str) -> Any:
        if name in module.attributes:
            return module.attributes[name]
        if module.cls is not None:
            found = module.cls.method(name)
            if found:
                return self.bound(module, *found)
            if name in BASE_METHODS:
                return lambda *args, **kwargs: BASE_METHODS[name](self, module, *args, **kwargs)
            if name in BASE_ATTRIBUTES:
                return BASE_ATTRIBUTES[name]
            return self._class_value(module.cls, name)
        if name == "forward":
            return module.forward if isinstance(module, Layer) else module
        if name in BASE_METHODS:
            return lambda *args, **kwargs: BASE_METHODS[name](self, module, *args, **kwargs)
        if isinstance(module, ModuleList) and name in ("append", "extend"):
            return getattr(module, name)
        if isinstance(module, ModuleDict) and name in ("items", "keys", "values"):
            return getattr(module.attributes, name)
        raise Raised(f"the attribute {name!r} of {module.kind}")

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

    def _class_value(self, cls: SourceClass, name: str) -> Any:
        if name == "__name__":
            return cls.name
        for one in cls.ancestry():
            if not isinstance(one, SourceClass):
                continue
            for statement in one.node.body:
                for target, value in _class_assignments(statement):
                    if target == name and value is not None:
                        return Frame(self, one.file, {}, {}).value(value)
        raise Raised(f"the attribute {name!r} of {cls.name}")

    def _super_attribute(self, proxy: SuperProxy, name: str) -> Any:
        instance = proxy.instance
        cls = instance if isinstance(instance, SourceClass) else instance.cls
        ancestry = cls.ancestry()
        for cls in ancestry[ancestry.index(proxy.owner) + 1 :]:
            if isinstance(cls, SourceClass):
                for statement in cls.node.body:
                    if isinstance(statement, ast.FunctionDef) and statement.name == name:
                        return self.bound(instance, cls, statement)
            elif cls.name in LAYERS and name in ("__init__", "forward"):
                return partial(self._layer_init, instance, cls) if name == "__init__" else instance.builtin.forward
        methods = CONFIG_METHODS if isinstance(instance, Config) else BASE_METHODS
        if name in methods:
            return lambda *args, **kwargs: methods[name](self, instance, *args, **kwargs)
        raise NotUnderstood(f"super().{name}")

    def _layer_init(self, instance: Module, base: External, *args: Any, **kwargs: Any) -> None:
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
            raise NotUnderstood(f"an attribute set on {_kind(value)}")
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
        if isinstance(value, externals.ModelOutput):
            return value.field(key)
        if isinstance(value, PerLayerConfigs):
            return value[key]
        if isinstance(value, externals.ActivationTable):
            return value.activation(self, key)
        return value[int(key) if isinstance(key, Tensor) and isinstance(value, (list, tuple)) else key]

    def set_item(self, value: Any, key: Any, new: Any) -> None:
        """Set ``value[key]``."""
        if isinstance(value, Module) and isinstance(value.builtin or value, (ModuleList, ModuleDict)):
            value.attributes[str(key)] = new
        elif isinstance(value, (dict, list, Tensor)):
            value[int(key) if isinstance(key, Tensor) and isinstance(value, list) else key] = new
        else:
            raise NotUnderstood(f"an item set on {_kind(value)}")

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
        raise NotUnderstood(f"a loop over {_kind(value)}")

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
        if isinstance(function, externals.Partial):
            return self.call(function.function, [*function.args, *args], {**function.kwargs, **kwargs}, where)
        if isinstance(function, External):
            return externals.call(self, function, args, kwargs, where)
        if callable(function):
            if function in (range, list, tuple, sum, sorted, set) and args:
                args = [self.iterate(args[0]) if function is not range else args[0], *args[1:]]
            return function(*args, **kwargs)
        raise NotUnderstood(f"a call of {_kind(function)}", where)

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
            return externals.ModelOutput(kwargs)
        instance = Module(cls)
        found = cls.method("__init__")
        layer = next((b for b in cls.ancestry() if isinstance(b, External) and b.name in LAYERS), None)
        if found:
            self.call_function(Function(found[0].file, found[1], {}, instance, found[0]), args, kwargs)
        elif layer is not None:
            self._layer_init(instance, layer, *args, **kwargs)
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


def _class_assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id, statement.value
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value


def _kind(value: Any) -> str:
    return value.dotted if isinstance(value, External) else type(value).__name__


def _base_init(interpreter: Interpreter, module: Module, *args: Any, **_: Any) -> None:
    """``PreTrainedModel.__init__`` keeps the config; ``nn.Module.__init__`` keeps nothing."""
    if args:
        module.attributes["config"] = args[0]


def _register_buffer(interpreter: Interpreter, module: Module, name: str, tensor: Any, persistent: bool = True) -> None:
    if isinstance(tensor, Tensor):
        tensor = externals.buffer(interpreter, tensor) if persistent else Tensor(tensor.a, "transient", tensor.origin)
    module.attributes[name] = tensor


def _register_parameter(interpreter: Interpreter, module: Module, name: str, tensor: Any) -> None:
    module.attributes[name] = tensor


def _nothing(interpreter: Interpreter, module: Module, *_: Any, **__: Any) -> None:
    return None


BASE_ATTRIBUTES: dict[str, Any] = {"training": False, "gradient_checkpointing": False}
"""What every module has at inference."""

BASE_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _base_init,
    "register_buffer": _register_buffer,
    "register_parameter": _register_parameter,
    "post_init": _nothing,
    "__post_init__": _nothing,
    "eval": _nothing,
    "get_input_embeddings": _nothing,
    "warn_if_padding_and_no_attention_mask": _nothing,
    "modules": lambda interpreter, module: [one for _, one in module.modules()],
    "children": lambda interpreter, module: [one for _, one in module.children()],
    "named_children": lambda interpreter, module: list(module.children()),
    "requires_grad_": lambda interpreter, module, *_: module,
    "to": lambda interpreter, module, *_, **__: module,
}
"""What source calls on ``nn.Module`` and ``PreTrainedModel``."""

TENSOR_ATTRIBUTES = ("shape", "ndim", "dtype", "T", "mT", "real", "imag", "data", "device", "is_cuda", "requires_grad")


def _tensor_attribute(interpreter: Interpreter, tensor: Tensor, name: str) -> Any:
    if name in TENSOR_ATTRIBUTES:
        return getattr(tensor, name)
    return lambda *args, **kwargs: torch_ops.apply(name, tensor, *args, **kwargs)


def _output_attribute(interpreter: Interpreter, output: externals.ModelOutput, name: str) -> Any:
    return getattr(output, name) if name in CONTAINER_METHODS[dict] else output.field(name)


def _plain_attribute(interpreter: Interpreter, value: Any, name: str) -> Any:
    allowed = next(names for kind, names in CONTAINER_METHODS.items() if isinstance(value, kind))
    if name in allowed:
        return getattr(value, name)
    if isinstance(value, dict) and name in value:
        return value[name]
    raise Raised(f"the attribute {name!r} of {_kind(value)}")


def _own_attribute(interpreter: Interpreter, value: Any, name: str) -> Any:
    if name.startswith("_") or not hasattr(value, name):
        raise Raised(f"the attribute {name!r} of {_kind(value)}")
    return getattr(value, name)


ATTRIBUTES: tuple[tuple[Any, Callable[[Interpreter, Any, str], Any]], ...] = (
    (External, lambda _, value, name: externals.attribute(value, name)),
    (Config, lambda interpreter, value, name: value.look_up(interpreter, name)),
    (Module, Interpreter._module_attribute),
    (SuperProxy, Interpreter._super_attribute),
    (SourceClass, Interpreter._source_class_attribute),
    (Tensor, _tensor_attribute),
    (externals.ModelOutput, _output_attribute),
    ((torch_ops.ValuesIndices, SimpleNamespace, externals.AttentionTable, Dtype, Device), _own_attribute),
    (tuple(CONTAINER_METHODS), _plain_attribute),
)
"""Type → how its attributes are looked up, first match first. What is not here has no attributes for source."""
