"""Latent attention that we made up with numbers on its way: on all heads of q, and on the latent of k and v."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scaffold.mixers import latent
from tests.models.around import write_around

SPLIT = "        q_nope, q_rope = q.split([self.nope, self.rope], dim=-1)\n"
FACTORS = "        q_nope, q_rope = q_nope * self.q_factor, q_rope * self.q_factor\n"
PROJECTED = "self.q_proj(hidden_states)"
NORMED = "self.kv_a_norm(latent)"
MADE = "        self.o_proj = "
NUMBERS = """\
        self.q_factor = (config.hidden_size / config.q_lora_rank) ** 0.5
        self.latent_factor = (config.hidden_size / self.rank) ** 0.5
"""
Q_LATENT = """\
        self.q_proj = nn.Linear(config.q_lora_rank, self.heads * (self.nope + self.rope), bias=False)
        self.q_a_proj = nn.Linear(config.hidden_size, config.q_lora_rank, bias=False)
        self.q_norm = Norm(config.q_lora_rank, config.rms_norm_eps)
"""
WITHOUT_Q_LATENT = (
    (SPLIT, SPLIT + FACTORS),
    (NORMED, f"{NORMED} * self.latent_factor"),
    (MADE, NUMBERS + MADE),
)
WITH_Q_LATENT = (
    *WITHOUT_Q_LATENT,
    (PROJECTED, "self.q_proj(self.q_norm(self.q_a_proj(hidden_states)))"),
    (MADE, Q_LATENT + MADE),
)


def write_scaled(
    directory: Path, replaced: Sequence[tuple[str, str]], model_type: str = "corvus", **changed: Any
) -> Path:
    """Write a checkpoint with random weights.

    Args:
        directory: where.
        replaced: texts of the example's source, each with what stands in its place.
        model_type: of the config: vLLM keeps latents in the cache for those that it knows.
        changed: keys of the config that are other than the example has them.
    """
    source = latent.EXAMPLE.source
    for old, new in replaced:
        assert old in source, old
        source = source.replace(old, new)
    config = {"q_lora_rank": 48, "model_type": model_type, **changed}
    write_around(directory, {"mixer": replace(latent.EXAMPLE, source=source)}, ["mixer"] * 2, **config)
    file = directory / "configuration_corvus.py"
    file.write_text(file.read_text().replace('"corvus"', f'"{model_type}"'))
    return directory
