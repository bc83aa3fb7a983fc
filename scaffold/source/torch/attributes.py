"""What tensors, modules and dtypes can do in source: attributes, items, loops, calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from operator import le, mul
from typing import Any

from scaffold.source.python import bounds
from scaffold.source.python.attributes import instance_attribute
from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.python.library import Base, Kind
from scaffold.source.python.objects import External, Function, SourceClass
from scaffold.source.python.shadows import OfData
from scaffold.source.torch import special, torch_ops
from scaffold.source.torch.alike import NUMBER, output_as
from scaffold.source.torch.half import ModelDtype, is_models, rounded_to
from scaffold.source.torch.layers import LAYERS, Layer, ModuleDict, ModuleList, ParameterList, Sequential
from scaffold.source.torch.made_of import sizes_of
from scaffold.source.torch.module import Module
from scaffold.source.torch.protocol import Interpreter
from scaffold.source.torch.special import buffer
from scaffold.source.torch.tensors import Device, Dtype, Tensor, in_place, write

TENSOR_ATTRIBUTES = ("shape", "ndim", "dtype", "T", "mT", "real", "imag", "data", "device", "is_cuda", "requires_grad")
FIELDS: dict[type, tuple[str, ...]] = {
    torch_ops.ValuesIndices: ("values", "indices"),
    Dtype: ("is_floating_point", "is_complex"),
    Device: ("type", "index"),
}
"""What source may read of PyTorch's small values."""
MODULE_FIELDS: dict[str, Any] = {
    "training": False, "gradient_checkpointing": False, "dtype": Dtype("float32"), "device": Device(),
}  # fmt: skip
"""What every module has at inference."""


def _tensor_attribute(interpreter: Interpreter, tensor: Tensor, name: str) -> Any:
    if name == "size":
        return lambda *args, **kwargs: interpreter.sized(torch_ops.apply(name, tensor, *args, **kwargs))
    if name == "shape":
        return interpreter.sized(tensor.shape)
    if name == "item" and tensor.a.dtype.kind == "f" and interpreter.recorder.is_running:
        return lambda: OfData(tensor.a.item())
    if name in ("item", "tolist"):
        return lambda: number_of(interpreter, tensor, torch_ops.apply(name, tensor))
    if name in ("numel", "nelement"):
        return lambda: reduce(partial(_times, interpreter), interpreter.sized(tensor.shape), 1)
    if name == "split":
        return partial(_split, interpreter, tensor)
    if name == "dtype" and tensor.a.dtype.kind == "f":
        few = rounded_to(tensor)
        return Dtype(few) if few else ModelDtype("float32") if is_models(tensor) else tensor.dtype
    return getattr(tensor, name) if name in TENSOR_ATTRIBUTES else partial(torch_ops.apply, name, tensor)


def _split(interpreter: Interpreter, tensor: Tensor, size: Any = None, dim: int = 0, **kwargs: Any) -> Any:
    """Return ``tensor.split(size, dim)``; that it is one piece for the checkpoint alone, or not for it, is noted."""
    for name in ("split_size", "split_size_or_sections"):
        size = kwargs.pop(name, size)
    result = torch_ops.apply("split", tensor, size, dim, **kwargs)
    if isinstance(size, int):
        interpreter.derived(le, (interpreter.sized(tensor.shape[dim]), size), tensor.shape[dim] <= size)
    return result


def number_of(interpreter: Interpreter, tensor: Tensor, number: Any) -> Any:
    """Return what a tensor holds as Python's own: another number for the checkpoint where it is made of sizes."""
    sizes = sizes_of(tensor)
    return interpreter.derived(_not_known, sizes, number) if sizes else number


def _not_known(*_: Any) -> Any:
    raise ValueError("a tensor at the checkpoint's sizes")


def _times(interpreter: Interpreter, one: int, other: int) -> Any:
    return interpreter.derived(mul, (one, other), one * other)


def _set_tensor_attribute(interpreter: Interpreter, tensor: Tensor, name: str, new: Any) -> None:
    """Set ``.data``, which puts other values into a tensor; marks that only training reads are passed over."""
    if name != "data":
        return
    if not isinstance(new, Tensor) or new.shape != tensor.shape:
        raise NotUnderstood("a tensor's data replaced by those of another shape")
    write(tensor, "set_data", (new,), {}, new.a)


def _set_tensor_item(interpreter: Interpreter, tensor: Tensor, key: Any, new: Any) -> None:
    tensor[key] = new


