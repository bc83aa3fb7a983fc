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

sys.path.insert(0, str(Path(__file__).parents[3] / "validators" / "scaffold_validators" / "twin"))

from randomise import randomise

NEW_TOKENS = 12


def make(row: str, model_type: str, values: dict, length: int, destination: Path) -> None:
    """Make the checkpoint of one row, and the reference beside it."""
    config = CONFIG_MAPPING[model_type](**values)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    with torch.no_grad():
        randomise(model, bool(values["tie_word_embeddings"]))
    model.save_pretrained(destination, max_shard_size="5MB")
    generator = torch.Generator().manual_seed(len(row))
    prompt = torch.randint(3, values["vocab_size"], (length,), generator=generator).tolist()
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
    for row, model_type, values, length, destination in json.load(sys.stdin):
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
                    make(row, model_type, values, length, place)
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
