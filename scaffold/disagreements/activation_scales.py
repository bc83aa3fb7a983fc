"""Static scales of activations: a config that promises them, and files that have none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.checkpoint.quantization import method_of
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "scales of activations"
KEY, SCHEME = "quantization_config", "activation_scheme"
ENDINGS = ("input_scale", "act_scale", "activation_scale", "input_scales", "input_global_scale")
SERVES = "vLLM leaves such a scale as it made it, and what the layers compute is wrong without a word"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield that quantised layers have static activations by the config, and no tensor holds a scale of any."""
    said = subject.config.get(KEY)
    found = subject.quantization
    if not isinstance(said, Mapping) or found is None or not found.parts:
        return
    if any(pattern.name.endswith(ENDINGS) for pattern in subject.patterns):
        return
    where = _static(said)
    if where is None:
        return
    key, says, overrides = where
    weight = found.parts[0].pattern
    yield Disagreement(
        KIND,
        Said(f"config.json, {key}", says),
        Said(weight, f"no {weight.removesuffix('weight')}input_scale is there, nor one of any other layer"),
        serves=SERVES,
        remedy="take config.json from the repository that the weights are from, or complete the checkpoint",
        decides=True,
        overrides=overrides,
    )


def _static(said: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]] | None:
    """Return where the config says that scales of activations are stored, in which words, and what would deny it."""
    if method_of(said) == "fp8" and said.get(SCHEME) == "static":
        return f"{KEY}.{SCHEME}", f"{KEY}.{SCHEME} is 'static'", {KEY: {SCHEME: "dynamic"}}
    groups = said.get("config_groups")
    if method_of(said) != "compressed-tensors" or not isinstance(groups, Mapping):
        return None
    for name, group in groups.items():
        inputs = group.get("input_activations") if isinstance(group, Mapping) else None
        if isinstance(inputs, Mapping) and inputs.get("dynamic") is False and inputs.get("num_bits") == 8:
            key = f"{KEY}.config_groups.{str(name)[:40]}.input_activations.dynamic"
            return key, f"{key} is false", {}
    return None
