"""Tensors that adapter training left: they belong to no model, and what was trained is not in its weights yet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "adapter"
MERGE = "merge the adapter first (PEFT: merge_and_unload, then save_pretrained), or serve the base model with it"
PROMPT = "serve the base model: a trained prompt cannot be merged into weights"


@dataclass(frozen=True)
class Trained:
    """A row: what was trained, by which parts of names it shows, and what to do."""

    what: str
    parts: re.Pattern[str]
    remedy: str = MERGE


def _parts(expression: str) -> re.Pattern[str]:
    return re.compile(f"^(?:{expression})$", re.IGNORECASE)


ROWS = (
    Trained("LoRA", _parts(r"lora_(?:[abe]|down|up|embedding_[ab]|ranknum)|lora[AB]|loras?")),
    Trained("DoRA", _parts(r"lora_magnitude_vector|dora_scale")),
    Trained("VeRA", _parts(r"vera_(?:[ab]|lambda_[bd])")),
    Trained("IA3", _parts(r"ia3_l")),
    Trained("LoHa or LoKr", _parts(r"hada_[wt]\d(?:_[ab])?|lokr_(?:[wt]\d)(?:_[ab])?")),
    Trained("OFT or BOFT", _parts(r"b?oft_[rsw]|oft_blocks")),
    Trained("FourierFT", _parts(r"fourierft_spectrum")),
    Trained("PEFT", _parts(r"base_layer|modules_to_save|original_module")),
    Trained(
        "a prompt", _parts(r"prompt_embeddings|prompt_encoder|prefix_encoder|adaption_prompt|adaption_gate"), PROMPT
    ),
)
"""PEFT: src/peft/tuners/*/layer.py (``adapter_layer_names``), utils/other.py (``ModulesToSaveWrapper``)."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield what was trained and left; a model whose config describes adapters of its own has them in its class.

    Phi-4-multimodal is one: ``speech_lora`` and ``vision_lora`` (vLLM: model_executor/models/phi4mm.py).
    """
    if any("lora" in key and isinstance(value, Mapping) for key, value in subject.config.items()):
        return
    for row in ROWS:
        held = [p for p in subject.own if any(row.parts.match(part) for part in p.name.split("."))]
        if held:
            more = f" and {len(held) - 1} more are" if len(held) > 1 else " is"
            yield Disagreement(
                KIND,
                Said("config.json", "the config is that of a whole model"),
                Said(", ".join(p.name for p in held[:3]), f"{held[0].name}{more} what training by {row.what} left"),
                serves="no implementation has a parameter for it, and without it the model is not the trained one",
                remedy=row.remedy,
                decides=True,
            )
            return
