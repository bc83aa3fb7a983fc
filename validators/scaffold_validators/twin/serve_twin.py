"""Runs the twin through vLLM and says where it parts from transformers. Run by the *target's* Python, never imported.

vLLM is imported while the twin is still being made; then ``{"twin", "reference", "plugin", "model_impl", "dtype",
"native_layers", "trust_remote_code"}`` is read as one line of JSON, and one line with the outcome is the last that is
printed. What stands in for kernels of the engine that answer wrongly is told.
"""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

sys.path.pop(0)  # this folder: none of its names may stand before a package's
import torch
from transformers import AutoConfig
from vllm import LLM, ModelRegistry, SamplingParams

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "shims" / "on_path")]
import scaffold_shims
from blocks import START, Catcher

Caught = dict[str, torch.Tensor]
PARTED = 2e-4
"""Relative to the largest value: float32 arithmetic in another order stays some 1e-6 off at each layer."""


def register(plugin: dict[str, str]) -> None:
    """Register the adapter: its class itself, so that vLLM need not import it in a process of its own first."""
    sys.path.insert(0, plugin["source"])
    ModelRegistry.register_model(plugin["architecture"], named(plugin["target"]))
    if plugin["config"]:
        AutoConfig.register(plugin["model_type"], named(plugin["config"]), exist_ok=True)


def named(target: str) -> Any:
    """Return the class that ``module:Class`` names."""
    module, name = target.split(":")
    return getattr(importlib.import_module(module), name)


def off(expected: torch.Tensor, found: torch.Tensor) -> float:
    """Return the largest difference relative to the largest value; infinite for other shapes and NaN."""
    if expected.shape != found.shape:
        return float("inf")
    gap = ((expected - found).abs().max() / expected.abs().max().clamp(min=1e-6)).item()
    return gap if gap == gap else float("inf")


def where_it_parts(expected: Caught, found: Caught, layers: list[str]) -> dict[str, Any]:
    """Return the first layer whose output differs, and the first block in it that does."""
    if START in expected and START in found and off(expected[START], found[START]) > PARTED:
        return {"layer": "", "block": "before the first layer: embeddings, positions"}
    if not any(layer in found for layer in layers):
        return {"layer": "", "block": "unknown: the layers have other names in vLLM"}
    for layer in layers:
        if layer not in expected:
            continue
        if layer not in found:
            return {"layer": layer, "block": "which never ran"}
        gap = off(expected[layer], found[layer])
        if gap <= PARTED:
            continue
        blocks = [name for name in expected if name.startswith(layer + ".") and name in found]
        parted = [name for name in blocks if off(expected[name], found[name]) > PARTED]
        block = parted[0].removeprefix(layer + ".") if parted else "between its blocks: norms, residuals, multipliers"
        return {"layer": layer, "block": block, "off": gap}
    return {"layer": "", "block": "after the last layer: final norm, head, or decoding token by token"}


def main() -> None:
    """Answer the request on standard input."""
    asked = json.loads(sys.stdin.readline())
    reference = asked["reference"]
    scaffold_shims.register()
    if asked["plugin"]:
        register(asked["plugin"])
    prompt = reference["prompt"]
    llm = LLM(
        model=asked["twin"],
        model_impl=asked["model_impl"],
        skip_tokenizer_init=True,
        dtype=asked["dtype"],
        enforce_eager=True,
        max_model_len=len(prompt) + len(reference["greedy"]) + 1,
        max_num_seqs=2,
        enable_prefix_caching=False,
        generation_config="vllm",
        trust_remote_code=asked["trust_remote_code"] and not (asked["plugin"] or {}).get("config"),
        seed=0,
        **({"compilation_config": {"custom_ops": ["none"]}} if asked["native_layers"] else {}),
    )
    catcher = Catcher(len(prompt))
    llm.apply_model(lambda model: catcher.watch(model, reference["layers"]))
    catcher.on = True
    sampling = SamplingParams(
        temperature=0.0,
        max_tokens=len(reference["greedy"]),
        prompt_logprobs=1,
        ignore_eos=True,
        detokenize=False,
    )
    (answer,) = llm.generate({"prompt_token_ids": prompt}, sampling, use_tqdm=False)
    logprobs = [answer.prompt_logprobs[i][prompt[i]].logprob for i in range(1, len(prompt))]
    expected = torch.load(Path(asked["twin"]).parent / "reference.pt", weights_only=True)
    print("\n" + json.dumps({
        "logprobs": logprobs,
        "greedy": list(answer.outputs[0].token_ids),
        "parts": where_it_parts(expected, catcher.caught, reference["layers"]),
        "shims": scaffold_shims.in_use,
    }), flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
