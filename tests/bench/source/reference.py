"""What PyTorch computes, in float64. Run by the engine's Python: ``reference.py < ROWS``, a JSON list.

Each row has ``model_type``, ``config``, ``length`` and ``destination``, an ``.npz`` that gets ``config.json``, the
state dict, the token ids and the logits; a row that transformers itself cannot run gets a ``.txt`` that says why. Each
is a fork of its own. Everything saved is random, buffers too. Modeling code asks for float32 in places (norms, softmax,
rotations); here that name means float64, so that rounding hides nothing.

A model is made of what its class reads from the ``config.json`` that it writes: some classes do not read back what they
wrote (a window that is computed from a key that is not saved). Its numbers are such that no choice is between equal
values, since which of them PyTorch takes is its own affair.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import torch

torch.float32 = torch.float = torch.float16 = torch.bfloat16 = torch.float64
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)

from transformers import CONFIG_MAPPING, AutoModelForCausalLM  # noqa: E402 - after the dtypes are set

SEEDS = 10
"""Tried until no choice is between equal values; the last one is kept whatever it does."""


TIED: list[tuple[int, ...]] = []
"""The shapes of which ``topk`` took a value that equals one that it left."""
TOPK = torch.topk


def topk(values: torch.Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> tuple:  # noqa: A002
    """Return what PyTorch returns, and note ties; of values that stand for minus infinity none counts."""
    if k < values.shape[dim]:
        taken, left = TOPK(values, k + 1, dim, largest).values.unbind(dim)[-2:]
        if ((taken == left) & (taken.abs() < 1e30)).any():
            TIED.append(tuple(values.shape))
    return TOPK(values, k, dim, largest, sorted)


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Fill all that is saved, at sizes that keep activations near 1."""
    generator = torch.Generator().manual_seed(seed)
    done = set()
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point() or tensor.data_ptr() in done:
            continue
        done.add(tensor.data_ptr())
        if tensor.ndim < 2:
            centre = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            tensor.normal_(centre, 0.3, generator=generator)
        else:
            tensor.normal_(0.0, 1.0 if "embed" in name else 1.2 / tensor.shape[-1] ** 0.5, generator=generator)


def make(row: dict) -> None:
    """Make one reference."""
    config = CONFIG_MAPPING[row["model_type"]](**row["config"])
    config = type(config).from_dict(json.loads(config.to_json_string()))
    torch.topk = torch.Tensor.topk = topk
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float64).eval()
    if hasattr(model, "set_experts_implementation"):
        model.set_experts_implementation("eager")
    generator = torch.Generator().manual_seed(1)
    vocabulary = model.get_input_embeddings().weight.shape[0]
    tokens = torch.randint(3, vocabulary, (1, row["length"]), generator=generator)
    for seed in range(SEEDS):
        TIED.clear()
        with torch.no_grad():
            randomise(model, seed)
            logits = model(input_ids=tokens, use_cache=False).logits
        if not TIED:
            break
    if not logits.isfinite().all():
        raise ArithmeticError("the reference has values that are not finite")
    state = {f"state.{name}": tensor.numpy() for name, tensor in model.state_dict().items()}
    config.architectures = [type(model).__name__]
    saved = config.to_json_string()
    np.savez(row["destination"], tokens=tokens.numpy(), logits=logits.numpy(), config=saved, **state)


def main() -> None:
    """Make each row in a fork."""
    for row in json.load(sys.stdin):
        if (child := os.fork()) == 0:
            try:
                make(row)
            except BaseException as error:
                Path(row["destination"]).with_suffix(".txt").write_text(f"{type(error).__name__}: {error}")
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
