"""The scales of fp8 weights: for which part of a weight the config says that there is one, and what their shapes show.

vLLM makes a scale for each tensor, or with ``weight_block_size`` one for each block under the name
``weight_scale_inv`` (vllm/model_executor/layers/quantization/fp8.py, utils/fp8_utils.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.quantization import FP8, method_of
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject, shape

KIND = "scales"
KEY, BLOCK = "quantization_config", "weight_block_size"
OF_BLOCKS, OF_TENSORS = "weight_scale_inv", "weight_scale"
USUAL = (128, 128)
"""The blocks of published checkpoints: what is proposed where they fit."""
SERVES = "vLLM makes scales of the config's kind, which these tensors do not fit"
REMEDY = "take config.json from the repository that the weights are from"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where scales have another name or shape than the config asks for; the first stands for all like it."""
    said = subject.config.get(KEY)
    if not isinstance(said, Mapping) or method_of(said) != "fp8":
        return
    block = _block(said)
    pairs = list(_pairs(subject))
    for weight, scale, ending in pairs:
        if block is None and len(scale.shape) == 2 and (ending == OF_BLOCKS or scale.shape[0] != 1):
            given = {KEY: {BLOCK: list(USUAL)}} if _all_of(pairs, USUAL) else {}
            yield _disagreement(f"{KEY}.{BLOCK} is not stated", weight, scale, given)
            return
        if block is not None and not _fits(weight, scale, block):
            given = {KEY: {BLOCK: list(USUAL)}} if block != USUAL and _all_of(pairs, USUAL) else {}
            yield _disagreement(f"{KEY}.{BLOCK} is {list(block)}", weight, scale, given)
            return


def _block(said: Mapping[str, Any]) -> tuple[int, int] | None:
    found = said.get(BLOCK)
    if isinstance(found, list) and len(found) == 2 and all(type(n) is int and n > 0 for n in found):
        return found[0], found[1]
    return None


def _pairs(subject: Subject) -> Iterator[tuple[Pattern, Pattern, str]]:
    """Yield matrices of fp8 with their scale, and the last part of its name."""
    weights = {p.name: p for p in subject.own if p.dtype in FP8 and len(p.shape) == 2}
    for scale in subject.own:
        stem, _, ending = scale.name.rpartition(".")
        weight = weights.get(f"{stem}.weight")
        if ending in (OF_BLOCKS, OF_TENSORS) and weight is not None:
            yield weight, scale, ending


def _fits(weight: Pattern, scale: Pattern, block: tuple[int, int]) -> bool:
    return scale.shape == tuple(-(-size // of) for size, of in zip(weight.shape, block))


def _all_of(pairs: list[tuple[Pattern, Pattern, str]], block: tuple[int, int]) -> bool:
    return all(ending == OF_BLOCKS and _fits(weight, scale, block) for weight, scale, ending in pairs)


def _disagreement(says: str, weight: Pattern, scale: Pattern, overrides: dict[str, Any]) -> Disagreement:
    return Disagreement(
        KIND,
        Said(f"config.json, {KEY}.{BLOCK}", says),
        Said(scale.name, f"{shape(scale)} is the scale of {shape(weight)}"),
        serves=SERVES,
        remedy=REMEDY,
        decides=True,
        overrides=overrides,
    )
