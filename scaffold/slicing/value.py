"""The slice as a value: the checkpoint that its files would be read as. Nothing is written."""

from __future__ import annotations

from dataclasses import replace

from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.shards import Weights
from scaffold.slicing.config import sliced_config
from scaffold.slicing.layers import Layers


def slice_of(checkpoint: Checkpoint, layers: Layers, count: int) -> Checkpoint:
    """Return the first layers of a checkpoint, with all that is no layer; layers for prediction are left out.

    Its digest is that of the whole: what is shown of it is shown of that checkpoint.
    """
    config = sliced_config(checkpoint.config, checkpoint.text_key, count)
    forms = {
        name: form
        for name, form in checkpoint.weights.forms.items()
        if (number := layers.number_of(name)) is None or number < count
    }
    held = {form.shard for form in forms.values()}
    shards = tuple(shard for shard in checkpoint.weights.shards if shard in held)
    return replace(
        checkpoint,
        config=config,
        text_config=config[checkpoint.text_key] if checkpoint.text_key else config,
        weights=Weights(forms, shards, (), checkpoint.weights.digest),
    )
