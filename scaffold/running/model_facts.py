"""What decides which features of a server a checkpoint's model has, each with its evidence."""

from __future__ import annotations

from scaffold.checkpoint.prediction import State, found
from scaffold.checkpoint.read import Checkpoint
from scaffold.vocabulary.lookup import key_of, spellings, value_of
from scaffold_validators.model_facts import Fact, ModelFacts


def model_facts(checkpoint: Checkpoint) -> ModelFacts:
    """Return the facts of a checkpoint, from its config and the names of its tensors."""
    promised, there = _drafts(checkpoint)
    length = value_of("max_position_embeddings", checkpoint.text_config)
    return ModelFacts(
        experts=_experts(checkpoint),
        draft_promised=promised,
        draft_there=there,
        sees=_sees(checkpoint),
        max_model_len=length if type(length) is int and length > 0 else None,
    )


def _experts(checkpoint: Checkpoint) -> Fact:
    name = next((name for name in checkpoint.tensors if ".experts." in name), None)
    key = key_of("num_experts", checkpoint.text_config)
    if key is not None and name is not None:
        return Fact(True, f"config {key} = {value_of('num_experts', checkpoint.text_config)}, tensor {name}")
    if name is not None:
        return Fact(True, f"tensor {name}")
    if key is None:
        return Fact(False, "the config has no number of experts, and no tensor is an expert's")
    count = value_of("num_experts", checkpoint.text_config)
    if type(count) is int and count < 2:
        return Fact(False, f"config {key} = {count}, and no tensor is an expert's")
    return Fact(None, f"config {key} = {count}, and no tensor is called an expert's")


def _drafts(checkpoint: Checkpoint) -> tuple[Fact, Fact]:
    layers = found(checkpoint.text_config, checkpoint.weights.patterns, checkpoint.weights.forms)
    key = f"config {layers.key} = {layers.promised}" if layers.key else "no key of the config speaks of such layers"
    promised = Fact(layers.promised > 0, key)
    if layers.state in (State.NONE, State.ABSENT):
        return promised, Fact(False, "no tensor of such a layer")
    return promised, Fact(True, f"tensor {layers.names[0]}" if layers.names else key)


def _sees(checkpoint: Checkpoint) -> Fact:
    keys = [key for role in ("vision_config", "vision_tower") for key in spellings(role) if key in checkpoint.config]
    if keys:
        return Fact(True, f"config {keys[0]}")
    if checkpoint.is_multimodal:
        return Fact(True, "a processor for pictures is among the files")
    return Fact(False, "no tower in the config, and no processor for pictures among the files")
