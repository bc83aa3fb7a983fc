"""Words of a config that a class takes otherwise: where a model was not understood, its class says what it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.table import disagreements
from scaffold.reading.of_checkpoint import read_model_of
from tests.models.families import write

SOURCE = """\
from torch import nn
from transformers import PreTrainedModel


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=True)
        self.q_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=config.attention_bias)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size // 2, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size // 2, config.hidden_size, bias=False)

    def forward(self, x):
        return self.o_proj(self.q_proj(x)).flicker() + self.down_proj(self.up_proj(x))


class ElmModel(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Block(config) for _ in range(config.num_hidden_layers)])

    def forward(self, input_ids, **kwargs):
        x = self.embed_tokens(input_ids)
        for layer in self.layers:
            x = layer(x)
        return x


class ElmForCausalLM(PreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.model = ElmModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, **kwargs):
        return self.lm_head(self.model(input_ids))
"""
CONFIG = {
    "architectures": ["ElmForCausalLM"], "model_type": "elm", "vocab_size": 512, "hidden_size": 128,
    "intermediate_size": 320, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
    "attention_bias": False, "tie_word_embeddings": False,
    "auto_map": {"AutoModelForCausalLM": "modeling_elm.ElmForCausalLM"},
}  # fmt: skip
LAYER = {"o_proj.weight": (128, 128), "o_proj.bias": (128,), "q_proj.weight": (128, 128), "up_proj.weight": (160, 128),
         "down_proj.weight": (128, 160)}  # fmt: skip
OUTSIDE = {"model.embed_tokens.weight": (512, 128), "lm_head.weight": (512, 128)}


@pytest.mark.parametrize(
    ("more", "says"),
    [({}, ""), ({"q_proj.bias": (128,)}, "q_proj.bias")],
)
def test_what_the_class_itself_makes_is_no_disagreement(
    tmp_path: Path, more: dict[str, tuple[int, ...]], says: str
) -> None:
    layers = {f"model.layers.{i}.{name}": shape for i in range(2) for name, shape in {**LAYER, **more}.items()}
    (tmp_path / "modeling_elm.py").write_text(SOURCE)
    checkpoint = read_checkpoint(write(tmp_path, CONFIG, {**OUTSIDE, **layers}))
    reading = read_model_of(checkpoint)
    assert reading.spec.decoder is None
    without_source = disagreements(checkpoint)
    assert {"biases", "inner size"} <= {one.kind for one in without_source if one.decides}
    found = [one for one in disagreements(checkpoint, None, reading.source) if one.decides]
    assert [says in one.tensors.where for one in found] == ([True] if says else [])
