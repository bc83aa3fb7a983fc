"""The commands that a tutorial has before a gate has passed: planned, and never run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any, Protocol

from scaffold.delivery.tutorial.shown import PORT, curl, quoted
from scaffold.strategy.table import strategy_named

LONGEST = 131072
"""Tokens of a sequence that a first start asks for."""


class Served(Protocol):
    """What the commands follow from."""

    @property
    def model_name(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    @property
    def trust_remote_code(self) -> bool: ...
    @property
    def overrides(self) -> Mapping[str, Any]: ...


def serve(model: Served, place: str, ranks: int, experts: int, length: int) -> str:
    """Return how the model is planned to be served on NPUs.

    Args:
        model: what is served.
        place: what the server is told to load.
        ranks: tensor-parallel size.
        experts: how many it has; 0 for a dense model.
        length: the longest sequence of the config; 0 where none is known.
    """
    lines = [
        "export HCCL_OP_EXPANSION_MODE=AIV",
        "",
        f"vllm serve {quoted(place)} \\",
        f"    --served-model-name {shlex.quote(model.model_name)} \\",
        f"    --tensor-parallel-size {ranks} \\",
    ]
    if experts:
        lines.append("    --enable-expert-parallel \\")
    if model.trust_remote_code:
        lines.append("    --trust-remote-code \\")
    if model.overrides:
        lines.append(f"    --hf-overrides {shlex.quote(json.dumps(model.overrides))} \\")
    model_impl = strategy_named(model.strategy).model_impl
    if model_impl is not None:
        lines.append(f"    --model-impl {model_impl} \\")
    if length:
        lines.append(f"    --max-model-len {min(length, LONGEST)} \\")
    return "\n".join([*lines, "    --max-num-seqs 16 \\", f"    --port {PORT}"])


def request(name: str, chat: bool) -> str:
    """Return a first request, which nobody has sent yet."""
    if chat:
        path, body = "/v1/chat/completions", {"model": name, "messages": [{"role": "user", "content": "Who are you?"}]}
    else:
        path, body = "/v1/completions", {"model": name, "prompt": "The future of AI is"}
    return curl(path, {**body, "max_tokens": 64, "temperature": 0})


def evaluation(name: str, place: str, task: str) -> str:
    """Return how accuracy is measured against the running server; nobody has run it yet."""
    arguments = f"model={name},base_url=http://127.0.0.1:{PORT}/v1/completions,tokenizer={place}"
    return (
        "lm_eval \\\n"
        "    --model local-completions \\\n"
        f"    --model_args {shlex.quote(arguments)} \\\n"
        f"    --tasks {task} \\\n"
        "    --output_path ./"
    )
