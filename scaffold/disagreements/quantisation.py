"""How the weights are quantised: what the config says, and what the tensors show."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.quantization import METHODS, UNQUANTISED
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "quantisation"
KEY = "quantization_config"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield what `scaffold.checkpoint.quantization` found.

    It decides where all weights are plain and the config names a method: vLLM then makes quantised parameters, which
    plain weights do not fill.
    """
    found = subject.quantization
    for config, tensors in found.disagreements if found is not None else ():
        assert found is not None
        is_plain = not found.parts and all(p.dtype in UNQUANTISED for p in subject.patterns)
        plain = is_plain and found.kind in METHODS.values()
        yield Disagreement(
            KIND,
            Said(f"config.json, {KEY}", config),
            Said(", ".join(part.pattern for part in found.parts[:3]), tensors),
            serves="vLLM chooses its kernels by the config",
            remedy="take config.json from the repository that the weights are from",
            decides=plain,
            overrides={KEY: None} if plain else {},
        )
