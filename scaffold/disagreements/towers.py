"""Parts around the decoder: the config describes towers, and the files hold a decoder and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import LAYER, Subject
from scaffold.disagreements.vocabulary_rows import EMBEDDINGS, HEADS, PERHAPS

KIND = "parts"
ROLES = ("vision_config", "audio_config")
NORMS = ("norm", "ln_f", "final_layernorm", "final_norm", "embedding_norm")
OF_DECODERS = frozenset((*EMBEDDINGS, *HEADS, *PERHAPS, *NORMS, "wpe", "embed_positions"))
"""Modules that a decoder has outside of its layers."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield the towers of the config where all tensors are of one list of layers, its embeddings, norm and head.

    vLLM makes the towers of the config, and nothing fills them. A model that takes pictures without a tower has at
    least a tensor more.
    """
    described = [key for key in ROLES if isinstance(subject.config.get(key), dict) and subject.config[key]]
    lists = {p.name.partition(".*.")[0] for p in subject.patterns if LAYER.match(p.name)}
    others = [p for p in subject.patterns if ".*." not in p.name and not OF_DECODERS & set(p.name.split("."))]
    inside = [p for p in subject.patterns if ".*." in p.name and p.name.partition(".*.")[0] not in lists]
    if not described or len(lists) != 1 or others or inside:
        return
    yield Disagreement(
        KIND,
        Said(f"config.json, {', '.join(described)}", f"the config has {' and '.join(described)}"),
        Said(f"{lists.pop()}.*", "all tensors are of a decoder alone"),
        serves="vLLM makes the parts of the config, and nothing fills them",
        remedy="complete the checkpoint, or take the config of the decoder alone, with its architecture",
        decides=True,
    )
