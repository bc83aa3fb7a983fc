"""Makes small checkpoints and what transformers answers with them: ``make.py < [[ROW, MODEL_TYPE, CONFIG, …], …]``.

Run by the engine's Python. transformers is imported once; each row is a fork of its own, so that one that fails or
crashes takes no other along. All that is saved is random: norms, biases, router corrections, sinks.
"""

import json
import os
import sys
import traceback
from pathlib import Path

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM

COMMON = {
    "vocab_size": 512,
    "num_hidden_layers": 4,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
NEW_TOKENS = 12


def randomise(model: torch.nn.Module, tied: bool) -> None:
    """Fill all that is saved: activations stay near 1, logits are apart, no tied embedding drowns the layers."""
    generator = torch.Generator().manual_seed(0)
    head = model.get_output_embeddings()
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if head is not None and tensor.data_ptr() == head.weight.data_ptr():
            tensor.normal_(0.0, 0.15 if tied else 0.3, generator=generator)
        elif tensor.ndim < 2 and name.endswith("weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim < 2 or "bias" in name:
            tensor.normal_(0.0, 0.3, generator=generator)
        elif "embed" in name or name.endswith(("wte.weight", "wpe.weight")):
            tensor.normal_(0.0, 1.0, generator=generator)
        else:
            tensor.normal_(0.0, 1.5 / tensor.shape[-1] ** 0.5, generator=generator)


def make(row: str, model_type: str, changes: dict, length: int, destination: Path) -> None:
    """Make the checkpoint of one row, and the reference beside it."""
    values = {key: value for key, value in {**COMMON, **changes}.items() if value is not None}
    config = CONFIG_MAPPING[model_type](**values)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        randomise(model, bool(values["tie_word_embeddings"]))
    model.save_pretrained(destination, max_shard_size="5MB")
    generator = torch.Generator().manual_seed(len(row))
    prompt = torch.randint(3, COMMON["vocab_size"], (length,), generator=generator).tolist()
    answer = reference(destination, prompt)
    (destination.parent / "reference.json").write_text(json.dumps(answer))


def reference(path: Path, prompt: list[int]) -> dict:
    """Return what transformers answers with the checkpoint as it was saved."""
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    tokens, margins = list(prompt), []
    with torch.no_grad():
        for _ in range(NEW_TOKENS):
            best = model(torch.tensor([tokens]), use_cache=False).logits[0, -1].topk(2)
            tokens.append(int(best.indices[0]))
            margins.append(float(best.values[0] - best.values[1]))
        logits = model(torch.tensor([prompt]), use_cache=False).logits[0].float().log_softmax(-1)
    logprobs = [logits[i, prompt[i + 1]].item() for i in range(len(prompt) - 1)]
    if not all(map(torch.isfinite, torch.tensor(logprobs))):
        raise ArithmeticError("the reference has values that are not finite")
    return {"prompt": prompt, "logprobs": logprobs, "greedy": tokens[len(prompt) :], "margins": margins}


def main() -> None:
    """Make each row in a fork, and say how each went as one JSON line."""
    for row, model_type, changes, length, destination in json.load(sys.stdin):
        place = Path(destination)
        place.parent.mkdir(parents=True, exist_ok=True)
        log = place.parent / "made.log"
        child = os.fork()
        if child == 0:
            code = 1
            with log.open("w") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
                try:
                    make(row, model_type, changes, length, place)
                    code = 0
                except BaseException:
                    traceback.print_exc()
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
        _, status = os.waitpid(child, 0)
        print(json.dumps([row, os.waitstatus_to_exitcode(status)]), flush=True)


if __name__ == "__main__":
    main()
