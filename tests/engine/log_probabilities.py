"""Log probabilities of a prompt. Run by the engine's Python: ``log_probabilities.py vllm|DTYPE CHECKPOINT OUT``.

``vllm`` serves the checkpoint in bfloat16 with the engine's own classes, in this process; a dtype such as ``float32``
asks transformers for the reference.
"""

import json
import os
import sys
from pathlib import Path

PROMPT = [1, 17, 305, 44, 98, 211, 7, 400, 123, 56, 350, 12, 87, 260, 33, 199, 64, 5, 471, 140]


def served(checkpoint: str) -> list[float]:
    """Return what vLLM says."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    from vllm import LLM, SamplingParams

    model = LLM(checkpoint, dtype="bfloat16", enforce_eager=True, max_model_len=128, skip_tokenizer_init=True)
    asked = SamplingParams(max_tokens=1, prompt_logprobs=0, detokenize=False)
    answer = model.generate({"prompt_token_ids": PROMPT}, asked)[0].prompt_logprobs
    return [entry[token].logprob for token, entry in zip(PROMPT[1:], answer[1:])]


def reference(checkpoint: str, dtype: str) -> list[float]:
    """Return what transformers says."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=getattr(torch, dtype))
    with torch.no_grad():
        logits = model(torch.tensor([PROMPT])).logits[0].float()
    found = torch.log_softmax(logits, -1)
    return [found[index, token].item() for index, token in enumerate(PROMPT[1:])]


if __name__ == "__main__":
    how, path, out = sys.argv[1:]
    Path(out).write_text(json.dumps(served(path) if how == "vllm" else reference(path, how)))
