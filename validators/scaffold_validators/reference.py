"""The reference implementation on some prompts. Run by the *target's* Python, never imported.

Reads ``{"model", "prompts", "new_tokens", "trust_remote_code"}`` as JSON, writes one JSON line with, for each
prompt, the log probability of every token but the first, the greedy tokens and their log probabilities.
"""

import json
import sys


def main() -> None:
    """Answer the request on standard input."""
    import torch
    from transformers import AutoModelForCausalLM

    asked = json.load(sys.stdin)
    model = AutoModelForCausalLM.from_pretrained(
        asked["model"],
        dtype=torch.float32,
        attn_implementation="eager",
        trust_remote_code=asked["trust_remote_code"],
    ).eval()
    rows = []
    with torch.no_grad():
        for prompt in asked["prompts"]:
            tokens = list(prompt)
            greedy = []
            for _ in range(asked["new_tokens"]):
                logits = model(torch.tensor([tokens]), use_cache=False).logits[0, -1]
                tokens.append(int(logits.argmax()))
                greedy.append(tokens[-1])
            logprobs = model(torch.tensor([tokens]), use_cache=False).logits[0].float().log_softmax(-1)
            found = [logprobs[i, tokens[i + 1]].item() for i in range(len(tokens) - 1)]
            cut = len(prompt) - 1
            rows.append({"logprobs": found[:cut], "greedy": greedy, "greedy_logprobs": found[cut:]})
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
