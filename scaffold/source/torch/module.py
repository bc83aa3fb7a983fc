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

    def modules(self) -> list[tuple[str, Module]]:
        """Return this module and all below it with their dotted paths.

        Raises:
            NotUnderstood: a module holds itself, so that its tensors have no end of names.
        """
        found: list[tuple[str, Module]] = []
        self._gather("", [], found)
        return found

    def _gather(self, path: str, around: list[Module], found: list[tuple[str, Module]]) -> None:
        """Add this module and all below it; ``around`` are those that hold it."""
        if self in around:
            raise NotUnderstood(f"the module {path}, which holds itself")
        found.append((path, self))
        around.append(self)
        before = f"{path}." if path else ""
        for name, value in self.attributes.items():
            if isinstance(value, Module):
                value._gather(f"{before}{name}", around, found)
        around.pop()

    def saved_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Return the parameters and saved buffers below, with the names of a state dict."""
        for path, module in self.modules():
            for name, value in module.attributes.items():
                if isinstance(value, Tensor) and value.role in ("parameter", "buffer"):
                    yield (f"{path}.{name}" if path else name), value
