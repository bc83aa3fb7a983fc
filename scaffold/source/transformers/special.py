"""What calls of transformers' single helpers mean, as far as they are not read from its files.

transformers: src/transformers/{masking_utils,modeling_utils,cache_utils,activations,utils/generic}.py
"""

from __future__ import annotations

from typing import Any

from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.library import Meaning, computes, inert, question
from scaffold.source.transformers import masks, release
from scaffold.source.transformers.config_class import signature
from scaffold.source.transformers.config_methods import remapped
from scaffold.source.transformers.protocol import Interpreter
from scaffold.source.transformers.tables import AttentionTable


def _kept_positions(interpreter: Interpreter, hidden_states: Any, logits_to_keep: Any) -> Any:
    """Return the last positions, all of them for 0 (``slice_logits_to_keep`` of transformers 5.20 and later)."""
    if not isinstance(logits_to_keep, int):
        raise NotUnderstood("logits of chosen positions")
    return hidden_states[:, slice(-logits_to_keep, None), :]


NAMES: dict[str, Meaning] = {
    "is_dataclass": computes(release.is_dataclass),
    "signature": computes(signature),
    **{name: computes(function) for name, function in masks.FUNCTIONS.items()},
    "AttentionInterface": computes(lambda interpreter: AttentionTable()),
    "interval": inert(lambda default=None, **_: default),
    "positive_int_field": computes(lambda interpreter, default=None, **_: default),
    "remap_legacy_layer_types": computes(remapped),
    "slice_logits_to_keep": computes(_kept_positions),
    **dict.fromkeys(("DynamicCache", "EncoderDecoderCache", "maybe_autocast", "torch_compilable_check"), inert()),
    "layer_type_validation": inert(),  # of configuration_utils.py, 4.53 to 5.19: a check that computes nothing
    **dict.fromkeys(("is_flash_attention_requested", "is_flash_attn_available", "is_torch_xpu_available"), question()),
    **dict.fromkeys(("is_fsdp_managed_module", "is_deepspeed_zero3_enabled"), question()),
    "is_torchdynamo_compiling": question(),
    "is_torch_available": computes(lambda interpreter: True),
}
"""By the last part of the name, wherever it was imported from."""
