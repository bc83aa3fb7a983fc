"""Drafts: told by their config or their tensors, before anything else is said of them; whole models are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.about import about
from scaffold.checkpoint.drafts import draft_of
from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import CheckpointError
from scaffold.disagreements.table import disagreements
from scaffold.reading.of_checkpoint import read_model_of
from tests.checkpoint.made import checkpoint
from tests.disagreements.llama import CONFIG, HIDDEN, VOCAB, Tensors, tensors
from tests.rows import each

WHOLE = tensors()
FORMS: dict[str, Tensors] = {
    "one layer": {name.removeprefix("model."): form for name, form in WHOLE.items() if "layers.0." in name},
    "heads": {f"blocks.{n}.layers.0.weight": ("F16", (HIDDEN, HIDDEN)) for n in range(2)},
    "old heads": {f"medusa_head.{n}.0.linear.weight": ("F16", (HIDDEN, HIDDEN)) for n in range(2)},
    "hydra": {f"hydra_head.{n}.0.weight": ("F16", (HIDDEN, HIDDEN)) for n in range(2)},
    "mlp": {f"speculator.{part}.{n}.weight": ("F16", (VOCAB, 64)) for part in ("emb", "head") for n in range(2)},
    "nextn": {f"model.layers.0.{part}.weight": ("BF16", (HIDDEN,)) for part in ("eh_proj", "enorm", "hnorm")},
}
FORMS["joins two"] = FORMS["one layer"] | {"fc.weight": ("F16", (HIDDEN, 2 * HIDDEN))}
FORMS["joins three"] = FORMS["one layer"] | {"model.fc.weight": ("F16", (HIDDEN, 3 * HIDDEN))}
FORMS["a smaller vocabulary"] = FORMS["one layer"] | {"d2t": ("I64", (64,)), "lm_head.weight": ("F16", (64, HIDDEN))}
SPECULATORS: dict[str, Any] = {
    "architectures": ["NovaSpeculator"], "model_type": None, "speculators_model_type": "eagle3",
    "speculators_config": {"algorithm": "eagle3"},
}  # fmt: skip


def named(architecture: str, **more: Any) -> dict[str, Any]:
    return {"architectures": [architecture], **more}


DRAFTS = (
    ({}, "joins two", "EAGLE", "fc.weight"),
    ({}, "joins three", "EAGLE-3", "model.fc.weight"),
    ({}, "a smaller vocabulary", "EAGLE-3", "d2t"),
    ({"draft_vocab_size": 64}, "one layer", "EAGLE-3", "draft_vocab_size"),
    (SPECULATORS, "one layer", "EAGLE-3", "speculators_model_type"),
    (named("LlamaForCausalLMEagle3"), "one layer", "EAGLE-3", "architectures"),
    (named("Eagle3NovaForCausalLM"), "one layer", "EAGLE-3", "architectures"),
    (named("EagleNovaForCausalLM"), "one layer", "EAGLE", "architectures"),
    (named("EAGLEModel", model_type="eagle"), "one layer", "EAGLE", "architectures"),
    (named("NovaModel", model_type="medusa"), "heads", "Medusa", "model_type"),
    (named("NovaModel"), "heads", "Medusa", "blocks.*.layers.*.weight"),
    (named("NovaModel", medusa_num_heads=2), "old heads", "Medusa", "medusa_num_heads"),
    (named("NovaModel"), "hydra", "Hydra", "hydra_head.*.*.weight"),
    (named("MLPSpeculatorPreTrainedModel"), "mlp", "an MLP speculator", "architectures"),
    (named("NovaModel"), "mlp", "an MLP speculator", "speculator.emb.*.weight"),
    (named("NovaDraft", dflash_config={"mask_token_id": 1}), "one layer", "DFlash", "dflash_config"),
    (named("NovaForCausalLMNextN"), "nextn", "multi-token prediction", "architectures"),
    ({}, "nextn", "multi-token prediction", "model.layers.0.eh_proj.weight"),
)


@each("config, form, kind, where", DRAFTS)
def test_a_draft_is_told_by_what_shows_it(
    config: dict[str, Any], form: str, kind: str, where: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("draft")
    read = read_checkpoint(checkpoint(folder, FORMS[form], **{**CONFIG, **config}))
    draft = draft_of(read)
    assert draft is not None
    assert (draft.kind.name, draft.evidence.where) == (kind, where)
    assert next(fact.value for fact in about(read).facts if fact.name == "purpose").endswith(f"another model: {kind}")
    assert disagreements(read) == ()


WITH_ONE: tuple[Tensors, ...] = (
    {},
    {"model.layers.2.eh_proj.weight": ("BF16", (HIDDEN, 2 * HIDDEN))},
    {"mtp.fc.weight": ("BF16", (HIDDEN, 2 * HIDDEN))},
    FORMS["old heads"],
    {"fc.weight": ("BF16", (HIDDEN, HIDDEN))},
    {"fc.weight": ("BF16", (2 * HIDDEN, 2 * HIDDEN))},
)


@each("more", WITH_ONE)
def test_a_whole_model_is_none(more: Tensors, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nor is one that brings a draft along."""
    read = read_checkpoint(checkpoint(tmp_path_factory.mktemp("whole"), {**WHOLE, **more}, **CONFIG))
    assert draft_of(read) is None


@each("architecture", ["EagleNovaForConditionalGeneration", "NovaEagleModel", "MTPNovaForCausalLM"])
def test_names_that_only_look_alike_are_none(architecture: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("named")
    assert draft_of(read_checkpoint(checkpoint(folder, WHOLE, **{**CONFIG, **named(architecture)}))) is None


def test_no_source_of_the_model_that_it_is_named_for_is_read(tmp_path: Path, transformers_source: Path) -> None:
    read = read_checkpoint(checkpoint(tmp_path, FORMS["joins two"], **CONFIG))
    reading = read_model_of(read, transformers_source)
    assert reading.spec.decoder is None
    assert [hole.evidence for hole in reading.spec.holes] == ["fc.weight"]


def test_a_config_without_an_architecture_is_said_to_be_a_drafts(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, FORMS["heads"], architectures=None, medusa_num_heads=2)
    with pytest.raises(CheckpointError) as refused:
        read_checkpoint(folder)
    assert "drafts tokens for another model: Medusa (medusa_num_heads: 2)" in refused.value.found
    assert '"method": "medusa"' in refused.value.remedy
