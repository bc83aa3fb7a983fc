"""transformers' classes of outputs (src/transformers/modeling_outputs.py), and its tables of functions by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.layers import ACTIVATIONS, Activation
from scaffold.source.transformers.protocol import Interpreter


class ModelOutput(dict):  # type: ignore[type-arg]
    """transformers' ``ModelOutput``: fields by name (None if absent) and, those present, by number."""

    def field(self, key: Any) -> Any:
        """Return a field by name or number, or a tuple of some."""
        return self.get(key) if isinstance(key, str) else tuple(v for v in self.values() if v is not None)[key]


@dataclass(frozen=True)
class ActivationTable:
    """transformers' ``ACT2FN``: a new activation for a name.

    ``classes`` gives ``ACT2CLS``, for the names that are no rows of ``layers.ACTIVATIONS``: a class for a name, or a
    class with its arguments.
    """

    classes: Callable[[], Mapping[str, Any]] | None = None

    def __contains__(self, name: object) -> bool:
        return name in ACTIVATIONS or (self.classes is not None and name in self.classes())

    def activation(self, interpreter: Interpreter, name: Any) -> Any:
        """Return the activation as a module.

        Raises:
            NotUnderstood: nothing is known of it.
        """
        if name in ACTIVATIONS or self.classes is None:
            return Activation(str(name))
        table = self.classes()
        if name not in table:
            raise NotUnderstood(f"the activation {str(name)!r}")
        entry = table[name]
        made, kwargs = entry if isinstance(entry, tuple) else (entry, {})
        return interpreter.call(made, [], kwargs, "")


class AttentionTable:
    """transformers' ``ALL_ATTENTION_FUNCTIONS``; the eager function of the source is always the one meant."""

    def get_interface(self, name: Any, default: Any) -> Any:
        """Return the eager function that the source passes as default."""
        return default
