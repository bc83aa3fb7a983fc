"""``make bench-variants``: odd variants of the listed architectures; an adapter without a hole has to be right.

Each architecture comes in two variants that change what its config lets be changed: ties, KV heads, head size,
biases, activation, epsilon, rotary scaling. What transformers itself refuses is left out.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench.coverage.rows import Row, choose, make_rows, rows
from tests.engine.adapters import Adapters, adapters

Config = dict[str, Any]
PAGE = Path("docs/variants.md")
WORDS = ("right", "hole", "wrong", "not served", "not made")
HEAD = """# Odd variants

Written by `make bench-variants`: two unpublished configs for each architecture of [coverage.md](coverage.md).
*Narrow*: one KV head, embeddings tied the other way, another activation, an epsilon of 1e-3, the rotary scaling of
Llama 3. *Wide*: as many KV heads as heads, another head size, biases the other way, yarn. Each change applies only if
the config has such a key. *Right*: log probabilities within 0.001 of transformers', all greedy tokens the same. *Hole*:
the evidence does not determine something, so no adapter is written. *Not served*: the engine refuses it. *Not made*:
transformers itself refuses it.

| variant | adapter | largest difference and greedy tokens, or why not |
| --- | --- | --- |"""
ACTIVATIONS = ("hidden_act", "hidden_activation", "activation_function", "activation")
EPSILONS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon")
BIASES = (
    "attention_bias", "mlp_bias", "use_bias", "use_qkv_bias", "qkv_bias", "bias", "lm_head_bias", "add_bias_linear",
)  # fmt: skip
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
"""vLLM's table ends at the product of the two numbers, and reads on behind it: the prompt has to fit (``fitting``)."""
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 64, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
}  # fmt: skip


def narrow(full: Config) -> Config:
    """One KV head, ties the other way, another activation, a large epsilon, llama3 rotary scaling."""
    changed: Config = {"tie_word_embeddings": not full.get("tie_word_embeddings", True)}
    if full.get("num_key_value_heads", full.get("num_attention_heads")) != full.get("num_attention_heads"):
        changed["num_key_value_heads"] = 1
    for key in ACTIVATIONS:
        if isinstance(full.get(key), str):
            changed[key] = "gelu_pytorch_tanh" if full[key] in ("silu", "relu") else "silu"
    return changed | {key: 1e-3 for key in EPSILONS if key in full} | rope(full, LLAMA3)


def wide(full: Config) -> Config:
    """As many KV heads as heads, biases the other way, another head size, yarn."""
    changed: Config = {key: not full[key] for key in BIASES if isinstance(full.get(key), bool)}
    if "num_key_value_heads" in full and "num_attention_heads" in full and "kv_lora_rank" not in full:
        changed["num_key_value_heads"] = full["num_attention_heads"]
    if isinstance(full.get("head_dim"), int) and "kv_lora_rank" not in full:
        changed["head_dim"] = 96 if full["head_dim"] != 96 else 80
    return changed | rope(full, YARN)


def fitting(changed: Config, tokens: int) -> Config:
    """Return a variant's changes with a yarn whose table a prompt of so many tokens does not outrun."""
    parameters = changed.get("rope_parameters", {})
    if parameters.get("rope_type") != "yarn":
        return changed
    length, factor = parameters["original_max_position_embeddings"], parameters["factor"]
    while length * factor < tokens:
        length *= 2
    return changed | {"rope_parameters": {**parameters, "original_max_position_embeddings": length}}


def rope(full: Config, scaling: Config) -> Config:
    """Return the rotary parameters with another scaling, where there are any and they are those of all layers."""
    parameters = full.get("rope_parameters")
    if not isinstance(parameters, dict) or parameters.get("rope_type") not in ("default", "llama3"):
        return {}
    kept = {key: value for key, value in parameters.items() if key in ("rope_theta", "partial_rotary_factor")}
    return {"rope_parameters": {**kept, **scaling}}


VARIANTS = {"narrow": narrow, "wide": wide}


def variants(chosen: list[Row]) -> Iterator[Row]:
    """Yield the variants of rows, by the config that transformers saved for each."""
    for row in chosen:
        full = json.loads((row.checkpoint / "config.json").read_text())
        for name, change in VARIANTS.items():
            config = {**row.config, **fitting(change(full), row.prompt_tokens)}
            yield Row(f"{row.name}@{name}", config, False, row.prompt_tokens)


def main() -> int:
    """Run the benchmark; 0 if no adapter is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.variants")
    parser.add_argument("--only", default="")
    only = parser.parse_args().only or None
    base = choose(only, extra=False)
    make_rows(base)
    made = list(variants([row for row in base if row.is_made]))
    make_rows(made)
    rows().update({row.name: row for row in made})
    lines: list[tuple[str, str, str]] = []
    with tempfile.TemporaryDirectory() as folder, adapters(Path(folder)) as served:
        for row in made:
            word, why = judge(row, served) if row.is_made else ("not made", row.failure.strip().splitlines()[-1])
            lines.append((row.name, word, why.strip().splitlines()[0][:200]))
            print(f"{word:10} {row.name:28} {lines[-1][2]}", flush=True)
    counts = Counter(word for _, word, _ in lines)
    said = f"{len(made)} variants: " + ", ".join(f"{counts[word]} {word}" for word in WORDS)
    print(said)
    if only is None:
        PAGE.write_text("\n".join([HEAD, *(f"| {' | '.join(line)} |" for line in lines), "", f"{said}.", ""]))
    return 1 if counts["wrong"] else 0


def judge(row: Row, served: Adapters) -> tuple[str, str]:
    """Return what became of a variant, and why."""
    try:
        outcome = served.outcome(row.name)
    except AssertionError as refused:
        return "hole", (re.findall(r"hole: (.*?)\\n", str(refused)) or [str(refused)])[0]
    if not outcome.loaded:
        return "not served", outcome.error
    return ("right" if outcome.right else "wrong"), f"{outcome.difference:.1e}, {outcome.greedy} of {outcome.asked}"


if __name__ == "__main__":
    sys.exit(main())
