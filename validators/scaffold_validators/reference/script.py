"""The reference implementation on some token sequences. Run by the *target's* Python, never imported.

Reads ``{"model", "sequences", "dtypes", "dequantise", "trust_remote_code", "overrides"}`` as JSON. The model is loaded
in one dtype after the other, so that only one of them is in memory. ``dequantise`` says how quantised weights are
loaded as what they stand for, see ``dequantise.py``; null for plain weights.

The last line that is printed is JSON: dtype → for each sequence the log probability of every token but the first, the
token that is the likeliest at each of these places, and by how much it is ahead of the second.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = frozenset(
    getattr(torch.ops.aten, name).default
    for name in ("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "_grouped_mm", "convolution")
    if hasattr(torch.ops.aten, name)
)
INDEX = "model.safetensors.index.json"
SCALE = "_scale_inv"
FOUR_BITS = "_blocks"
E2M1 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0]
EXPONENT_BIAS = 127
"""Of scales that are powers of two (OCP Microscaling Formats 1.0, sections 5.3.3 and 5.4.1)."""
Model = Any


class WideProducts(TorchDispatchMode):  # type: ignore[misc]
    """Products of 16-bit matrices are computed in float32 and rounded once, as accelerators do.

    CPUs without instructions for them take hundreds of times as long, and add up in an order of their own.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation."""
        tensors = [one for one in args if isinstance(one, torch.Tensor) and one.is_floating_point()]
        if func not in PRODUCTS or tensors[0].dtype == torch.float32:
            return func(*args, **(kwargs or {}))
        wide = [one.float() if isinstance(one, torch.Tensor) and one.is_floating_point() else one for one in args]
        return func(*wide, **(kwargs or {})).to(tensors[0].dtype)


def main() -> None:
    """Answer the request on standard input."""
    asked = json.load(sys.stdin)
    rows = {dtype: measured(asked, dtype) for dtype in asked["dtypes"]}
    print("\n" + json.dumps(rows))


def measured(asked: dict[str, Any], dtype: str) -> list[dict[str, Any]]:
    """Return the numbers of each sequence in one dtype."""
    model = loaded(asked, getattr(torch, dtype)).eval()
    rows = []
    with torch.no_grad(), WideProducts():
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


def loaded(asked: dict[str, Any], dtype: torch.dtype) -> Model:
    """Return the model, in one dtype."""
    how, trust = asked["dequantise"], asked["trust_remote_code"]
    options: dict[str, Any] = {"dtype": dtype, "attn_implementation": "eager"}
    if asked["overrides"]:
        options["config"] = config_of(asked)
    if how is not None:
        config = options.pop("config", None) or config_of(asked)
        described = config.quantization_config
        del config.quantization_config
        with torch.device("meta"):
            empty = transformers.AutoModelForCausalLM.from_config(config, trust_remote_code=trust)
        weights = tensors_of(Path(asked["model"]))
        if how == "blocks":
            weights = without_blocks(weights, *described["weight_block_size"])
        else:
            weights = without_four_bits(weights, {name: one.shape for name, one in empty.state_dict().items()})
        return type(empty).from_pretrained(None, config=config, state_dict=weights, **options)
    return transformers.AutoModelForCausalLM.from_pretrained(asked["model"], trust_remote_code=trust, **options)


def config_of(asked: dict[str, Any]) -> Model:
    """Return the config as the server has it: with what it was told otherwise, as its class completes that."""
    config = transformers.AutoConfig.from_pretrained(asked["model"], trust_remote_code=asked["trust_remote_code"])
    if not asked["overrides"]:
        return config
    given = json.loads((Path(asked["model"]) / "config.json").read_text())
    return type(config).from_dict(joined(given, asked["overrides"]))


def joined(config: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return a config with overrides; what is an object on both sides is joined, as vLLM does."""
    both = {key: joined(config[key], overrides[key]) for key in config.keys() & overrides.keys()
            if isinstance(config[key], dict) and isinstance(overrides[key], dict)}  # fmt: skip
    return {**config, **overrides, **both}


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    """Return all tensors of a checkpoint."""
    index = folder / INDEX
    names = set(json.loads(index.read_text())["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    return {name: tensor for shard in sorted(names) for name, tensor in load_file(folder / shard).items()}


def without_blocks(tensors: dict[str, torch.Tensor], rows: int, columns: int) -> dict[str, torch.Tensor]:
    """Return weights in float32 in place of those that have a scale for each block; edge blocks may be smaller."""
    for name in [name for name in tensors if name.endswith(SCALE)]:
        scale, weight = tensors.pop(name).float(), tensors[name.removesuffix(SCALE)]
        spread = scale.repeat_interleave(rows, -2).repeat_interleave(columns, -1)
        tensors[name.removesuffix(SCALE)] = weight.float() * spread[..., : weight.shape[-2], : weight.shape[-1]]
    return tensors


def without_four_bits(tensors: dict[str, torch.Tensor], asked: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Return weights in float32 in place of those of four bits that come in blocks with a scale each.

    ``*_blocks`` are ``[experts, out, in / 32, 16]`` bytes, of which the low half is the first entry, ``*_scales``
    ``[experts, out, in / 32]``. Whether the class has them turned around is what its shapes say; square ones are as
    those that are not.
    """
    table, weights = torch.tensor(E2M1), {}
    for name in [name for name in tensors if name.endswith(FOUR_BITS)]:
        blocks, stem = tensors.pop(name), name.removesuffix(FOUR_BITS)
        entries = torch.stack([table[(blocks & 15).int()], table[(blocks >> 4).int()]], -1).flatten(-2)
        scales = torch.exp2(tensors.pop(f"{stem}_scales").float() - EXPONENT_BIAS)
        weights[stem] = (entries * scales[..., None]).flatten(-2)
    square = {name for name, weight in weights.items() if weight.shape[-1] == weight.shape[-2]}
    as_they_are = {weights[name].shape == asked.get(name) for name in weights.keys() - square}
    if len(as_they_are) != 1:
        raise ValueError(f"weights of four bits in shapes that {'differ' if as_they_are else 'tell no order of axes'}")
    turned = not as_they_are.pop()
    return tensors | {name: one.mT.contiguous() if turned else one for name, one in weights.items()}


if __name__ == "__main__":
    main()
