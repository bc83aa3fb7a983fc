"""What PyTorch computes, in float64. Run by the engine's Python: ``reference.py ROWS.json``.

Each row has ``model_type``, ``config`` and ``destination``, an ``.npz`` that gets the state dict, the token ids and the
logits. Everything saved is random, buffers too. Modeling code asks for float32 in places (norms, softmax, rotations);
here that name means float64, so that rounding hides nothing.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch

torch.float32 = torch.float = torch.float16 = torch.bfloat16 = torch.float64
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)

from transformers import CONFIG_MAPPING, AutoModelForCausalLM  # noqa: E402 - after the dtypes are set

LENGTH = 19


def randomise(model: torch.nn.Module) -> None:
    """Fill all that is saved, at sizes that keep activations near 1."""
    generator = torch.Generator().manual_seed(0)
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


def main(row: dict) -> None:
    """Make one reference."""
    config = CONFIG_MAPPING[row["model_type"]](**row["config"])
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float64).eval()
    if hasattr(model, "set_experts_implementation"):
        model.set_experts_implementation("eager")
    with torch.no_grad():
        randomise(model)
        vocabulary = model.get_input_embeddings().weight.shape[0]
        generator = torch.Generator().manual_seed(1)
        tokens = torch.randint(3, vocabulary, (1, row.get("length", LENGTH)), generator=generator)
        logits = model(input_ids=tokens, use_cache=False).logits
    state = {f"state.{name}": tensor.numpy() for name, tensor in model.state_dict().items()}
    values = {"config": np.array(json.dumps(config.to_dict() | {"architectures": [type(model).__name__]}))}
    np.savez(row["destination"], tokens=tokens.numpy(), logits=logits.numpy(), **state, **values)


if __name__ == "__main__":
    for row in json.loads(Path(sys.argv[1]).read_text()):
        try:
            main(row)
            print(row["model_type"], "made", flush=True)
        except Exception as error:  # a config that transformers itself cannot run
            Path(row["destination"]).with_suffix(".txt").write_text(f"{type(error).__name__}: {error}")
            print(row["model_type"], "FAILED", type(error).__name__, str(error)[:200], flush=True)
