"""How the weights are quantised: what the config says, and what the tensors show."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.quantization import METHODS, UNQUANTISED, UNSAID
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "quantisation"
KEY = "quantization_config"
PLAIN = "vLLM makes plain weights where no method is named, which quantised ones do not fill"
INTEGERS = frozenset({"I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64"})


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield what `scaffold.checkpoint.quantization` found.

    It decides where all weights are plain and the config names a method: vLLM then makes quantised parameters, which
    plain weights do not fill; and where they are quantised and nothing names the method: vLLM then makes plain ones.
    """
    found = subject.quantization
    if found is None:
        yield from _integers(subject)
    for config, tensors in found.disagreements if found is not None else ():
        assert found is not None
        is_plain = not found.parts and all(p.dtype in UNQUANTISED for p in subject.patterns)
        plain = is_plain and found.kind in METHODS.values()
        yield Disagreement(
            KIND,
            Said(f"config.json, {KEY}", config),
            Said(", ".join(part.pattern for part in found.parts[:3]), tensors),
            serves=PLAIN if config == UNSAID else "vLLM chooses its kernels by the config",
            remedy="take config.json from the repository that the weights are from",
            decides=plain or config == UNSAID,
            overrides={KEY: None} if plain else {},
        )


def _integers(subject: Subject) -> Iterator[Disagreement]:
    """Yield that matrices are whole numbers and nothing says how weights come of them."""
    matrices = [p for p in subject.own if p.dtype in INTEGERS and len(p.shape) > 1 and p.name.endswith(".weight")]
    if matrices:
        kinds = ", ".join(sorted({pattern.dtype for pattern in matrices}))
        yield Disagreement(
            KIND,
            Said("config.json", f"the config has no {KEY}"),
            Said(", ".join(pattern.name for pattern in matrices[:3]), f"weights are whole numbers ({kinds})"),
            serves="vLLM converts them to its own type as if they were the weights",
            remedy="take config.json from the repository that the weights are from",
            decides=True,
        )
