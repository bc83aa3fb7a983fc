"""How a checkpoint says that its weights are quantised, for the kinds that are dequantised while they are loaded."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from scaffold.common.errors import CheckpointError

KEY = "quantization_config"
METHOD = "fp8"
"""The quantisation that adapters dequantise while they load."""
ASCEND = (None, "", "ascend")
"""What configs of ModelSlim's checkpoints call their method, where they have a section for it."""
ASCEND_ENDING = ".weight_offset"
SCALE_ENDINGS = ("weight_scale_inv", "weight_scale")
"""What stands in place of ``weight`` in the name of its scale: DeepSeek-V3's kin; compressed-tensors and others."""
INPUT_ENDINGS = ("activation_scale", "input_scale")
"""What stands there in the name of the fixed scale of a linear's input."""
OF_THE_CACHE = ("q_scale", "k_scale", "v_scale", "q_zero_point", "k_zero_point", "v_zero_point")
"""What scales of a KV cache of eight bits are called beside an attention's projections."""


@dataclass(frozen=True)
class Quantisation:
    """fp8 weights with scales.

    Attributes:
        scale_ending: what stands in place of ``weight`` in the name of its scale.
        block: rows and columns that share a scale; None for one scale per tensor, (1, 0) for one per channel.
    """

    scale_ending: str
    block: tuple[int, int] | None


def quantisation_of(config: Mapping[str, Any], names: Collection[str]) -> Quantisation | None:
    """Return how the weights are quantised, or None if they are not.

    Raises:
        CheckpointError: they are, in a way that is not known.
    """
    described = config.get(KEY)
    if described is None:
        return None
    method = described.get("quant_method") if isinstance(described, dict) else None
    if method in ASCEND and any(name.endswith(ASCEND_ENDING) for name in names):
        return None  # the layers that an adapter is made of ask for their quantisation
    if method != METHOD:
        raise _unknown(f"the method {method!r}", METHOD)
    ending = next((e for e in SCALE_ENDINGS if any(name.endswith(f".{e}") for name in names)), None)
    if ending is None:
        raise _unknown("no tensor that ends with " + " or ".join(SCALE_ENDINGS), "the scales of fp8 weights")
    block = described.get("weight_block_size")
    if block is None:
        return Quantisation(ending, None)
    if not (isinstance(block, list) and len(block) == 2 and all(type(n) is int and n > 0 for n in block)):
        raise _unknown(f"the block size {str(block)[:80]}", "two whole numbers")
    return Quantisation(ending, (block[0], block[1]))


def is_dequantised(config: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint's weights are of the kind that `quantisation_of` knows, or not quantised at all."""
    described = config.get(KEY)
    return described is None or (isinstance(described, dict) and described.get("quant_method") == METHOD)


def _unknown(found: str, expected: str) -> CheckpointError:
    return CheckpointError(
        found,
        where=f"config.json, {KEY}",
        expected=expected,
        remedy="convert the checkpoint to bf16, or write the rules by hand (scaffold.weights)",
    )
