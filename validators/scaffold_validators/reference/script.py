"""The reference implementation on some token sequences. Run by the *target's* Python, never imported.

Reads ``{"model", "sequences", "dtypes", "dequantise", "trust_remote_code"}`` as JSON. The model is loaded in one dtype
after the other, so that only one of them is in memory. ``dequantise`` is the class of transformers' quantisation
config, and its options, with which quantised weights are loaded as what they stand for; null for plain weights.

The last line that is printed is JSON: dtype → for each sequence the log probability of every token but the first, the
token that is the likeliest at each of these places, and by how much it is ahead of the second.
"""

import gc
import json
import sys
from typing import Any


def main() -> None:
    """Answer the request on standard input."""
    asked = json.load(sys.stdin)
    rows = {dtype: measured(asked, dtype) for dtype in asked["dtypes"]}
    print("\n" + json.dumps(rows))


def measured(asked: dict[str, Any], dtype: str) -> list[dict[str, Any]]:
    """Return the numbers of each sequence in one dtype."""
    import torch
    import transformers

    options: dict[str, Any] = {}
    if asked["dequantise"]:
        name, settings = asked["dequantise"]
        options["quantization_config"] = getattr(transformers, name)(**settings)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        asked["model"],
        dtype=getattr(torch, dtype),
        attn_implementation="eager",
        trust_remote_code=asked["trust_remote_code"],
        **options,
    ).eval()
    rows = []
    with torch.no_grad():
        for tokens in asked["sequences"]:
            logprobs = model(torch.tensor([tokens]), use_cache=False).logits[0, :-1].float().log_softmax(-1)
            best = logprobs.topk(2, dim=-1)
            rows.append({
                "logprobs": logprobs.gather(1, torch.tensor(tokens[1:])[:, None])[:, 0].tolist(),
                "best": best.indices[:, 0].tolist(),
                "margins": (best.values[:, 0] - best.values[:, 1]).tolist(),
            })  # fmt: skip
    del model
    gc.collect()
    return rows


if __name__ == "__main__":
    main()
