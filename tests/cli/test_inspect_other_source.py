"""A model whose own source is not there, and whose files are not those of the source that is read instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.cli.inspect import by_the_map
from scaffold.reading.of_checkpoint import read_model_of
from tests.lab.engine import engine
from tests.models.families import config_of, shapes_of, write

OWN = {"AutoModelForCausalLM": "modeling_of_its_own.LlamaForCausalLM"}


@pytest.mark.parametrize("other", [True, False])
def test_what_a_token_keeps_is_not_known(other: bool, tmp_path: Path) -> None:
    shapes = shapes_of("llama")
    if other:
        shapes = {name.replace(".k_proj.", ".kv_proj."): shape for name, shape in shapes.items()}
    path = write(tmp_path / "llama", config_of("llama", auto_map=OWN), shapes)
    proved, misread = by_the_map(read_model_of(read_checkpoint(path), engine().transformers))
    assert (proved is None) is other
    assert ("their attention is another one" in misread) is other
