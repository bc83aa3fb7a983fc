"""The text of a subclass that renames tensors before the implementation that vLLM has gets them."""

from __future__ import annotations

from collections.abc import Sequence

TEXT = '''{licence}
"""{title}: {base} of vLLM, for tensors that have other names."""

from collections.abc import Iterable

import torch

from {package} import {module}
from {utils} import WeightsMapper


class {class_name}({name}.{base}):
    names_of_checkpoint = WeightsMapper(
        orig_to_new_prefix={{
{rows}
        }}
    )

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> set[str]:
        return super().load_weights(self.names_of_checkpoint.apply(weights))
'''
"""vLLM: ``WeightsMapper.apply`` of model_executor/models/utils.py; the class's own mapper comes after it."""


def mapper_module(
    title: str, class_name: str, base: tuple[str, str], renames: Sequence[tuple[str, str]], licence: str, package: str
) -> str:
    """Return the module.

    Args:
        title: the model's name.
        class_name: of the subclass.
        base: full name of the module, and the class in it, that serve the model.
        renames: beginnings of names, applied in turn.
        licence: header.
        package: of the models; modules of it are imported by relative names.
    """
    parent, _, module = base[0].rpartition(".")
    is_sibling = parent == package
    return TEXT.format(
        licence=licence,
        title=title,
        package="." if is_sibling else parent,
        module=module,
        name=module,
        utils=".utils" if is_sibling else f"{package}.utils",
        class_name=class_name,
        base=base[1],
        rows="\n".join(f"            {_quoted(old)}: {_quoted(new)}," for old, new in renames),
    )


def _quoted(text: str) -> str:
    """Return a name of a checkpoint as a literal of Python."""
    return '"' + repr(text)[1:-1].replace('"', '\\"') + '"'