def _augment_tensor(interpreter: Interpreter, function: Callable[[Any, Any], Any], left: Tensor, right: Any) -> Tensor:
    """The tensor and its views change in place."""
    return in_place(left, right, function)


def _set_of_machine(interpreter: Interpreter, name: External, attribute: str, new: Any) -> None:
    """Set a switch of the machine, such as ``torch.backends.cuda.matmul.allow_tf32``: no value depends on it."""
    if not name.dotted.startswith(special.DEVICES):
        raise NotUnderstood(f"an attribute set on {name.dotted}")


def _field(interpreter: Interpreter, value: Any, name: str) -> Any:
    if name not in FIELDS[type(value)]:
        raise Raised(f"the attribute {name!r} of {type(value).__name__}", kind="AttributeError")
    return getattr(value, name)


# --- modules


def _module_attribute(interpreter: Interpreter, module: Module, name: str) -> Any:
    if name.startswith(NUMBER):
        interpreter.recorder.number_read()
    if module.cls is not None:
        if name in MODULE_FIELDS and name not in module.attributes and module.cls.method(name) is None:
            return MODULE_FIELDS[name]
        return instance_attribute(interpreter, module, name)
    if name == "forward" and name not in module.attributes:
        return module.forward if isinstance(module, Layer) else module
    if isinstance(module, (ModuleList, ParameterList)) and name in ("append", "extend"):
        return partial(_extend, interpreter, module, name)
    if isinstance(module, ModuleDict) and name in ("items", "keys", "values") and name not in module.attributes:
        return lambda: list({"items": dict.items, "keys": dict.keys, "values": dict.values}[name](module.attributes))
    return instance_attribute(interpreter, module, name)


def _extend(interpreter: Interpreter, module: ModuleList | ParameterList, name: str, given: Any) -> None:
    new = [given] if name == "append" else list(interpreter.iterate(given))
    interpreter.spend(bounds.length(len(module) + len(new)))
    module.extend(new)


def _of(module: Module) -> Module:
    """Return PyTorch's own layer that a module is, or extends."""
    return module.builtin or module


def _module_item(interpreter: Interpreter, module: Module, key: Any) -> Any:
    if isinstance(_of(module), ModuleList):
        items = [child for _, child in module.children()]
        return items[key] if isinstance(key, slice) else items[int(key)]
    if isinstance(_of(module), ModuleDict):
        return module.attributes[key]
    if isinstance(_of(module), ParameterList):
        return list(_of(module).attributes.values())[key if isinstance(key, slice) else int(key)]
    raise NotUnderstood(f"an item of {module.kind}")


def _set_module_item(interpreter: Interpreter, module: Module, key: Any, new: Any) -> None:
    if not isinstance(_of(module), (ModuleList, ModuleDict)):
        raise NotUnderstood(f"an item set on {module.kind}")
    module.attributes[str(key)] = new


def _iterate_module(interpreter: Interpreter, module: Module) -> Any:
    if isinstance(_of(module), ParameterList):
        return list(_of(module).attributes.values())
    if not isinstance(_of(module), ModuleList):
        raise NotUnderstood(f"a loop over {module.kind}")
    return [child for _, child in module.children()]


