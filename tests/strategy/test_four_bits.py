"""Weights of four bits that bitsandbytes packs: their names and the number of their entries are proved, no shape is."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from scaffold.strategy import supported
from scaffold.strategy.gate import prove_files
from scaffold.strategy.protocol import Question
from tests.models.families import Shapes, config_of, shapes_of, write
from tests.strategy.trusted import question_of

QUANTISED = {
    "quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
}
DTYPES = {"weight": "U8", "absmax": "U8", "nested_absmax": "F32", "nested_quant_map": "F32", "quant_map": "F32",
          "bitsandbytes__nf4": "U8"}  # fmt: skip
BITS = {"U8": 8, "F32": 32, "BF16": 16}


def packed(shapes: Shapes) -> Shapes:
    found = dict(shapes)
    for name, shape in shapes.items():
        if "_proj." in name:
            count = shape[0] * shape[1]
            found |= {
                name: (count // 2, 1), f"{name}.absmax": (count // 64,), f"{name}.quant_map": (16,),
                f"{name}.nested_absmax": (count // 64 // 256 or 1,), f"{name}.nested_quant_map": (256,),
                f"{name}.quant_state.bitsandbytes__nf4": (151,),
            }  # fmt: skip
    return found


def asked(folder: Path, shapes: Shapes) -> Question:
    write(folder, config_of("llama", **QUANTISED), shapes)
    header, end = {}, 0
    for name, shape in shapes.items():
        dtype = DTYPES[name.rpartition(".")[2]] if f"{name.partition('.weight')[0]}.weight.absmax" in shapes else "BF16"
        size = shape[0] * (shape[1] if len(shape) > 1 else 1) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as out:
        out.write(struct.pack("<Q", len(raw)) + raw)
        out.truncate(8 + len(raw) + end)
    return question_of(folder)


def test_what_is_packed_is_not_refused_for_its_shape(tmp_path: Path) -> None:
    question = asked(tmp_path, packed(shapes_of("llama")))
    answer = supported.holds(question)
    assert answer.holds, answer.reason
    assert prove_files(question).against == ()
    (note,) = answer.notes
    assert "self_attn.q_proj.weight" in note
    assert "their numbers of entries fit" in note


@pytest.mark.parametrize("part", ["q_proj", "down_proj"])
def test_another_number_of_entries_is(tmp_path: Path, part: str) -> None:
    shapes = packed(shapes_of("llama"))
    name = f"model.layers.1.{'self_attn' if part == 'q_proj' else 'mlp'}.{part}.weight"
    shapes[name] = (shapes[name][0] - 32, 1)
    assert f"the shape is [{2 * shapes[name][0]}]" in prove_files(asked(tmp_path, shapes)).against[0]


def test_what_bitsandbytes_does_not_write_is_refused(tmp_path: Path) -> None:
    shapes = {**packed(shapes_of("llama")), "model.layers.0.mlp.up.absmax": (4,)}
    answer = supported.holds(asked(tmp_path, shapes))
    assert not answer.holds
    assert "model.layers.*.mlp.up.absmax" in answer.reason
