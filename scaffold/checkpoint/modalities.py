"""Which modalities a checkpoint accepts, and in which of its parts: by config, tensors and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.files import has_file
from scaffold.checkpoint.patterns import Pattern
from scaffold.common.sizes import size_text
from scaffold.vocabulary.lookup import spellings


@dataclass(frozen=True)
class Modality:
    """Signs of a modality: roles of the vocabulary whose keys hold an object, words in tensor names, files."""

    name: str
    roles: tuple[str, ...]
    words: tuple[str, ...]
    files: tuple[str, ...]


MODALITIES = (
    Modality("image", ("vision_config", "vision_tower"),
             ("vision_tower", "vision_model", "visual", "vision_encoder", "vision_embedder"),
             ("preprocessor_config.json", "image_processor_config.json")),
    Modality("video", (), (), ("video_preprocessor_config.json",)),
    Modality("audio", ("audio_config",),
             ("audio_tower", "audio_encoder", "speech_encoder"), ("feature_extractor_config.json",)),
)  # fmt: skip
PROJECTORS = (
    *("multi_modal_projector", "mm_projector", "vision_projector", "merger", "connector", "embed_vision"),
    "embed_audio",
)


def facts(directory: Path, config: Mapping[str, Any], patterns: Sequence[Pattern]) -> Iterator[Fact]:
    """Yield the modalities and their parts."""
    names = ["text"]
    evidence: list[Evidence] = []
    for modality in MODALITIES:
        proofs = list(_proofs(modality, directory, config, patterns))
        if any(proof.kind != "file" for proof in proofs) or (modality.name == "video" and proofs):
            names.append(modality.name)
            evidence += proofs
    yield Fact("modalities", ", ".join(names), tuple(evidence))
    words = [word for modality in MODALITIES for word in modality.words] + list(PROJECTORS)
    outermost = [next((part for part in p.name.split(".") if part in words), "") for p in patterns]
    for word in words if len(names) > 1 else ():
        part = [p for p, place in zip(patterns, outermost) if place == word]
        if part:
            value = f"{sum(p.count for p in part):,} tensors, {size_text(sum(p.total_bytes for p in part))}"
            yield Fact(f"part {word}", value, (Evidence("tensor", part[0].name),))


def _proofs(
    modality: Modality, directory: Path, config: Mapping[str, Any], patterns: Sequence[Pattern]
) -> Iterator[Evidence]:
    for key in [key for role in modality.roles for key in spellings(role)]:
        if isinstance(config.get(key), dict):
            yield Evidence("config", key)
    for word in modality.words:
        example = next((p.name for p in patterns if word in p.name.split(".")), None)
        if example is not None:
            yield Evidence("tensor", example)
    for name in modality.files:
        if has_file(directory, name):
            yield Evidence("file", name)
