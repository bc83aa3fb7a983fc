"""How the weights are quantised: what the config says, and what the tensors show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scaffold.checkpoint.quantization import (
    FP8,
    METHODS,
    MODELSLIM_FILE,
    UNQUANTISED,
    UNSAID,
    Quantization,
    method_of,
)
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject, number

KIND = "quantisation"
KEY = "quantization_config"
ASCEND = ("", "ascend")
"""What configs of ModelSlim's checkpoints call their method, where they have a section for it."""
MODELOPT = "modelopt"
"""The producer that configs name, and its method."""
TOLD = ("awq", "gptq")
"""Methods whose tensors are told from all others by names, data types and shapes."""
PLAIN = "vLLM makes plain weights where no method is named, which quantised ones do not fill"
BARE = "weights are of fp8, and no tensor is a scale of any"
UNSCALED = "vLLM leaves the scales as it made them, and the weights are wrong without a word"
INTEGERS = frozenset({"I8", "U8", "I16", "U16", "I32", "U32", "I64", "U64"})


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield what `scaffold.checkpoint.quantization` found.

    It decides where all weights are plain and the config names a method: vLLM then makes quantised parameters, which
    plain weights do not fill; and where they are quantised and nothing names the method: vLLM then makes plain ones.
    """
    found = subject.quantization
    if found is None:
        yield from _integers(subject)
    else:
        yield from _beside_description(subject, found)
        yield from _without_scales(subject, found)
    for config, tensors in found.disagreements if found is not None else ():
        assert found is not None
        named = _named(subject, found) if config == UNSAID else {}
        is_plain = not found.parts and all(p.dtype in UNQUANTISED for p in subject.patterns)
        plain = is_plain and found.kind in METHODS.values()
        bare = [] if found.parts or config == UNSAID else _without_any_scale(subject)
        yield Disagreement(
            KIND,
            Said(f"config.json, {KEY}", config),
            Said(", ".join(bare[:3] or [part.pattern for part in found.parts[:3]]), BARE if bare else tensors),
            serves=PLAIN if config == UNSAID else UNSCALED if bare else "vLLM chooses its kernels by the config",
            remedy="take config.json from the repository that the weights are from",
            decides=plain or bool(bare) or config == UNSAID,
            overrides={KEY: None} if plain else named,
            silent=bool(named),
        )


def _beside_description(subject: Subject, found: Quantization) -> Iterator[Disagreement]:
    """Yield another method of the config beside ModelSlim's description: vLLM takes it before vllm-ascend looks.

    Source: ``maybe_auto_detect_quantization`` in vllm_ascend/quantization/utils.py, which leaves a method that is set.
    """
    said = subject.config.get(KEY)
    method = method_of(said) if isinstance(said, Mapping) else ""
    if found.kind == "modelslim" and method not in ASCEND:
        yield Disagreement(
            KIND,
            Said(f"config.json, {KEY}", f"{KEY}.quant_method is {method!r}"),
            Said(MODELSLIM_FILE, f"{MODELSLIM_FILE} is there"),
            serves="vLLM takes the method of the config, and ModelSlim's description is not read",
            remedy=f"take {KEY} out of config.json, which may be that of the model before it was quantised",
            decides=True,
            overrides={KEY: None},
        )


def _without_any_scale(subject: Subject) -> list[str]:
    """Return the matrices of fp8 where no tensor is called a scale, in any spelling."""
    if any("scale" in pattern.name.lower() for pattern in subject.patterns):
        return []
    return [p.name for p in subject.own if p.dtype in FP8 and len(p.shape) > 1]


def _named(subject: Subject, found: Quantization) -> dict[str, Any]:
    """Return what the config would say with the method that its other words and the tensors show; empty if unknown."""
    said = subject.config.get(KEY)
    if not isinstance(said, dict) or not said:
        return {}
    producer = said.get("producer")
    is_modelopt = isinstance(producer, dict) and producer.get("name") == MODELOPT
    word = MODELOPT if is_modelopt else found.kind if found.kind in TOLD else ""
    return {KEY: {**said, "quant_method": word}} if word else {}


def _without_scales(subject: Subject, found: Quantization) -> Iterator[Disagreement]:
    """Yield quantised weights of which some have no scale, where others of their name have one."""
    for name, scale in {part.pattern: part.scale.partition(" [")[0] for part in found.parts}.items():
        weights = sum(p.count for p in subject.patterns if p.name == name and p.dtype not in UNQUANTISED)
        count = sum(p.count for p in subject.patterns if p.name == scale)
        if count < weights:
            yield Disagreement(
                KIND,
                Said(f"config.json, {KEY}", "each quantised weight has a scale"),
                Said(name, f"{number(weights - count)} of {number(weights)} {name} have none"),
                serves="vLLM leaves such a scale as it made it, and the weights are wrong without a word",
                remedy="complete the checkpoint, and check that all shards are there",
                decides=True,
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
