"""What attributes values have for source: a table by type. What is not in it has none."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from scaffold.source import externals
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.frame import LARGEST_RESULT, Frame
from scaffold.source.python.objects import External, SourceClass, SuperProxy
from scaffold.source.torch import torch_ops
from scaffold.source.torch.layers import LAYERS, Layer, ModuleDict, ModuleList
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Device, Dtype, Tensor
from scaffold.source.transformers.auto import AutoClass
from scaffold.source.transformers.config_object import BASE_METHODS as CONFIG_METHODS
from scaffold.source.transformers.config_object import Config
from scaffold.source.transformers.protocol import Interpreter
from scaffold.source.transformers.special import SPECIAL, AttentionTable, ModelOutput, buffer

CONTAINER_METHODS: dict[type, tuple[str, ...]] = {
    dict: ("get", "clear", "items", "keys", "values", "pop", "update", "setdefault", "copy"),
    list: ("append", "pop", "reverse", "sort", "extend", "index", "count", "insert", "copy"),
    tuple: ("index", "count"),
    set: ("add", "union", "update", "discard", "isdisjoint", "issubset", "intersection", "difference"),
    str: ("split", "startswith", "endswith", "lower", "upper", "replace", "join", "strip"),
}


GROWING = ("extend", "update", "union", "replace", "join")


def look_up(interpreter: Interpreter, value: Any, name: str) -> Any:
    """Return ``value.name`` as the source would see it.

    Raises:
        NotUnderstood: there is no such attribute, or it is none that source may see.
    """
    for kind, one in ATTRIBUTES:
        if isinstance(value, kind):
            return one(interpreter, value, name)
    raise Raised(f"the attribute {name!r} of {kind_of(value)}")


def kind_of(value: Any) -> str:
    """Return what a message calls a value."""
    return value.dotted if isinstance(value, External) else type(value).__name__


def _base_init(interpreter: Interpreter, module: Module, *args: Any, **_: Any) -> None:
    """``PreTrainedModel.__init__`` keeps the config; ``nn.Module.__init__`` keeps nothing."""
    if args:
        module.attributes["config"] = args[0]


def _register_buffer(interpreter: Interpreter, module: Module, name: str, tensor: Any, persistent: bool = True) -> None:
    if isinstance(tensor, Tensor):
        tensor = buffer(interpreter, tensor) if persistent else Tensor(tensor.a, "transient", tensor.origin)
    module.attributes[name] = tensor


def _register_parameter(interpreter: Interpreter, module: Module, name: str, tensor: Any) -> None:
    module.attributes[name] = tensor


def _nothing(interpreter: Interpreter, module: Module, *_: Any, **__: Any) -> None:
    return None


def _input_embeddings(interpreter: Interpreter, module: Module) -> Any:
    """Look where ``EmbeddingAccessMixin`` of transformers' modeling_utils.py looks; None where it finds nothing."""
    get = partial(SPECIAL["getattr"], interpreter, module)
    own = get(get("_input_embed_layer", "embed_tokens"), None)
    if own is not None:
        return own
    for name in ("model", "language_model"):
        inner = module.attributes.get(name)
        if isinstance(inner, Module):
            return interpreter.call(interpreter.attribute(inner, "get_input_embeddings"), [], {}, "")
    return None


BASE_ATTRIBUTES: dict[str, Any] = {"training": False, "gradient_checkpointing": False, "dtype": Dtype("float32")}
"""What every module has at inference."""

BASE_METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _base_init,
    "register_buffer": _register_buffer,
    "register_parameter": _register_parameter,
    "post_init": _nothing,
    "__post_init__": _nothing,
    "eval": _nothing,
    "get_input_embeddings": _input_embeddings,
    "warn_if_padding_and_no_attention_mask": _nothing,
    "modules": lambda interpreter, module: [one for _, one in module.modules()],
    "children": lambda interpreter, module: [one for _, one in module.children()],
    "named_children": lambda interpreter, module: list(module.children()),
    "requires_grad_": lambda interpreter, module, *_: module,
    "to": lambda interpreter, module, *_, **__: module,
}
"""What source calls on ``nn.Module`` and ``PreTrainedModel``."""


def _source_class_attribute(interpreter: Interpreter, cls: SourceClass, name: str) -> Any:
    found = cls.method(name)
    if found:
        return interpreter.bound(None, *found)
    if name == "apply" and any(base.name == "Function" for base in cls.ancestry()):  # of torch.autograd
        forward = interpreter.bound(None, *(cls.method("forward") or ()))
        return lambda *args: interpreter.call(forward, [External("autograd.context"), *args], {}, cls.file.shown)
    return _class_value(interpreter, cls, name)


def _module_attribute(interpreter: Interpreter, module: Module, name: str) -> Any:
    if name in module.attributes:
        return module.attributes[name]
    if module.cls is not None:
        found = module.cls.method(name)
        if found:
            return interpreter.bound(module, *found)
        if name in BASE_METHODS:
            return lambda *args, **kwargs: BASE_METHODS[name](interpreter, module, *args, **kwargs)
        if name in BASE_ATTRIBUTES:
            return BASE_ATTRIBUTES[name]
        return _class_value(interpreter, module.cls, name)
    if name == "forward":
        return module.forward if isinstance(module, Layer) else module
    if name in BASE_METHODS:
        return lambda *args, **kwargs: BASE_METHODS[name](interpreter, module, *args, **kwargs)
    if isinstance(module, ModuleList) and name in ("append", "extend"):
        return getattr(module, name)
    if isinstance(module, ModuleDict) and name in ("items", "keys", "values"):
        return getattr(module.attributes, name)
    raise Raised(f"the attribute {name!r} of {module.kind}")


