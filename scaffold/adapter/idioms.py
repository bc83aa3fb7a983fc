"""vLLM's layer for each canonical form. A form without a row has no idiom yet and ends in a hole."""

from __future__ import annotations

NORMS = {"rms": "RMSNorm", "rms_one_plus_weight": "GemmaRMSNorm"}
"""``NORM_FORMS`` row → class in vllm/model_executor/layers/layernorm.py (both take a residual)."""

GATED_ACTIVATIONS = {
    "silu": ("SiluAndMul", "SiluAndMul()"),
    "swish": ("SiluAndMul", "SiluAndMul()"),
    "gelu": ("GeluAndMul", "GeluAndMul()"),
    "gelu_new": ("GeluAndMul", 'GeluAndMul(approximate="tanh")'),
    "gelu_pytorch_tanh": ("GeluAndMul", 'GeluAndMul(approximate="tanh")'),
}
"""``hidden_act`` → class and call in vllm/model_executor/layers/activation.py."""

EXPERT_ACTIVATIONS = {"silu": "silu", "swish": "silu", "gelu": "gelu"}
"""``hidden_act`` → ``FusedMoE``'s activation (vllm/model_executor/layers/fused_moe/activation.py)."""

PLACEMENTS = ("pre",)
"""Norm placements that the layer template writes."""

NEEDED = {
    "vllm/model_executor/layers/attention": "Attention",
    "vllm/model_executor/models/utils.py": "WeightsMapper",
}
"""What the template relies on in the target tree."""
