"""The attention masks that transformers makes for its models, as additive masks ``[1, 1, queries, keys]``.

transformers: src/transformers/masking_utils.py, the eager form. There is no cache and nothing is padded, unless the
source passes a mask that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from scaffold.source.python.errors import NotUnderstood, Raised
from scaffold.source.torch.operations import record
from scaffold.source.torch.ops.products import MASKED
from scaffold.source.torch.tensors import Array, Tensor
from scaffold.source.transformers.protocol import Interpreter

ARGUMENTS = ("config", "inputs_embeds", "attention_mask", "past_key_values", "position_ids")
CALLABLES = {"or_mask_function": np.logical_or, "and_mask_function": np.logical_and}
"""Functions of (batch, head, query, key) that widen or narrow what may be seen."""
Visible = Callable[[Array, Array], Array]


def _config(interpreter: Interpreter, config: Any, name: str) -> Any:
    try:
        return interpreter.attribute(config, name)
    except Raised:
        return None


def full(interpreter: Interpreter, config: Any) -> tuple[Visible, dict[str, Any]]:
    """Every position up to its own."""
    return (lambda query, key: key <= query), {}


def sliding(interpreter: Interpreter, config: Any) -> tuple[Visible, dict[str, Any]]:
    """The last ``sliding_window`` positions, its own included."""
    window = _config(interpreter, config, "sliding_window")
    if window is None:
        raise Raised("ValueError: no `sliding_window` in the config", kind="ValueError")
    return (lambda query, key: (key <= query) & (key > query - int(window))), {"window": window}


def chunked(interpreter: Interpreter, config: Any) -> tuple[Visible, dict[str, Any]]:
    """The positions up to its own in the same chunk of ``attention_chunk_size``."""
    size = _config(interpreter, config, "attention_chunk_size")
    if size is None:
        raise Raised("ValueError: no `attention_chunk_size` in the config", kind="ValueError")
    return (lambda query, key: (key <= query) & (key // int(size) == query // int(size))), {"chunk": size}


KINDS = {
    "create_causal_mask": full,
    "create_sliding_window_causal_mask": sliding,
    "create_chunked_causal_mask": chunked,
}
LAYER_TYPES = {
    "full_attention": "create_causal_mask",
    "sliding_attention": "create_sliding_window_causal_mask",
    "chunked_attention": "create_chunked_causal_mask",
    "compressed_sparse_attention": "create_sliding_window_causal_mask",
    "heavily_compressed_attention": "create_sliding_window_causal_mask",
    "minimax_m3_sparse": "create_causal_mask",
    "indexed_attention": "create_causal_mask",
    "linear_attention": "",
    "conv": "",
}
"""``LAYER_PATTERN_TO_MASK_FUNCTION_MAPPING``; recurrent layers take no mask when nothing is padded."""


def create(name: str) -> Callable[..., Any]:
    """Return the mask function of a name."""

    def function(interpreter: Interpreter, *args: Any, **kwargs: Any) -> Any:
        given = {**dict(zip(ARGUMENTS, args)), **kwargs}
        given.setdefault("inputs_embeds", given.pop("input_embeds", None))  # its name before 5.0
        return _mask(interpreter, name, given)

    return function


def _mask(interpreter: Interpreter, name: str, given: dict[str, Any]) -> Tensor:
    embeds, padding, config = given["inputs_embeds"], given.get("attention_mask"), given.get("config")
    if isinstance(padding, Tensor) and padding.ndim == 4:
        return padding
    if _config(interpreter, config, "is_causal") is False:
        raise NotUnderstood(f"{name} for attention that is not causal")
    if given.get("past_key_values") is not None:
        raise NotUnderstood(f"{name} with a cache")
    length = int(embeds.shape[1])
    query, key = np.arange(length)[:, None], np.arange(length)[None, :]
    visible, arguments = KINDS[name](interpreter, config)
    seen = visible(query, key)[None, None]
    for argument, combine in CALLABLES.items():
        if given.get(argument) is not None:
            more = interpreter.call(given[argument], _indices(embeds.shape[0], length), {}, "")
            seen = combine(seen, more.a)
    blocks = given.get("block_sequence_ids")
    if isinstance(blocks, Tensor):  # `blockwise_overlay`: all of an image sees each other, text has no block
        seen = seen | ((blocks.a[:, :, None] == blocks.a[:, None, :]) & (blocks.a[:, :, None] >= 0))[:, None]
    if isinstance(padding, Tensor):
        seen = seen & padding.a.astype(bool)[:, None, None, :]
    result = Tensor(np.where(seen, 0.0, MASKED))
    record(name, (), arguments, result)
    return result


def _indices(batch: int, length: int) -> list[Any]:
    shapes = ((batch, 1, 1, 1), (1, 1, 1, 1), (1, 1, length, 1), (1, 1, 1, length))
    return [Tensor(np.arange(int(np.prod(shape))).reshape(shape)) for shape in shapes]


def for_generate(interpreter: Interpreter, *args: Any, **kwargs: Any) -> Any:
    """Return what ``create_masks_for_generate`` does: one mask, or one for each layer type."""
    config = {**dict(zip(ARGUMENTS, args)), **kwargs}["config"]
    types = _config(interpreter, config, "layer_types")
    if types is None:
        name = "create_causal_mask"
        if _config(interpreter, config, "sliding_window") is not None:
            name = "create_sliding_window_causal_mask"
        elif _config(interpreter, config, "attention_chunk_size") is not None:
            name = "create_chunked_causal_mask"
        return create(name)(interpreter, *args, **kwargs)
    if any(kind not in LAYER_TYPES for kind in types):
        raise NotUnderstood(f"masks for the layer types {sorted(set(types))}")
    names = {str(kind): LAYER_TYPES[kind] for kind in types}
    return {kind: create(name)(interpreter, *args, **kwargs) if name else None for kind, name in names.items()}


def recurrent(interpreter: Interpreter, *args: Any, **kwargs: Any) -> None:
    """Return what ``create_recurrent_attention_mask`` does for sequences that are not padded: nothing."""
    return


FUNCTIONS: dict[str, Callable[..., Any]] = {
    **{name: create(name) for name in KINDS},
    "create_masks_for_generate": for_generate,
    "create_recurrent_attention_mask": recurrent,
}
