"""The class of latent attention in an adapter: with latents in the cache, or with keys and values of all heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scaffold.expressions.evaluate import evaluate
from scaffold.expressions.python import write as write_expression
from scaffold.expressions.tree import Literal, updated
from scaffold.expressions.uses import imports as imports_of
from scaffold.idioms.construct import construct_mixer
from scaffold.idioms.frame import Frame
from scaffold.idioms.layers import present, same
from scaffold.idioms.norms import norm_call
from scaffold.idioms.per_layer import PerLayer
from scaffold.idioms.rope import IMPORT, get_rope, rope_of
from scaffold.idioms.window import SEES_ALL, SEES_ALL_IMPORT, takes_the_configs
from scaffold.idioms.written import Written
from scaffold.mixers.latent.spec import LatentAttentionSpec
from scaffold.rendering.fragment import fill
from scaffold.source.python.errors import NotUnderstood
from scaffold.weights.targets import attribute

NAMES = {"head_dim": "self.qk_rope_head_dim", "qk_head_dim": "self.qk_head_dim"}
"""What a class of latent attention calls its numbers: only a part of each head turns."""
YARN = "deepseek_yarn"
"""What vLLM's own models of latent attention call yarn, so that their class of its table is taken."""
HERE = Path(__file__).parent
LINEAR = "vllm.model_executor.layers.linear"
IMPORTS = (
    "import torch",
    "from torch import nn",
    "from vllm.config import CacheConfig",
    "from vllm.distributed import get_tensor_model_parallel_world_size",
    f"from {LINEAR} import (ColumnParallelLinear, MergedColumnParallelLinear, ReplicatedLinear, RowParallelLinear,)",
    "from vllm.model_executor.layers.quantization import QuantizationConfig",
    IMPORT,
)
CACHED_IMPORTS = ("from vllm.model_executor.layers.mla import MLAModules, MultiHeadLatentAttentionWrapper",)
FOLDED_IMPORTS = (
    "from vllm.model_executor.model_loader.weight_utils import composed_weight_loader, default_weight_loader",
    "from vllm.model_executor.utils import set_weight_attrs",
)
PLAIN_IMPORTS = ("import torch.nn.functional as F", "from vllm.model_executor.layers.attention import Attention")


def write(layers: Sequence[LatentAttentionSpec | None], class_name: str, frame: Frame) -> Written:
    """Return the class.

    Raises:
        NotUnderstood: layers differ, or vLLM's MLA layer does not compute it: a factor may only be in a norm's weight.
    """
    spec: LatentAttentionSpec = same(present(layers), "their attention", lambda a: a)
    cached = frame.target.cached_latents
    rope = rope_of(PerLayer({}, ()), [spec.rope], frame)
    assert rope is not None
    if cached and is_yarn_of_both({"rope_parameters": evaluate(spec.rope.parameters, frame.config)}):
        rope = replace(rope, parameters=updated(rope.parameters, "rope_type", Literal(YARN)))
    q_norm = {}
    if spec.q_norm is not None and spec.q_lora_rank is not None:
        rank = spec.q_lora_rank.code
        q_norm = {
            "name": attribute(spec.q_norm[0]),
            "call": norm_call(spec.q_norm[1], rank, frame.prefix),
            "rank": rank,
        }
    # vLLM's MLA layer has no place between a norm and a projection: a factor on q is one on the scores.
    scale = spec.scale.tree * spec.q_scale.tree if cached and spec.q_scale.value != 1 else spec.scale.tree
    scales_norm = cached and spec.kv_scale.value != 1
    if scales_norm and spec.kv_norm[1].form != "rms":
        raise NotUnderstood("no idiom yet for scaled latents in vLLM's MLA layer", spec.source)
    text = fill(
        HERE / ("cached_latent_attention.py.jinja" if cached else "latent_attention.py.jinja"),
        class_name=class_name,
        frame=frame,
        spec=spec,
        scale=write_expression(scale, names=NAMES),
        q_first=attribute(spec.q_names[0]),
        q_last=attribute(spec.q_names[-1]),
        q_norm=q_norm,
        kv_a_name=attribute(spec.kv_a_name),
        kv_norm={
            "name": attribute(spec.kv_norm[0]),
            "call": norm_call(spec.kv_norm[1], "self.kv_lora_rank", frame.prefix),
        },
        kv_b_name=attribute(spec.kv_b_name),
        o_name=attribute(spec.o_name),
        q_scale="" if spec.q_scale.value == 1 else spec.q_scale.code,
        kv_scale="" if spec.kv_scale.value == 1 else spec.kv_scale.code,
        sees_all=SEES_ALL.splitlines() if takes_the_configs(frame.config) else [],
        rotary_emb=get_rope(rope, "self.qk_rope_head_dim", NAMES, frame.max_position).splitlines(),
    )
    own = CACHED_IMPORTS if cached else (*PLAIN_IMPORTS, SEES_ALL_IMPORT)
    folded = FOLDED_IMPORTS if scales_norm else ()
    imports = (*IMPORTS, *own, *folded, *frame.length_imports, *imports_of(scale))
    return Written(text, construct_mixer(attribute(spec.name), class_name), imports)


def is_yarn_of_both(config: Mapping[str, Any]) -> bool:
    """Return whether a config asks for yarn in a form that both of vLLM's tables of it compute alike.

    Source: vllm/model_executor/layers/rotary_embedding/{deepseek_scaling_rope,yarn_scaling_rope}.py: the former knows
    neither a stated factor of attention nor frequencies that are not rounded, and takes one ``mscale`` alone otherwise.
    """
    stated = config.get("rope_parameters") or config.get("rope_scaling")
    if not isinstance(stated, Mapping) or stated.get("rope_type", stated.get("type")) != "yarn":
        return False
    is_paired = bool(stated.get("mscale")) == bool(stated.get("mscale_all_dim"))
    return is_paired and stated.get("attention_factor") is None and stated.get("truncate", True) is True
