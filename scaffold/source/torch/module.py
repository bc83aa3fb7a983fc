"""``torch.nn.Module``: attributes, submodules and the tensors of a state dict."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.objects import Instance, SourceClass
from scaffold.source.torch.tensors import Tensor


class Module(Instance):
    """A ``torch.nn.Module``: one of PyTorch's own layers (a subclass) or an instance of a source class."""

    def __init__(self, cls: SourceClass | None = None) -> None:
        super().__init__(cls)
        self.builtin: Module | None = None
        """PyTorch's own layer that the source class extends; it has the same attributes."""

    def children(self) -> Iterator[tuple[str, Module]]:
        """Return the direct submodules with their attribute names."""
        for name, value in self.attributes.items():
            if isinstance(value, Module):
                yield name, value

    def modules(self, path: str = "", around: tuple[Module, ...] = ()) -> Iterator[tuple[str, Module]]:
        """Return this module and all below it with their dotted paths.

        Args:
            path: its own.
            around: the modules that hold it.

        Raises:
            NotUnderstood: a module holds itself, so that its tensors have no end of names.
        """
        if self in around:
            raise NotUnderstood(f"the module {path}, which holds itself")
        yield path, self
        for name, child in self.children():
            yield from child.modules(f"{path}.{name}" if path else name, (*around, self))

    def saved_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Return the parameters and saved buffers below, with the names of a state dict."""
        for path, module in self.modules():
            for name, value in module.attributes.items():
                if isinstance(value, Tensor) and value.role in ("parameter", "buffer"):
                    yield (f"{path}.{name}" if path else name), value