def call_module(interpreter: Interpreter, module: Module, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
    """Call a module, on record."""
    with interpreter.recorder.watch(module.kind, module, args, kwargs, where) as event:
        first = interpreter.recorder.stand_ins.first_of(event)
        if first is None:
            event.output = _measured(interpreter, _forward(interpreter, module, args, kwargs, where))
            with interpreter.recorder.aside():  # a layer may be read now, of which parts are called once more
                interpreter.recorder.stand_ins.carried_out(event)
        else:
            event.stands_for, event.output = first, output_as(first, interpreter.rng)
        interpreter.recorder.stand_ins.ended(event)
    return event.output


def _forward(interpreter: Interpreter, module: Module, args: list[Any], kwargs: dict[str, Any], where: str) -> Any:
    found = module.cls.method("forward") if module.cls is not None else None
    if found is not None:
        return interpreter.call(interpreter.bound(module, *found), args, kwargs, where)
    layer = _of(module)
    if isinstance(layer, Sequential):
        output = args[0]
        for child in layer.items:
            output = interpreter.call(child, [output], {}, where)
        return output
    if isinstance(layer, Layer):
        return layer.forward(*args, **kwargs)
    raise NotUnderstood(f"{module.kind} has no forward", where)


def call_watched(
    interpreter: Interpreter, function: Function, args: list[Any], kwargs: dict[str, Any], where: str
) -> Any:
    """Call a function of the source, on record."""
    with interpreter.recorder.watch(function.name, None, args, kwargs, where) as event:
        event.output = _measured(interpreter, interpreter.call_function(function, args, kwargs))
    return event.output


def _measured(interpreter: Interpreter, output: Any) -> Any:
    """Return an output that the record may look through for tensors."""
    interpreter.spend(bounds.walked((output,)))
    return output


# --- source classes that extend a layer


def _extend_layer(interpreter: Interpreter, instance: Module, base: External, *args: Any, **kwargs: Any) -> None:
    """Make an instance of a source class one of PyTorch's own layers, too: they share their attributes."""
    layer = LAYERS[base.name](interpreter.rng, *args, **kwargs)
    instance.attributes.update(layer.attributes)
    layer.attributes = instance.attributes
    instance.builtin = layer


def _of_layer(interpreter: Interpreter, instance: Module, base: External, name: str) -> Any:
    if base.name not in LAYERS or name not in ("__init__", "forward"):
        return None
    if name == "__init__":
        return partial(_extend_layer, interpreter, instance, base)
    return instance.builtin.forward if isinstance(instance.builtin, Layer) else None


def _make(interpreter: Interpreter, cls: SourceClass, args: list[Any], kwargs: dict[str, Any]) -> Module:
    instance = Module(cls)
    found = cls.method("__init__")
    layer = next((base for base in cls.ancestry if isinstance(base, External) and base.name in LAYERS), None)
    if found:
        interpreter.call_function(Function(found[0].file, found[1], {}, instance, found[0]), args, kwargs)
    elif layer is not None:
        _extend_layer(interpreter, instance, layer, *args, **kwargs)
    return instance


# --- methods of nn.Module


def _register_buffer(interpreter: Interpreter, module: Module, name: str, tensor: Any, persistent: bool = True) -> None:
    module.attributes[name] = buffer(interpreter, tensor, persistent) if isinstance(tensor, Tensor) else tensor


def _register_parameter(interpreter: Interpreter, module: Module, name: str, tensor: Any) -> None:
    module.attributes[name] = tensor


def _nothing(interpreter: Interpreter, module: Module, *_: Any, **__: Any) -> None:
    return None


def _apply(interpreter: Interpreter, module: Module, function: Any) -> Module:
    """Do ``module.apply(function)``: call it with each submodule, the inner ones first, and with the module.

    A function that is named after what it does first (``_init_weights``, ``param_init_fn``) makes first values, which
    the checkpoint replaces.
    """
    if isinstance(function, Function) and "init" in getattr(function.node, "name", ""):
        return module
    for _, one in reversed(module.modules()):
        interpreter.call(function, [one], {}, interpreter.where())
    return module


METHODS: dict[str, Callable[..., Any]] = {
    "__init__": _nothing,
    "apply": _apply,
    "register_buffer": _register_buffer,
    "register_parameter": _register_parameter,
    "eval": lambda interpreter, module: module,
    "modules": lambda interpreter, module: [one for _, one in module.modules()],
    "children": lambda interpreter, module: [one for _, one in module.children()],
    "named_children": lambda interpreter, module: list(module.children()),
    "requires_grad_": lambda interpreter, module, *_: module,
    "to": lambda interpreter, module, *_, **__: module,
}
"""What source calls on ``nn.Module``."""

KINDS = (
    Kind(
        Tensor,
        attribute=_tensor_attribute,
        item=lambda _, tensor, key: tensor[key],
        set_attribute=_set_tensor_attribute,
        set_item=_set_tensor_item,
        iterate=lambda _, tensor: tensor,
        augmented=_augment_tensor,
    ),
    Kind(
        Module,
        attribute=_module_attribute,
        item=_module_item,
        set_item=_set_module_item,
        iterate=_iterate_module,
        call=call_module,
        inherited=_of_layer,
        methods=METHODS,
    ),
    Kind(tuple(FIELDS), attribute=_field),
    Kind(External, set_attribute=_set_of_machine),
)
BASES = (Base(lambda cls: any(isinstance(one, External) for one in cls.ancestry), _make),)
"""A class with a base from outside that no other library knows is taken for a module."""
