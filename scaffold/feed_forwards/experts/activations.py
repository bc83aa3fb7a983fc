"""The name of each activation for vLLM's experts. One without a row has no idiom yet and ends in a hole."""

from __future__ import annotations

EXPERT_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu",
    "gelu_pytorch_tanh": "gelu_tanh",
    "swigluoai": "swigluoai",
}
"""``hidden_act`` → ``FusedMoE``'s activation (vllm/model_executor/layers/fused_moe/activation.py)."""
FIXED_LIMITS = {"swigluoai": (1.702, 7.0)}
"""Numbers that vLLM's activation has as constants."""
ALTERNATING = ("swigluoai",)
"""Those that vLLM computes of rows of gate and up that alternate (``SwigluOAIAndMul`` in activation.py)."""
