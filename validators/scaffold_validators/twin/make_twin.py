"""Makes the twin and runs it through transformers. Run by the *target's* Python, never imported.

Reads ``{"checkpoint", "overrides", "destination", "trust_remote_code", "new_tokens", "vocabulary", "renames"}`` as
JSON; writes the twin's checkpoint to ``destination``, and beside it ``reference.pt``: what flows out of each layer and
block; prints the answer. ``vocabulary`` says which keys of configs are which, see ``shrink.py``; ``renames``, which
beginnings the names of the checkpoint's tensors have in place of those that transformers writes.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from blocks import Catcher, layer_names
from names import as_on_disk
from randomise import randomise
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from shrink import Vocabulary, first, overridden, prompt_tokens, shrink
from transformers import AutoConfig, AutoModelForCausalLM

MOST_PARAMETERS = 1_000_000_000
NOISE = 2e-4
"""Largest change of a log probability, in nats, that rounding alone may make: a fifth of what counts as wrong."""
ROUNDING = 2.0**-24
HALVINGS = 4


def check_small(config: Any, trust: bool) -> None:
    """Check that a config has become small, before its memory is taken.

    Raises:
        ValueError: its sizes are under keys that the vocabulary does not have.
    """
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=trust)
    except Exception:  # what cannot be made without memory is made with it
        return
    count = sum(parameter.numel() for parameter in model.parameters())
    if count > MOST_PARAMETERS:
        raise ValueError(f"the twin would have {count:,} parameters: sizes of this config have keys that are not known")


def make(checkpoint: Path, destination: Path, trust: bool, vocabulary: Vocabulary, overrides: dict[str, Any]) -> None:
    """Write the twin's checkpoint as transformers saves one; ``overrides`` go over the checkpoint's own config."""
    complete = overridden(AutoConfig.from_pretrained(checkpoint, trust_remote_code=trust).to_dict(), overrides)
    asked = json.loads((checkpoint / "config.json").read_text())
    small = {**shrink(complete, vocabulary), "dtype": "float32"}
    small.pop("torch_dtype", None)
    for key in ("architectures", "auto_map", "model_type"):
        if key in asked:
            small[key] = asked[key]
    if not trust:
        small.pop("auto_map", None)
    destination.mkdir(parents=True)
    (destination / "config.json").write_text(json.dumps(small))
    sources = [path for path in checkpoint.glob("*.py") if path.is_file()] if trust else []
    for path in sources:
        shutil.copy(path, destination)
    config = AutoConfig.from_pretrained(destination, trust_remote_code=trust)
    check_small(config, trust)
    model = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="eager", trust_remote_code=trust
    ).eval()
    with torch.no_grad():
        randomise(model, bool(getattr(config, "tie_word_embeddings", False)))
        calm(model, random_prompt(config, vocabulary))
    model.save_pretrained(destination)
    for path in sources:
        shutil.copy(path, destination)
    saved = json.loads((destination / "config.json").read_text())
    if "architectures" in asked:
        saved["architectures"] = asked["architectures"]
    if "auto_map" in small:
        saved["auto_map"] = small["auto_map"]
    (destination / "config.json").write_text(json.dumps(saved, indent=2))


def calm(model: Any, prompt: list[int]) -> None:
    """Halve the weights until rounding makes no difference that could be taken for a mistake.

    Where scores of attention are not divided by the root of the head size, random weights make them so large that
    float32 itself does not agree with float32 in another order.
    """
    for _ in range(HALVINGS):
        if not noise(model, prompt) > NOISE:  # nor where there is no number at all
            return
        ends = (model.get_input_embeddings(), model.get_output_embeddings())
        embeddings = {id(getattr(end, "weight", None)) for end in ends}
        for name, weight in model.named_parameters():
            if weight.ndim > 1 and "bias" not in name and id(weight) not in embeddings:
                weight.mul_(0.5)


def noise(model: Any, prompt: list[int]) -> float:
    """Return by how much log probabilities change where each weight is changed by about its rounding."""
    tokens = torch.tensor([prompt])
    before = model(tokens, use_cache=False).logits.log_softmax(-1)
    generator = torch.Generator().manual_seed(2)
    kept = [(weight, weight.clone()) for weight in model.parameters()]
    for weight, _ in kept:
        weight.mul_(1 + ROUNDING * torch.randn(weight.shape[-1:], generator=generator))  # a row of it: many are slow
    after = model(tokens, use_cache=False).logits.log_softmax(-1)
    for weight, value in kept:
        weight.copy_(value)
    chosen = tokens[0, 1:, None]
    return float((before - after)[0, :-1].gather(-1, chosen).abs().max())


def random_prompt(config: Any, vocabulary: Vocabulary) -> list[int]:
    """Return a prompt that is longer than the windows."""
    length = prompt_tokens(config.to_dict(), vocabulary)
    generator = torch.Generator().manual_seed(1)
    tokens: list[int] = torch.randint(3, int(config.vocab_size), (length,), generator=generator).tolist()
    return tokens


def run(destination: Path, trust: bool, new_tokens: int, vocabulary: Vocabulary) -> dict[str, Any]:
    """Return the prompt, its log probabilities and the greedy tokens after it."""
    model = AutoModelForCausalLM.from_pretrained(
        destination, dtype=torch.float32, attn_implementation="eager", trust_remote_code=trust
    ).eval()
    values, prompt = model.config.to_dict(), random_prompt(model.config, vocabulary)
    length = len(prompt)
    names = layer_names(model, first(values, tuple(vocabulary["num_layers"]["keys"])) or 0)
    catcher = Catcher(length)
    catcher.watch(model, names)
    with torch.no_grad():
        catcher.on = True
        logits = model(torch.tensor([prompt]), use_cache=False).logits[0].float().log_softmax(-1)
        catcher.on = False
        tokens = list(prompt)
        for _ in range(new_tokens):
            tokens.append(int(model(torch.tensor([tokens]), use_cache=False).logits[0, -1].argmax()))
    torch.save(catcher.caught, destination.parent / "reference.pt")
    logprobs = [logits[i, prompt[i + 1]].item() for i in range(length - 1)]
    return {
        "prompt": prompt,
        "logprobs": logprobs,
        "greedy": tokens[length:],
        "layers": names,
    }


def saved_names(destination: Path) -> list[str]:
    """Return the names of the twin's tensors, as they are in its files."""
    names: list[str] = []
    for path in sorted(destination.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            names += file.keys()
    return names


def rename(destination: Path, renames: list[list[str]]) -> None:
    """Give the twin's tensors the names that the checkpoint's have."""
    if not renames:
        return
    for path in sorted(destination.glob("*.safetensors")):
        save_file(
            {as_on_disk(name, renames): tensor for name, tensor in load_file(path).items()}, path, {"format": "pt"}
        )
    for path in destination.glob("*.safetensors.index.json"):
        index = json.loads(path.read_text())
        index["weight_map"] = {as_on_disk(name, renames): file for name, file in index["weight_map"].items()}
        path.write_text(json.dumps(index))


def main() -> None:
    """Answer the request on standard input."""
    asked = json.load(sys.stdin)
    destination, trust = Path(asked["destination"]), asked["trust_remote_code"]
    vocabulary = asked["vocabulary"]
    make(Path(asked["checkpoint"]), destination, trust, vocabulary, asked["overrides"])
    reference = run(destination, trust, asked["new_tokens"], vocabulary)
    rename(destination, asked["renames"])
    print("\n" + json.dumps({**reference, "tensors": saved_names(destination)}))


if __name__ == "__main__":
    main()
