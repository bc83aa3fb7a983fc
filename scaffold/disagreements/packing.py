"""How GPTQ and AWQ pack weights into words of 32 bits: what the config says, and what the shapes show.

GPTQ packs rows, the input: qweight [in * bits / 32, out]. AWQ packs columns: qweight [in, out * bits / 32]. Both have
scales [in / group, out] and qzeros [in / group, out * bits / 32]
(vllm/model_executor/layers/quantization/auto_gptq.py, auto_awq.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.checkpoint.quantization import method_of
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject, shape

KIND = "packed weights"
KEY = "quantization_config"
WORD = 32
METHODS = {"gptq": "GPTQ", "awq": "AWQ"}
BITS = ("bits", "w_bit")
GROUP = ("group_size", "q_group_size")
OF_MODULES = ("dynamic", "extra_config", "modules_in_block_to_quantize", "meta")
"""Keys of configs that quantise some layers otherwise."""
SERVES = "vLLM makes parameters of the config's shape, which these tensors do not fit"
REMEDY = "take config.json from the repository that the weights are from"


@dataclass(frozen=True)
class Packed:
    """A packed weight: name and shape of qweight, of scales, and of qzeros."""

    shown: str
    name: str
    weight: tuple[int, ...]
    scales: tuple[int, ...]
    zeros: tuple[int, ...]

    @property
    def layout(self) -> str:
        """Return whose layout it is."""
        return "gptq" if self.weight[1] == self.scales[1] else "awq"

    @property
    def bits(self) -> float:
        """Return the bits of a value, of which qzeros has as many as scales."""
        return WORD * self.zeros[1] / self.scales[1]

    @property
    def group(self) -> float:
        """Return how many inputs share a scale; 0 where the bits do not tell."""
        inputs = self.weight[0] * WORD / self.bits if self.layout == "gptq" and self.bits else self.weight[0]
        return inputs / self.scales[0]


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where layout, bits or groups are others than the config says; the first weight stands for all like it."""
    said = subject.config.get(KEY)
    method = method_of(said) if isinstance(said, Mapping) else ""
    if not isinstance(said, Mapping) or method not in METHODS or any(said.get(key) for key in OF_MODULES):
        return
    bits, group = _stated(said, BITS), _stated(said, GROUP)
    for one in _packed(subject):
        if one.layout != method:
            says = f"{one.shown} is packed as {METHODS[one.layout]} packs"
            yield _disagreement("quant_method", method, one, says, {})
        elif bits and one.bits != bits[1]:
            yield _disagreement(*bits, one, f"{one.shown} has {one.bits:g} bits a value", _override(bits[0], one.bits))
        elif group and group[1] > 0 and not _fits(one, group[1]):
            says = f"{one.shown} has a scale for {one.group:g} inputs"
            yield _disagreement(*group, one, says, _override(group[0], one.group))
        else:
            continue
        return


def _stated(said: Mapping[str, Any], keys: tuple[str, ...]) -> tuple[str, int] | None:
    return next(((key, said[key]) for key in keys if type(said.get(key)) is int), None)


def _fits(one: Packed, group: int) -> bool:
    """Return whether the scales are as many as the groups, the last of which may be short."""
    return -(-round(one.group * one.scales[0]) // group) == one.scales[0]


def _packed(subject: Subject) -> Iterator[Packed]:
    """Yield the weights whose outputs fill whole words at any number of bits; of others, words are in part padding."""
    by_name = {pattern.name: pattern for pattern in subject.own if len(pattern.shape) == 2 and all(pattern.shape)}
    for name, pattern in by_name.items():
        stem = name.removesuffix("qweight")
        scales, zeros = by_name.get(f"{stem}scales"), by_name.get(f"{stem}qzeros")
        if stem == name or pattern.dtype != "I32" or scales is None or zeros is None:
            continue
        if scales.shape[1] % WORD == 0:
            yield Packed(f"{shape(pattern)} beside scales {list(scales.shape)}", name,
                         pattern.shape, scales.shape, zeros.shape)  # fmt: skip


def _override(key: str, value: float) -> dict[str, Any]:
    return {KEY: {key: int(value)}} if value == int(value) and value > 0 else {}


def _disagreement(key: str, value: Any, one: Packed, says: str, overrides: dict[str, Any]) -> Disagreement:
    where = f"{KEY}.{key}"
    return Disagreement(
        KIND,
        Said(f"config.json, {where}", f"{where} is {value!r}"),
        Said(one.name, says),
        serves=SERVES,
        remedy=REMEDY,
        decides=True,
        overrides=overrides,
    )
