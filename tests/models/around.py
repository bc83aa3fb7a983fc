"""Checkpoints of a decoder that we made up around the examples of mixers and feed-forward blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from scaffold.feed_forwards import mlp
from scaffold.feed_forwards.protocol import Example as FeedForwardExample
from scaffold.mixers.protocol import Example as MixerExample
from scaffold.source.locate import find
from tests.models.interpreted import instantiate

AUTO = {"AutoConfig": "configuration_corvus.CorvusConfig", "AutoModelForCausalLM": "modeling_corvus.CorvusForCausalLM"}
CONFIG: dict[str, Any] = {
    "architectures": ["CorvusForCausalLM"],
    "model_type": "corvus",
    "auto_map": AUTO,
    "vocab_size": 512,
    "hidden_size": 128,
    "num_attention_heads": 4,
    "head_dim": 32,
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": False,
}
CONFIGURATION = """\
from transformers import PreTrainedConfig


class CorvusConfig(PreTrainedConfig):
    model_type = "corvus"
"""
HEAD = """\
import torch
import torch.nn.functional as F
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from .configuration_corvus import CorvusConfig


class Norm(nn.Module):
    def __init__(self, size, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotate(x, turn):
    cos, sin = turn
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


"""
REST = """\


class Layer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.mixer_norm = Norm(config.hidden_size, config.rms_norm_eps)
        self.kind = config.mixer_types[layer_idx]
{made}
        self.feed_forward_norm = Norm(config.hidden_size, config.rms_norm_eps)
        self.feed_forward = FeedForward(config, layer_idx)

    def forward(self, hidden_states, turn, mask):
        normed = self.mixer_norm(hidden_states)
{called}
        hidden_states = hidden_states + mixed
        return hidden_states + self.feed_forward(self.feed_forward_norm(hidden_states))


class Model(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Layer(config, i) for i in range(config.num_hidden_layers)])
        self.norm = Norm(config.hidden_size, config.rms_norm_eps)

    def forward(self, input_ids):
        hidden_states = self.embed_tokens(input_ids)
        index = torch.arange(input_ids.shape[1])
        size = self.config.{rotated}
        steps = torch.arange(0, size, 2, dtype=torch.float) / size
        angles = torch.outer(index.float(), self.config.rope_parameters["rope_theta"] ** -steps)
        mask = torch.where(index[:, None] >= index[None, :], 0.0, -1e30)
        for layer in self.layers:
            hidden_states = layer(hidden_states, (angles.cos(), angles.sin()), mask)
        return self.norm(hidden_states)


class CorvusForCausalLM(PreTrainedModel):
    config_class = CorvusConfig

    def __init__(self, config):
        super().__init__(config)
        self.model = Model(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def forward(self, input_ids, **kwargs):
        return CausalLMOutputWithPast(logits=self.lm_head(self.model(input_ids)))
"""


def write_around(
    directory: Path,
    mixers: Mapping[str, MixerExample],
    types: list[str],
    feed_forward: FeedForwardExample = mlp.EXAMPLE,
    replaced: Sequence[tuple[str, str]] = (),
    **changed: Any,
) -> Path:
    """Write a checkpoint with random weights.

    Args:
        directory: where.
        mixers: word → example; each layer has the one of its word.
        types: the word of each layer.
        feed_forward: of all layers.
        replaced: texts of the modeling source, each with what stands in its place.
        changed: keys of the config that are other than the examples have them.
    """
    directory.mkdir(parents=True, exist_ok=True)
    config = {**CONFIG, "num_hidden_layers": len(types), "mixer_types": types, **feed_forward.config}
    for example in mixers.values():
        config |= example.config
    config |= changed
    sources = [example.source.replace("class Mixer(", f"class {w.title()}Mixer(") for w, example in mixers.items()]
    made = [
        f'        if self.kind == "{w}":\n            self.{w} = {w.title()}Mixer(config, layer_idx)' for w in mixers
    ]
    calls = [f'        if self.kind == "{w}":\n            mixed = self.{w}(normed, turn, mask)' for w in mixers]
    rotated = "qk_rope_head_dim" if "qk_rope_head_dim" in config else "head_dim"
    rest = REST.replace("{made}", "\n".join(made)).replace("{called}", "\n".join(calls)).replace("{rotated}", rotated)
    modeling = HEAD + "\n\n".join([*sources, feed_forward.source]) + rest
    for old, new in replaced:
        assert old in modeling, old
        modeling = modeling.replace(old, new)
    (directory / "modeling_corvus.py").write_text(modeling)
    (directory / "configuration_corvus.py").write_text(CONFIGURATION)
    (directory / "config.json").write_text(json.dumps(config, indent=1))
    source = find("CorvusForCausalLM", "corvus", AUTO, directory, None)
    assert source is not None
    tensors = {n: t.a.astype(np.float32) for n, t in instantiate(source, config).root.saved_tensors()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory
