"""Checkpoints as ModelSlim writes them, made up: headers without data, and descriptions."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

BYTES = {"BF16": 2, "F32": 4, "I8": 1, "I32": 4, "I64": 8}
FILE = "quant_model_description.json"
Modules = dict[str, tuple[int, int]]
Word = Callable[[str], str]


@dataclass(frozen=True)
class Made:
    """A checkpoint.

    Attributes:
        config: ``config.json``.
        modules: linear modules → outputs and inputs.
        others: other tensors → shape.
        word: how a module is quantised.
        settings: what the description says besides.
        shards: into how many descriptions it is split; 0 for one file.
        left_out: modules that the description does not name.
    """

    config: Mapping[str, Any]
    modules: Modules
    others: Mapping[str, tuple[int, ...]]
    word: Word
    settings: Mapping[str, Any] = field(default_factory=dict)
    shards: int = 0
    left_out: Callable[[str], bool] = lambda name: False

    def tensors(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Return the tensors: name → data type, shape."""
        found: dict[str, tuple[str, tuple[int, ...]]] = {n: ("BF16", shape) for n, shape in self.others.items()}
        for name, (out, into) in self.modules.items():
            leaves = _leaves(self.word(name), out, into, self.settings, name)
            found |= {f"{name}.{leaf}": form for leaf, form in leaves.items()}
        return found

    def description(self) -> dict[str, Any]:
        """Return the description: every tensor with the word of its module."""
        words = dict.fromkeys(self.others, "FLOAT")
        for module in self.modules:
            if not self.left_out(module):
                leaves = _leaves(self.word(module), *self.modules[module], self.settings, module)
                words |= {f"{module}.{leaf}": self.word(module) for leaf in leaves}
        return {**self.settings, **words}

    def write(self, folder: Path) -> Path:
        """Write config, one safetensors file without its data, and the description, or one for each shard."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(self.config))
        write_tensors(folder / "model.safetensors", self.tensors())
        said = self.description()
        write_description(folder, said, self.shards)
        return folder

    def changed(self, **changes: Any) -> Made:
        """Return it with other attributes."""
        return replace(self, **changes)


def write_tensors(path: Path, tensors: Mapping[str, tuple[str, tuple[int, ...]]]) -> None:
    """Write a file of tensors whose data is a hole."""
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        size = BYTES[dtype]
        for one in shape:
            size *= one
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + at)


def write_description(folder: Path, said: Mapping[str, Any], shards: int = 0) -> None:
    """Write the description in one file, or in as many as there are shards."""
    if not shards:
        (folder / FILE).write_text(json.dumps(said))
        return
    names = list(said)
    for number in range(shards):
        part = {name: said[name] for name in names[number::shards]}
        (folder / f"quant_model_description-{number + 1:05d}-of-{shards:05d}.json").write_text(json.dumps(part))


def _leaves(word: str, out: int, into: int, settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the tensors of a module: leaf → data type, shape (the docstrings of vllm_ascend/quantization/methods/)."""
    scales = {"weight_scale": ("F32", (out, 1)), "weight_offset": ("F32", (out, 1))}
    if word == "FLOAT":
        return {"weight": ("BF16", (out, into))}
    if word == "W8A8":
        return {
            "weight": ("I8", (out, into)), "input_scale": ("F32", (1,)), "input_offset": ("F32", (1,)),
            "quant_bias": ("I32", (out,)), "deq_scale": ("F32", (out,)), **scales,
        }  # fmt: skip
    if word in ("W8A8_DYNAMIC", "W8A16"):
        return {"weight": ("I8", (out, into)), **scales}
    assert word == "W4A8_DYNAMIC"
    is_new, group = settings.get("version") == "1.0.0", settings.get("group_size", 256)
    found = {"weight": ("I8", (out // 2 if is_new else out, into)), **scales}
    if group:
        found |= {"weight_scale_second": ("F32", (out, into // group)),
                  "weight_offset_second": ("F32", (out, into // group))}  # fmt: skip
    if is_new:
        found["scale_bias"] = ("F32", (out, 16 if name.endswith(("down_proj", "o_proj")) else 1))
    return found


def gqa(at: str, hidden: int, heads: int, kv_heads: int, head: int) -> Modules:
    """Return the projections of grouped-query attention."""
    return {
        f"{at}.q_proj": (heads * head, hidden), f"{at}.k_proj": (kv_heads * head, hidden),
        f"{at}.v_proj": (kv_heads * head, hidden), f"{at}.o_proj": (hidden, heads * head),
    }  # fmt: skip


def mla(at: str, config: Mapping[str, Any]) -> Modules:
    """Return the projections of latent attention."""
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    nope, rope, v = config["qk_nope_head_dim"], config["qk_rope_head_dim"], config["v_head_dim"]
    q_rank, kv_rank = config["q_lora_rank"], config["kv_lora_rank"]
    return {
        f"{at}.q_a_proj": (q_rank, hidden), f"{at}.q_b_proj": (heads * (nope + rope), q_rank),
        f"{at}.kv_a_proj_with_mqa": (kv_rank + rope, hidden), f"{at}.kv_b_proj": (heads * (nope + v), kv_rank),
        f"{at}.o_proj": (hidden, heads * v),
    }  # fmt: skip


def mlp(at: str, hidden: int, inner: int) -> Modules:
    """Return the projections of a gated MLP."""
    return {f"{at}.gate_proj": (inner, hidden), f"{at}.up_proj": (inner, hidden), f"{at}.down_proj": (hidden, inner)}


def experts(at: str, count: int, hidden: int, inner: int) -> Modules:
    """Return the projections of all experts."""
    return {name: size for number in range(count) for name, size in mlp(f"{at}.{number}", hidden, inner).items()}


def norms(at: str, hidden: int, *more: str) -> dict[str, tuple[int, ...]]:
    """Return the norms of a layer."""
    return {f"{at}.{name}.weight": (hidden,) for name in ("input_layernorm", "post_attention_layernorm", *more)}
