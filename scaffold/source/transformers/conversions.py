"""How the tensors that transformers saves are made of a model's parameters: other names, other layouts.

transformers 5 loads checkpoints through renamings and operations, and ``save_pretrained`` reverts them
(src/transformers/core_model_loading.py: ``revert_weight_conversion`` and what it calls). This module says the same
without any tensor: for a parameter by name and shape, which tensors are on disk, and which part of it each one is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.tensors import Array
from scaffold.source.transformers import conversion_table


@dataclass(frozen=True)
class Step:
    """One step from a parameter to a tensor on disk.

    ``kind`` is ``chunk`` (the part ``index`` of ``count`` equal parts of ``dim``), ``select`` (the entry ``index`` of
    ``dim``; every dimension of size one goes with it), ``transpose`` (``dim`` with ``other``), ``interleave`` (the two
    halves of ``dim`` alternate) or ``deinterleave`` (its inverse).
    """

    kind: str
    dim: int
    index: int = 0
    count: int = 1
    other: int = 0

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the step's result."""
        sizes = list(shape)
        if self.kind == "chunk":
            sizes[self.dim] //= self.count
        elif self.kind == "select":
            sizes[self.dim] = 1
            sizes = [size for size in sizes if size != 1]
        elif self.kind == "transpose":
            sizes[self.dim], sizes[self.other] = sizes[self.other], sizes[self.dim]
        return tuple(sizes)

    def __call__(self, array: Array) -> Array:
        """Return the step's result."""
        if self.kind == "chunk":
            return np.split(array, self.count, axis=self.dim)[self.index]
        if self.kind == "select":
            return array[(slice(None),) * self.dim + (slice(self.index, self.index + 1),)].squeeze()
        if self.kind == "transpose":
            return np.swapaxes(array, self.dim, self.other)
        size = array.shape[self.dim]
        pair = (2, size // 2) if self.kind == "interleave" else (size // 2, 2)
        split = array.reshape(*array.shape[: self.dim], *pair, *array.shape[self.dim + 1 :])
        return np.swapaxes(split, self.dim, self.dim + 1).reshape(array.shape)


@dataclass(frozen=True)
class DiskTensor:
    """A tensor as ``save_pretrained`` writes it: ``steps`` in order make it of the parameter."""

    name: str
    shape: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    joined: tuple[int, int, int] | None = None
    """(dim, index, count) where the tensor on disk joins several parameters; ``shape`` is this one's part then."""

    def take(self, parameter: Array) -> Array:
        """Return the tensor's values, from those of the parameter."""
        for step in self.steps:
            parameter = step(parameter)
        return parameter

    def put(self, parameter: Array, values: Array) -> None:
        """Write the tensor's values into their places of the (contiguous) parameter."""
        places = self.take(np.arange(parameter.size).reshape(parameter.shape))
        parameter.reshape(-1)[places] = values


@dataclass(frozen=True)
class Conversion:
    """A renaming, or a converter with its operations, in the direction of saving.

    ``sources`` are the module's name patterns, ``targets`` those on disk, as transformers prepares them.
    """

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    operations: tuple[SimpleNamespace, ...] = ()
    by_group: bool = False
    """Each source has its own target (``GroupWeightRename``)."""

    @property
    def pattern(self) -> re.Pattern[str]:
        """The expression that finds any of the sources in a name."""
        branches = (f"(?P<g{i}>{source.replace('*.', '.*[.]')})" for i, source in enumerate(self.sources))
        return re.compile("|".join(branches))

    def renamed(self, name: str) -> tuple[str, int] | None:
        """Return the name on disk and which source matched, None where none does."""
        match = self.pattern.search(name)
        if match is None:
            return None
        index = next(i for i in range(len(self.sources)) if match.group(f"g{i}") is not None)
        target = self.targets[index] if self.by_group else self.targets[0]
        first = self.pattern.groupindex[f"g{index}"]
        target = re.sub(r"\\(\d+)", lambda m: match.group(first + int(m.group(1))), target)
        return name.replace(match.group(0), target, 1), index


def conversions(model_type: str, class_names: Sequence[str], transformers: Path) -> tuple[Conversion, ...]:
    """Return the conversions that saving a model applies, in their order; none where it is saved as it is.

    Args:
        model_type: the config's.
        class_names: the model's class, then those of the models inside it.
        transformers: the target's package directory.

    Raises:
        NotUnderstood: this version's table is built by Python that the interpreter does not run.
    """
    table = conversion_table.entries(transformers)
    found: list[SimpleNamespace] = []
    by_type = False
    for number, class_name in enumerate(class_names):
        if class_name in table and class_name not in class_names[:number]:
            found += table[class_name]
        elif not by_type and model_type in table:
            found += table[model_type]
            by_type = True
    # A model that was not loaded from a checkpoint is saved without changes of prefixes.
    return tuple(_reversed(entry) for entry in reversed(found) if entry.kind != "PrefixChange")


def on_disk(name: str, shape: tuple[int, ...], conversions: Sequence[Conversion]) -> tuple[DiskTensor, ...]:
    """Return the tensors that ``save_pretrained`` writes for a parameter.

    Args:
        name: its name in the state dict.
        shape: its shape, at any sizes.
        conversions: of the model.

    Raises:
        NotUnderstood: an operation that is not known, or one that depends on more than the parameter.
    """
    converter, source = None, 0
    renamed = name
    for conversion in conversions:
        matched = conversion.renamed(renamed) if conversion.operations else None
        if matched is not None:
            renamed, source = matched
            converter = conversion
            break
    for conversion in conversions:
        matched = None if conversion.operations else conversion.renamed(renamed)
        renamed = matched[0] if matched else renamed
    if converter is None:
        return (DiskTensor(renamed, tuple(shape)),)
    parts = _parts(converter, source, tuple(shape))
    full = renamed.replace("*.", "0.")
    first = next(part.key for part in parts if part.key in full)
    before, _, behind = full.partition(first)
    return tuple(DiskTensor(before + part.key + behind, part.shape, part.steps, part.joined) for part in parts)


@dataclass(frozen=True)
class _Part:
    """A tensor on its way to the disk: the piece of the name that the converter replaces, and what was done so far."""

    key: str
    shape: tuple[int, ...]
    steps: tuple[Step, ...] = ()
    joined: tuple[int, int, int] | None = None

    def then(self, key: str, step: Step) -> _Part:
        return _Part(key, step.shape(self.shape), (*self.steps, step), self.joined)


def _parts(converter: Conversion, source: int, shape: tuple[int, ...]) -> list[_Part]:
    parts = [_Part(converter.sources[source], shape)]
    for operation in converter.operations:
        revert = REVERTS.get(operation.kind)
        if revert is None or getattr(operation, "num_shards_attribute", None) is not None:
            raise NotUnderstood(f"the checkpoint conversion {operation.kind} of {converter.targets[0]}")
        parts = revert(operation, converter, source, parts)
    return parts


def _chunk(operation: Any, converter: Conversion, source: int, parts: list[_Part]) -> list[_Part]:
    count = len(converter.targets)
    steps = [Step("chunk", operation.dim, index, count) for index in range(count)]
    return [part.then(key, step) for part in parts for key, step in zip(converter.targets, steps)]


def _split(operation: Any, converter: Conversion, source: int, parts: list[_Part]) -> list[_Part]:
    found = []
    for part in parts:
        key = converter.targets[0] if len(parts) == 1 else part.key
        for index in range(part.shape[operation.dim]):
            found.append(part.then(key.replace("*", str(index)), Step("select", operation.dim, index)))
    return found


def _join(operation: Any, converter: Conversion, source: int, parts: list[_Part]) -> list[_Part]:
    joined = (operation.dim, source, len(converter.sources))
    return [_Part(converter.targets[0], part.shape, part.steps, joined) for part in parts]


def _interleave(operation: Any, converter: Conversion, source: int, parts: list[_Part]) -> list[_Part]:
    if any(part.joined for part in parts):
        raise NotUnderstood(f"the checkpoint conversion Interleave of joined parameters, {converter.targets[0]}")
    kind = "deinterleave" if getattr(operation, "inverse", False) else "interleave"
    return [part.then(converter.targets[0], Step(kind, operation.dim)) for part in parts]


def _transpose(operation: Any, converter: Conversion, source: int, parts: list[_Part]) -> list[_Part]:
    if getattr(operation, "check_dims", False):  # only where the shapes differ, and when saved they do not
        return [_Part(converter.targets[0], part.shape, part.steps, part.joined) for part in parts]
    step = Step("transpose", getattr(operation, "dim1", 1), other=getattr(operation, "dim0", 0))
    return [part.then(converter.targets[0], step) for part in parts]


REVERTS: dict[str, Callable[[Any, Conversion, int, list[_Part]], list[_Part]]] = {
    "Concatenate": _chunk,
    "MergeModulelist": _split,
    "Chunk": _join,
    "Interleave": _interleave,
    "Transpose": _transpose,
}
"""By the operation of loading: what saving does instead. A row that is missing is a hole, not a guess."""


def _reversed(entry: SimpleNamespace) -> Conversion:
    """Return the conversion of saving, its patterns prepared as ``WeightTransform.__init__`` prepares them."""
    sources, targets = list(entry.target_patterns), list(entry.source_patterns)
    if entry.kind == "GroupWeightRename":
        pairs = sorted(zip(sources, targets))
        sources, targets = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    original_targets, groups = tuple(targets), []
    for number, target in enumerate(targets):
        targets[number], group = _as_target(target)
        groups += [group] if group else []
    for number, source in enumerate(sources):
        if r"\1" in source:
            if len(set(groups)) != 1:
                raise NotUnderstood(f"the checkpoint conversion to {source!r}, which refers to a group of several")
            source = source.replace(r"\1", groups[0], 1)
        if len(sources) == len(targets):
            source = _anchored(source, original_targets[number])
        sources[number] = source
    operations = tuple(getattr(entry, "operations", ()))[::-1]
    return Conversion(tuple(sources), tuple(targets), operations, entry.kind == "GroupWeightRename")


def _as_target(pattern: str) -> tuple[str, str | None]:
    """Return a name to write from a pattern that was meant to be found (``process_target_pattern``)."""
    pattern = pattern.removeprefix("^").removesuffix("$")
    pattern = re.sub(r"\(\?.+?\)?\)", "", pattern).replace(r"\.", ".")
    group = re.search(r"\(.+?\)", pattern)
    return (pattern.replace(group.group(0), r"\1", 1), group.group(0)) if group else (pattern, None)


def _anchored(source: str, target: str) -> str:
    """Return a pattern with the anchors that its counterpart has (``process_source_pattern``)."""
    if target.startswith("^") and not source.startswith("^"):
        source = f"^{source}"
    return f"{source}$" if target.endswith("$") and not source.endswith("$") else source
