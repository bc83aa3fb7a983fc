"""One layer of each kind instead of all of them: those of a plain decoder differ in window and experts only.

A hundred layers with a hundred experts each take a minute to run; the two that differ take a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scaffold.spec.decoder import DecoderSpec

Kind = tuple[str, bool]
"""The layer's type, and whether it has an MLP although others have experts."""


def kinds(config: Mapping[str, Any]) -> list[Kind]:
    """Return the kind of each layer of a completed config."""
    count, types, dense = config["num_hidden_layers"], config.get("layer_types"), config.get("mlp_only_layers", ())
    step = config.get("decoder_sparse_step", 1)
    return [(types[n] if types else "", n in dense or (n + 1) % step != 0) for n in range(count)]


def one_of_each(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a decoder with one layer of each kind, in the order in which they first come."""
    found = list(dict.fromkeys(kinds(config)))
    small = {**config, "num_hidden_layers": len(found)}
    if config.get("layer_types"):
        small["layer_types"] = [layer_type for layer_type, _ in found]
    if "mlp_only_layers" in config:
        small |= {"mlp_only_layers": [n for n, (_, dense) in enumerate(found) if dense], "decoder_sparse_step": 1}
    return small


def all_layers(spec: DecoderSpec, config: Mapping[str, Any]) -> DecoderSpec:
    """Return the spec of the whole decoder from that of the one with a layer of each kind."""
    every = kinds(config)
    layer_of = dict(zip(dict.fromkeys(every), spec.layers))
    return replace(
        spec,
        layers=tuple(layer_of[kind] for kind in every),
        num_layers=replace(spec.num_layers, value=len(every)),
        config=config,
    )
