"""What flows out of each layer and of each block in it, caught by hooks. Run by the target's Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Tensor = Any
Module = Any
START = "<the first layer's input>"


def layer_names(model: Module, count: int) -> list[str]:
    """Return the qualified names of the decoder layers: the outermost list of modules that is as long."""
    lists = [
        name
        for name, module in model.named_modules()
        if type(module).__name__ == "ModuleList" and len(module) == count and count > 0
    ]
    if not lists:
        return []
    outermost = min(lists, key=lambda name: name.count("."))
    return [f"{outermost}.{index}" for index in range(count)]


class Catcher:
    """Collects what hooks see while it is on: name → rows of shape (tokens, hidden size), in order of the calls."""

    def __init__(self, tokens: int) -> None:
        self.tokens, self.on = tokens, False
        self.caught: dict[str, Tensor] = {}

    def watch(self, model: Module, names: list[str]) -> None:
        """Hook the layers of these names, and what they consist of; the model may call its layers something else."""
        modules = dict(model.named_modules())
        own = names if any(name in modules for name in names) else layer_names(model, len(names)) or names
        for index, (name, called) in enumerate(zip(names, own)):
            layer = modules.get(called)
            if layer is None:
                continue
            if index == 0:
                layer.register_forward_pre_hook(self._input, with_kwargs=True)
            for child, module in layer.named_children():
                if type(module).__name__ != "ModuleList":
                    module.register_forward_hook(self._output(f"{name}.{child}", False))
            layer.register_forward_hook(self._output(name, True))

    def _input(self, module: Module, args: Any, kwargs: Any) -> None:
        values = [value for value in (*args, *kwargs.values()) if self._fits(value)]
        if values:
            self._keep(START, values[:1])

    def _output(self, name: str, is_layer: bool) -> Callable[..., None]:
        def hook(module: Module, args: Any, output: Any) -> None:
            values = [value for value in _flat(output) if self._fits(value)]
            # A layer of vLLM hands the residual on beside what is to be added to it.
            self._keep(name, values[:2] if is_layer else values[:1])

        return hook

    def _fits(self, value: Any) -> bool:
        shape: tuple[int, ...] = tuple(getattr(value, "shape", ()))
        return len(shape) in (2, 3) and shape[-2] >= self.tokens and bool(value.is_floating_point())

    def _keep(self, name: str, values: list[Tensor]) -> None:
        if not self.on or not values or name in self.caught:
            return
        rows = [value.detach().float().cpu().reshape(-1, value.shape[-1])[: self.tokens].clone() for value in values]
        same = [row for row in rows if row.shape == rows[0].shape]
        self.caught[name] = sum(same[1:], same[0])


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, (tuple, list)):
        yield from value
    else:
        yield value
