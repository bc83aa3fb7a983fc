"""vLLM's layer for each activation. One without a row has no idiom yet and ends in a hole."""

from __future__ import annotations

GATED_ACTIVATIONS = {
    "silu": "SiluAndMul()",
    "swish": "SiluAndMul()",
    "gelu": "GeluAndMul()",
    "gelu_new": 'GeluAndMul(approximate="tanh")',
    "gelu_fast": 'GeluAndMul(approximate="tanh")',
    "gelu_pytorch_tanh": 'GeluAndMul(approximate="tanh")',
}
"""``hidden_act`` → vLLM's layer for act(gate) * up (vllm/model_executor/layers/activation.py)."""

PLAIN_ACTIVATIONS = (
    *("gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "relu", "relu2", "silu", "swish", "quick_gelu"),
    *("tanh", "sigmoid"),
)
"""Names that vLLM's ``get_act_fn`` takes."""
