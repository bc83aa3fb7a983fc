"""Layers in one list with the embedding before and the head behind them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.listed import Listed
from tests.models.remote.build import read

ONE_LIST = """
class First(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.words = nn.Embedding(config.vocab_size, config.hidden_size)

    def forward(self, ids):
        return self.words(ids)


class Last(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm = VelaNorm(config.hidden_size, config.rms_norm_eps)
        self.out = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, x):
        return self.out(self.norm(x))


class VelaForCausalLM(VelaPreTrainedModel):
    def __init__(self, config: VelaConfig):
        super().__init__(config)
        parts = [First(config), *(VelaLayer(config, number) for number in range(config.num_hidden_layers))]
        self.{holder} = {made}
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, labels=None, use_cache=None):
        length = input_ids.shape[1]
        parts = self.{holder}
        x = parts[0](input_ids)
        mask = _prepare_4d_causal_attention_mask(attention_mask, input_ids.shape, x, 0)
        for layer in parts[1 : self.config.num_hidden_layers + 1]:
            x = layer(x, attention_mask=mask, position_ids=torch.arange(length)[None])
        for part in parts[self.config.num_hidden_layers + 1 :]:
            x = part(x)
        return CausalLMOutputWithPast(logits=x)
"""
TOGETHER = "nn.Sequential(*parts, Last(config))"
APART = (
    "nn.ModuleList([*parts, VelaNorm(config.hidden_size, config.rms_norm_eps), "
    "nn.Linear(config.hidden_size, config.vocab_size, bias=False)])"
)


@pytest.mark.parametrize(("made", "norm", "head"), [(TOGETHER, "norm", "out"), (APART, "", "")])
def test_layers_between_embedding_and_head(
    made: str, norm: str, head: str, tmp_path: Path, transformers_source: Path
) -> None:
    found = read(tmp_path, transformers_source, classes=ONE_LIST.format(made=made, holder="parts"))
    assert found.listed == Listed("parts", 1, 2)
    assert len(found.layers) == 2
    assert (found.base_name, found.layers_name, found.embedding.name) == ("", "parts", "before_0.words")
    behind = [f"behind_0.{norm}", f"behind_0.{head}"] if norm else ["behind_0", "behind_1"]
    assert [found.norm_name, found.head_name] == behind


def test_names_in_the_list_as_if_the_layers_had_one_of_their_own() -> None:
    listed = Listed("model.parts", 2, 3)
    pairs = {
        "model.parts.0.weight": "model.before_0.weight",
        "model.parts.1.a.bias": "model.before_1.a.bias",
        "model.parts.2.mlp.weight": "model.parts.0.mlp.weight",
        "model.parts.4": "model.parts.2",
        "model.parts.5.norm.weight": "model.behind_0.norm.weight",
        "model.parts": "model.parts",
        "model.partsof.1.weight": "model.partsof.1.weight",
        "other.weight": "other.weight",
    }
    assert {name: listed.renamed(name) for name in pairs} == pairs


def test_a_list_with_more_layers_than_the_config_says_is_a_hole(tmp_path: Path, transformers_source: Path) -> None:
    made = "nn.Sequential(*parts, VelaLayer(config, 7), Last(config))"
    with pytest.raises(NotUnderstood):
        read(tmp_path, transformers_source, classes=ONE_LIST.format(made=made, holder="parts"))
