"""GPTQ and AWQ: layout, bits and groups of the tensors against those of the config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.disagreements.finding import Disagreement
from tests.disagreements.llama import Tensors, found, tensors

GPTQ = {"quant_method": "gptq", "bits": 4, "group_size": 32}


def packed(method: str, bits: int = 4, group: int = 32) -> Tensors:
    """Return a Llama whose linear layers are packed."""
    made: Tensors = {}
    for name, (dtype, shape) in tensors("F16").items():
        if not name.endswith("_proj.weight"):
            made[name] = (dtype, shape)
            continue
        stem, (out, size) = name.removesuffix("weight"), shape
        rows = (size * bits // 32, out) if method == "gptq" else (size, out * bits // 32)
        groups = -(-size // group)
        made |= {f"{stem}qweight": ("I32", rows), f"{stem}qzeros": ("I32", (groups, out * bits // 32)),
                 f"{stem}scales": ("F16", (groups, out))}  # fmt: skip
    return made


def _of_packing(directory: Path, held: Tensors, config: dict[str, Any]) -> list[Disagreement]:
    all_found = found(directory, held, quantization_config=config, torch_dtype="float16")
    return [one for one in all_found if one.kind == "packed weights"]


WRONG = (
    ("awq", 4, 32, GPTQ, "is packed as AWQ packs", {}),
    ("gptq", 4, 32, {"quant_method": "awq", "bits": 4, "group_size": 32}, "is packed as GPTQ packs", {}),
    ("gptq", 4, 32, {**GPTQ, "bits": 8}, "has 4 bits a value", {"bits": 4}),
    ("gptq", 8, 32, GPTQ, "has 8 bits a value", {"bits": 8}),
    ("gptq", 4, 32, {**GPTQ, "group_size": 64}, "has a scale for 32 inputs", {"group_size": 32}),
    ("awq", 4, 64, {"quant_method": "awq", "w_bit": 4, "q_group_size": 32}, "has a scale for 64 inputs",
     {"q_group_size": 64}),
)  # fmt: skip


@pytest.mark.parametrize(("method", "bits", "group", "config", "says", "given"), WRONG)
def test_it_is_told_with_the_numbers_that_the_shapes_show(
    method: str, bits: int, group: int, config: dict[str, Any], says: str, given: dict[str, int], tmp_path: Path
) -> None:
    (one,) = _of_packing(tmp_path, packed(method, bits, group), config)
    assert one.decides
    assert one.tensors.says.endswith(says)
    assert one.overrides == ({"quantization_config": given} if given else {})


RIGHT = (
    ("gptq", 4, 32, GPTQ),
    ("gptq", 8, 64, {"quant_method": "gptq", "bits": 8, "group_size": 64}),
    ("gptq", 3, 32, {"quant_method": "gptq", "bits": 3, "group_size": 32}),
    ("gptq", 4, 320, {**GPTQ, "group_size": -1}),
    ("gptq", 4, 96, {**GPTQ, "group_size": 96}),  # the last group is short
    ("awq", 4, 32, {"quant_method": "awq", "bits": 4, "group_size": 32}),
    ("gptq", 4, 64, {**GPTQ, "dynamic": {"+:.*": {"group_size": 64}}}),
)


@pytest.mark.parametrize(("method", "bits", "group", "config"), RIGHT)
def test_what_agrees_is_none(method: str, bits: int, group: int, config: dict[str, Any], tmp_path: Path) -> None:
    assert not _of_packing(tmp_path, packed(method, bits, group), config)


def test_words_that_are_in_part_padding_tell_nothing(tmp_path: Path) -> None:
    """A gate of one output takes a word of qzeros for itself."""
    narrow: Tensors = {"model.layers.0.mlp.a_gate.qweight": ("I32", (40, 1))}
    narrow |= {f"model.layers.0.mlp.a_gate.{name}": (dtype, (10, 1)) for name, dtype in
               (("scales", "F16"), ("qzeros", "I32"))}  # fmt: skip
    assert not _of_packing(tmp_path, {**packed("gptq"), **narrow}, GPTQ)
