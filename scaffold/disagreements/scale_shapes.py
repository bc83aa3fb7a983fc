"""The scales of weights of eight bits: for which part of a weight the config has one, and what their shapes show.

For fp8 vLLM makes a scale for each tensor, or with ``weight_block_size`` one for each block under the name
``weight_scale_inv`` (vllm/model_executor/layers/quantization/fp8.py, utils/fp8_utils.py), for compressed-tensors what
the strategy of a layer's group says (compressed_tensors/schemes/).
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
EIGHT_BITS = (*FP8, "I8")
USUAL = (128, 128)
"""The blocks of published checkpoints: what is proposed where they fit."""
SERVES = "vLLM makes scales of the config's kind, which these tensors do not fit"
REMEDY = "take config.json from the repository that the weights are from"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where scales have another name or shape than the config asks for; the first stands for all like it."""
    said = subject.config.get(KEY)
    if subject.quantization is not None and subject.quantization.kind == "modelslim":
        return  # its scales are told by its description (scaffold/modelslim/)
    if isinstance(said, Mapping) and method_of(said) == "compressed-tensors":
        yield from _of_groups(subject, said)
    if not isinstance(said, Mapping) or method_of(said) != "fp8":
        return
    block = _block(said.get(BLOCK))
    pairs = [pair for pair in _pairs(subject) if pair[0].dtype in FP8]
    for weight, scale, ending in pairs:
        if block is None and len(scale.shape) == 2 and (ending == OF_BLOCKS or scale.shape[0] != 1):
            given = {KEY: {BLOCK: list(USUAL)}} if _all_of(pairs, USUAL) else {}
            yield _disagreement(f"{KEY}.{BLOCK} is not stated", weight, scale, given)
            return
        if block is not None and not _fits(weight, scale, block):
            given = {KEY: {BLOCK: list(USUAL)}} if block != USUAL and _all_of(pairs, USUAL) else {}
            yield _disagreement(f"{KEY}.{BLOCK} is {list(block)}", weight, scale, given)
            return


def _of_groups(subject: Subject, said: Mapping[str, Any]) -> Iterator[Disagreement]:
    """Yield the first scale that is not of the groups' strategy, where all have the same."""
    groups = said.get("config_groups")
    listed = [group for group in groups.values() if isinstance(group, Mapping)] if isinstance(groups, Mapping) else []
    held = [weights for group in listed if isinstance(weights := group.get("weights"), Mapping)]
    if not held or len(held) < len(listed) or any(one.get("strategy") != held[0].get("strategy") for one in held):
        return
    strategy = str(held[0].get("strategy"))
    block = _block(held[0].get("block_structure"))
    for weight, scale, _ in _pairs(subject):
        if any(length == 1 for length in weight.shape):
            continue
        single = all(length == 1 for length in scale.shape)
        fits = {
            "tensor": single,
            "channel": scale.shape in ((weight.shape[0], 1), (weight.shape[0],)),
            "block": block is None or _fits(weight, scale, block),
        }
        if not fits.get(strategy, True):
            key = "config_groups.*.weights.strategy"
            yield _disagreement(f"{KEY}.{key} is {strategy!r}", weight, scale, {}, key)
            return


def _block(found: Any) -> tuple[int, int] | None:
    if isinstance(found, list) and len(found) == 2 and all(type(n) is int and n > 0 for n in found):
        return found[0], found[1]
    return None


def _pairs(subject: Subject) -> Iterator[tuple[Pattern, Pattern, str]]:
    """Yield matrices of eight bits with their scale, and the last part of its name."""
    weights = {p.name: p for p in subject.own if p.dtype in EIGHT_BITS and len(p.shape) == 2}
    for scale in subject.own:
        stem, _, ending = scale.name.rpartition(".")
        weight = weights.get(f"{stem}.weight")
        if ending in (OF_BLOCKS, OF_TENSORS) and weight is not None:
            yield weight, scale, ending


def _fits(weight: Pattern, scale: Pattern, block: tuple[int, int]) -> bool:
    return scale.shape == tuple(-(-size // of) for size, of in zip(weight.shape, block))


def _all_of(pairs: list[tuple[Pattern, Pattern, str]], block: tuple[int, int]) -> bool:
    return all(ending == OF_BLOCKS and _fits(weight, scale, block) for weight, scale, ending in pairs)


def _disagreement(
    says: str, weight: Pattern, scale: Pattern, overrides: dict[str, Any], key: str = BLOCK
) -> Disagreement:
    return Disagreement(
        KIND,
        Said(f"config.json, {KEY}.{key}", says),
        Said(scale.name, f"{shape(scale)} is the scale of {shape(weight)}"),
        serves=SERVES,
        remedy=REMEDY,
        decides=True,
        overrides=overrides,
    )
