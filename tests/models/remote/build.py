"""The decoder of ``modeling_vela.py`` with other forms of its parts, as a checkpoint's source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.reading.from_source import read_decoder
from scaffold.source.locate import ModelingSource, find
from scaffold.spec.decoder import DecoderSpec

HERE = Path(__file__).parent
CONFIG: dict[str, Any] = {
    "architectures": ["VelaForCausalLM"], "model_type": "vela", "vocab_size": 96, "hidden_size": 64,
    "intermediate_size": 80, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "hidden_act": "silu",
    "auto_map": {
        "AutoConfig": "configuration_vela.VelaConfig", "AutoModelForCausalLM": "modeling_vela.VelaForCausalLM",
    },
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    """A config as reading asks for it."""

    text_config: Mapping[str, Any]
    text_key: str = ""

    @property
    def config(self) -> Mapping[str, Any]:
        return self.text_config


def source(directory: Path, transformers: Path, **parts: str) -> ModelingSource:
    """Write the source with other parts: between ``# NAME`` and ``# END``, or in the place of ``# NAME``."""
    text = (HERE / "modeling_vela.py").read_text()
    for name, part in parts.items():
        mark = f"# {name.upper()}\n"
        assert mark in text, name
        before, _, behind = text.partition(mark)
        indent = before[before.rfind("\n") + 1 :]
        lines = "".join(f"{indent}{line}\n" if line else "\n" for line in part.strip("\n").split("\n"))
        _, end, rest = behind.partition(f"{indent}# END\n") if indent else ("", "", behind)
        text = before.removesuffix(indent) + lines + (rest if end or not indent else behind)
    (directory / "modeling_vela.py").write_text(text)
    (directory / "configuration_vela.py").write_text((HERE / "configuration_vela.py").read_text())
    found = find("VelaForCausalLM", "vela", CONFIG["auto_map"], directory, transformers)
    assert found is not None
    assert not re.search(r"^# FORWARD$", text, re.MULTILINE)
    return found


def read(directory: Path, transformers: Path, config: Mapping[str, Any] | None = None, **parts: str) -> DecoderSpec:
    """Read the decoder with other parts."""
    values = {**CONFIG, **(config or {})}
    return read_decoder(source(directory, transformers, **parts), Text(values))  # type: ignore[arg-type]
