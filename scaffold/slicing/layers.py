"""Which tensors belong to which layer, and which layers are of one kind."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

from scaffold.checkpoint.modalities import MODALITIES
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import CheckFailed
from scaffold.slicing.config import NUMBERED_FROM_ONE, PATTERNS, layer_count
from scaffold.spec.decoder import DecoderSpec
from scaffold.vocabulary.lookup import at, value_of
from scaffold.vocabulary.rows import rows

_NUMBER = re.compile(r"(?:^|\.)(\d{1,6})\.")
TOWERS = frozenset(word for modality in MODALITIES for word in modality.words)
MOST_PERIOD = 64


@dataclass(frozen=True)
class Layers:
    """The decoder layers of a checkpoint.

    Attributes:
        prefix: of their tensors, up to the number; ``model.layers.``.
        count: of the config.
        kinds: of each layer; equal ones are of one kind.
    """

    prefix: str
    count: int
    kinds: tuple[Hashable, ...]

    @property
    def least(self) -> int:
        """Return the smallest number of first layers among which every kind is."""
        return 1 + max(self.kinds.index(kind) for kind in set(self.kinds))

    def number_of(self, name: str) -> int | None:
        """Return the layer that a tensor belongs to; None if it belongs to none."""
        number = name[len(self.prefix) :].partition(".")[0] if name.startswith(self.prefix) else ""
        return int(number) if number.isdigit() else None


def layers_of(checkpoint: Checkpoint, decoder: DecoderSpec | None) -> Layers:
    """Find the decoder layers among the tensors, and their kinds.

    What tells layers apart: what was read of them, where the source is understood; entries of lists that the config has
    for each layer; the names, shapes and dtypes of their tensors. Where nothing was read, a whole period of what the
    config repeats is a kind of its own, layer for layer.

    Raises:
        CheckFailed: there is no such list of layers, or parts outside of it depend on their number.
    """
    count = layer_count(checkpoint.text_config)
    if count is None:
        raise _unfit(checkpoint, "a config that does not say how many layers there are", "a number of layers")
    if value_of("hidden_size_per_layer_input", checkpoint.text_config):
        raise _unfit(
            checkpoint,
            "inputs per layer: one table holds those of all layers",
            "layers that nothing but their number knows",
        )
    prefix = _prefix(checkpoint, count)
    tensors = _signatures(checkpoint, prefix)
    listed = list(_listed(checkpoint.text_config, count))
    read = _classes(decoder.layers) if decoder is not None and len(decoder.layers) == count else None
    period = 1 if read else _period(checkpoint.text_config)
    kinds = tuple(
        (read[index] if read else index % period, tuple(repr(values[index]) for values in listed), tensors.get(index))
        for index in range(count)
    )
    return Layers(prefix, count, kinds)


def _prefix(checkpoint: Checkpoint, count: int) -> str:
    found: dict[str, set[int]] = {}
    for name in checkpoint.weights.forms:
        number = _NUMBER.search(name)
        if number is not None and not TOWERS & set(name[: number.start(1)].split(".")):
            found.setdefault(name[: number.start(1)], set()).add(int(number[1]))
    fitting = [prefix for prefix, numbers in found.items() if numbers >= set(range(count))]
    exact = [prefix for prefix in fitting if max(found[prefix]) < count] or fitting
    if len(exact) != 1:
        raise _unfit(checkpoint, f"{len(exact)} lists of {count} layers ({', '.join(sorted(exact)[:3])})", "one")
    return exact[0]


def _signatures(checkpoint: Checkpoint, prefix: str) -> dict[int, Hashable]:
    """Return layer → names, dtypes and shapes of its tensors."""
    found: dict[int, list[tuple[str, str, tuple[int, ...]]]] = {}
    for name, form in checkpoint.weights.forms.items():
        number, _, rest = name[len(prefix) :].partition(".") if name.startswith(prefix) else ("", "", "")
        if number.isdigit():
            found.setdefault(int(number), []).append((rest, form.dtype, form.shape))
    return {number: hash(tuple(sorted(rows_))) for number, rows_ in found.items()}


def _listed(config: Mapping[str, Any], count: int) -> Iterable[Sequence[Any]]:
    """Yield what the config says for each layer, as lists of that length."""
    for value in config.values():
        if (
            isinstance(value, list)
            and len(value) == count
            and all(isinstance(v, (str, int, type(None))) for v in value)
        ):
            yield value
    for key in [key for row in rows().values() if row.twin == "layer_numbers" for key in row.keys]:
        numbers = at(config, key)
        if isinstance(numbers, list):
            yield [index in numbers for index in range(count)]
    for key in NUMBERED_FROM_ONE:
        numbers = at(config, key)
        if isinstance(numbers, list):
            yield [index + 1 in numbers for index in range(count)]
    for key in PATTERNS:
        word = config.get(key)
        if isinstance(word, str) and len(word) == count:
            yield word


def _period(config: Mapping[str, Any]) -> int:
    found = [at(config, key) for row in rows().values() if row.twin == "period" for key in row.keys]
    period = lcm(*(n for n in found if type(n) is int and n > 0))
    return period if period <= MOST_PERIOD else 1


def _classes(layers: Sequence[Any]) -> list[int]:
    """Return for each layer the number of the first that is equal to it."""
    found: list[int] = []
    for index, layer in enumerate(layers):
        found.append(next((first for first in sorted(set(found)) if layers[first] == layer), index))
    return found


def _unfit(checkpoint: Checkpoint, found: str, expected: str) -> CheckFailed:
    return CheckFailed(
        found,
        where=str(checkpoint.path),
        expected=f"{expected}, for a slice of the first layers",
        remedy="run stage parity on the whole checkpoint, where its reference fits (--reference-seconds gives it time)",
    )
