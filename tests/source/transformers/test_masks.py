"""The masks that transformers makes for its models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.config_object import make
from scaffold.source.transformers.imports import resolve

CALL = "import torch\nfrom ...masking_utils import {name}\ndef f(config, x, mask=None):\n    return {name}("
CALL += "config=config, inputs_embeds=x, attention_mask=mask, past_key_values=None{more})\n"


def mask(tmp_path: Path, name: str, values: dict[str, object], padding: Tensor | None = None, more: str = "") -> object:
    path = tmp_path / "modeling_x.py"
    path.write_text(CALL.format(name=name, more=more))
    interpreter = Interpreter(resolve)
    config = make(interpreter, None, values)
    embeds = Tensor(np.zeros((1, 4, 2)))
    function = interpreter.global_name(SourceFile.parse(path), "f")
    return interpreter.call(function, [config, embeds, padding], {}, "here")


def seen(value: object) -> list[list[int]]:
    assert isinstance(value, Tensor)
    assert value.shape == (1, 1, 4, 4)
    return (value.a[0, 0] == 0).astype(int).tolist()


FULL = [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
WINDOW = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
CHUNKS = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("create_causal_mask", {"sliding_window": 2}, FULL),
        ("create_sliding_window_causal_mask", {"sliding_window": 2}, WINDOW),
        ("create_chunked_causal_mask", {"attention_chunk_size": 2}, CHUNKS),
        ("create_masks_for_generate", {}, FULL),
        ("create_masks_for_generate", {"sliding_window": 2}, WINDOW),
    ],
)
def test_who_sees_whom(tmp_path: Path, name: str, values: dict[str, object], expected: list[list[int]]) -> None:
    found = mask(tmp_path, name, values)
    assert seen(found) == expected
    assert isinstance(found, Tensor)
    assert found.origin is not None
    assert found.origin.name.endswith("_mask")


def test_layer_types_get_a_mask_each(tmp_path: Path) -> None:
    values = {"layer_types": ["full_attention", "sliding_attention", "conv"], "sliding_window": 2}
    found = mask(tmp_path, "create_masks_for_generate", values)
    assert isinstance(found, dict)
    assert seen(found["full_attention"]) == FULL
    assert seen(found["sliding_attention"]) == WINDOW
    assert found["conv"] is None


def test_a_padding_mask_hides_its_positions(tmp_path: Path) -> None:
    padding = Tensor(np.array([[0, 1, 1, 1]]))
    hidden = mask(tmp_path, "create_causal_mask", {}, padding)
    assert [row[0] for row in seen(hidden)] == [0, 0, 0, 0]


def test_a_function_of_the_source_widens_the_mask(tmp_path: Path) -> None:
    more = ", or_mask_function=lambda b, h, q, k: k == 3"
    assert [row[3] for row in seen(mask(tmp_path, "create_causal_mask", {}, more=more))] == [1, 1, 1, 1]


def test_attention_that_is_not_causal_is_a_hole(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="not causal"):
        mask(tmp_path, "create_causal_mask", {"is_causal": False})


def test_tokens_of_one_block_see_each_other_and_text_has_no_block(tmp_path: Path) -> None:
    for blocks, row in (("-1, -1, -1, -1", [1, 1, 0, 0]), ("-1, 0, 0, -1", [1, 1, 1, 0])):
        code = f", block_sequence_ids=torch.tensor([[{blocks}]])"
        assert seen(mask(tmp_path, "create_causal_mask", {}, more=code))[1] == row