def _class_value(interpreter: Interpreter, cls: SourceClass, name: str) -> Any:
    if name == "__name__":
        return cls.name
    for one in cls.ancestry():
        if not isinstance(one, SourceClass):
            continue
        for statement in one.node.body:
            for target, value in _class_assignments(statement):
                if target == name and value is not None:
                    return Frame(interpreter, one.file, {}, {}).value(value)
    raise Raised(f"the attribute {name!r} of {cls.name}")


def _class_assignments(statement: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id, statement.value
    elif isinstance(statement, ast.Assign):
        for target in statement.targets:
            if isinstance(target, ast.Name):
                yield target.id, statement.value


def _super_attribute(interpreter: Interpreter, proxy: SuperProxy, name: str) -> Any:
    instance = proxy.instance
    cls = instance if isinstance(instance, SourceClass) else instance.cls
    ancestry = cls.ancestry()
    for cls in ancestry[ancestry.index(proxy.owner) + 1 :]:
        if isinstance(cls, SourceClass):
            for statement in cls.node.body:
                if isinstance(statement, ast.FunctionDef) and statement.name == name:
                    return interpreter.bound(instance, cls, statement)
        elif cls.name in LAYERS and name in ("__init__", "forward"):
            return partial(interpreter.extend_layer, instance, cls) if name == "__init__" else instance.builtin.forward
    methods = CONFIG_METHODS if isinstance(instance, Config) else BASE_METHODS
    if name in methods:
        return lambda *args, **kwargs: methods[name](interpreter, instance, *args, **kwargs)
    raise NotUnderstood(f"super().{name}")


TENSOR_ATTRIBUTES = ("shape", "ndim", "dtype", "T", "mT", "real", "imag", "data", "device", "is_cuda", "requires_grad")


def _tensor_attribute(interpreter: Interpreter, tensor: Tensor, name: str) -> Any:
    if name in TENSOR_ATTRIBUTES:
        return getattr(tensor, name)
    return lambda *args, **kwargs: torch_ops.apply(name, tensor, *args, **kwargs)


def _output_attribute(interpreter: Interpreter, output: ModelOutput, name: str) -> Any:
    return getattr(output, name) if name in CONTAINER_METHODS[dict] else output.field(name)


def _plain_attribute(interpreter: Interpreter, value: Any, name: str) -> Any:
    allowed = next(names for kind, names in CONTAINER_METHODS.items() if isinstance(value, kind))
    if name in GROWING:
        return partial(_grown, value, name)
    if name in allowed:
        return getattr(value, name)
    if isinstance(value, dict) and name in value:
        return value[name]
    raise Raised(f"the attribute {name!r} of {kind_of(value)}")


def _grown(value: Any, name: str, *args: Any, **kwargs: Any) -> Any:
    """Call a method that may make much of little, where the result stays small."""
    size = len(value) + sum(len(a) for a in args if isinstance(a, (str, list, tuple, dict, set)))
    if name == "replace":
        size = len(value) * max(1, len(args[1]))
    elif name == "join":
        size = sum(len(part) + len(value) for part in args[0])
    if size > LARGEST_RESULT:
        raise NotUnderstood("a sequence of more than ten million elements")
    return getattr(value, name)(*args, **kwargs)


def _own_attribute(interpreter: Interpreter, value: Any, name: str) -> Any:
    if isinstance(value, SimpleNamespace) and name in vars(value):
        return vars(value)[name]  # only what we put there, whatever its name
    if name.startswith("_") or not hasattr(value, name):
        raise Raised(f"the attribute {name!r} of {kind_of(value)}")
    return getattr(value, name)


def _auto_attribute(interpreter: Interpreter, auto_class: AutoClass, name: str) -> Any:
    if name not in ("from_config", "_from_config"):
        raise NotUnderstood(f"AutoModel.{name}")
    return partial(auto_class.from_config, interpreter)


def _type_attribute(interpreter: Interpreter, value: Any, name: str) -> Any:
    if value is dict and name == "fromkeys":
        return dict.fromkeys
    raise Raised(f"the attribute {name!r} of {value.__name__}")


ATTRIBUTES: tuple[tuple[Any, Callable[[Interpreter, Any, str], Any]], ...] = (
    (External, lambda _, value, name: externals.attribute(value, name)),
    (Config, lambda interpreter, value, name: value.look_up(interpreter, name)),
    (Module, _module_attribute),
    (SuperProxy, _super_attribute),
    (SourceClass, _source_class_attribute),
    (Tensor, _tensor_attribute),
    (ModelOutput, _output_attribute),
    ((torch_ops.ValuesIndices, SimpleNamespace, AttentionTable, Dtype, Device), _own_attribute),
    (AutoClass, _auto_attribute),
    (tuple(CONTAINER_METHODS), _plain_attribute),
    (type, _type_attribute),
)
"""Type → how its attributes are looked up, first match first. What is not here has no attributes for source."""
