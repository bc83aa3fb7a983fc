"""Where config and tensors say different things. Both are shown; which is right is not decided here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scaffold.checkpoint.modalities import MODALITIES
from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.prediction import promise
from scaffold.vocabulary.lookup import at, key_of

EMBEDDINGS = ("embed_tokens", "word_embeddings", "wte", "embed_in", "tok_embeddings")
HEADS = (["lm_head"], ["embed_out"], ["output"])
DTYPES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16"}
_LAYER = re.compile(r"^(?:[^*]*\.)?(?:layers|h|blocks|layer)\.\*\.[^*]+$")
_TOWERS = {word for modality in MODALITIES for word in modality.words}


def disagreements(text_config: Mapping[str, Any], patterns: Sequence[Pattern]) -> Iterator[str]:
    """Yield sentences: vocabulary, hidden size, number of layers, tied embeddings, data type."""
    own = [p for p in patterns if not _TOWERS & set(p.name.split("."))]
    yield from _embedding(text_config, own)
    yield from _layers(text_config, own)
    has_head = any(p.name.split(".")[-2:-1] in HEADS for p in own)
    if text_config.get("tie_word_embeddings") is False and not has_head and _embedding_of(own) is not None:
        yield "tie_word_embeddings is false, and there is no lm_head.weight"
    yield from _dtype(text_config, own)


def _embedding_of(own: Sequence[Pattern]) -> Pattern | None:
    found = [p for p in own if p.name.split(".")[-2:-1] and p.name.split(".")[-2] in EMBEDDINGS and len(p.shape) == 2]
    return found[0] if found else None


def _embedding(config: Mapping[str, Any], own: Sequence[Pattern]) -> Iterator[str]:
    embedding = _embedding_of(own)
    if embedding is None:
        return
    rows, columns = embedding.shape
    vocab = config.get("vocab_size")
    if isinstance(vocab, int) and rows < vocab:
        yield f"vocab_size is {vocab:,}, and {embedding.name} has {rows:,} rows"
    key = key_of("hidden_size", config)
    hidden = at(config, key) if key else None
    if hidden is not None and columns != hidden and "embedding_size" not in config:
        yield f"{key} is {hidden:,}, and {embedding.name} has {columns:,} columns"


def _layers(config: Mapping[str, Any], own: Sequence[Pattern]) -> Iterator[str]:
    key = key_of("num_layers", config)
    counts: dict[str, int] = {}
    for pattern in own:
        if _LAYER.match(pattern.name):
            counts[pattern.name] = counts.get(pattern.name, 0) + pattern.count
    if key is None or not counts:
        return
    name = max(counts, key=lambda n: counts[n])
    layers = at(config, key)
    if counts[name] not in (layers, layers + promise(config)[1]):
        yield f"{key} is {layers:,}, and there are {counts[name]:,} of {name}"


def _dtype(config: Mapping[str, Any], own: Sequence[Pattern]) -> Iterator[str]:
    key = next((key for key in ("dtype", "torch_dtype") if isinstance(config.get(key), str)), "")
    expected = DTYPES.get(config[key].removeprefix("torch.")) if key else None
    sizes: dict[str, int] = {}
    for pattern in own:
        if pattern.dtype in DTYPES.values():
            sizes[pattern.dtype] = sizes.get(pattern.dtype, 0) + pattern.total_bytes
    most = max(sizes, key=lambda dtype: sizes[dtype], default=None)
    quantised = any(p.dtype not in DTYPES.values() and len(p.shape) > 1 for p in own)
    if expected is not None and most is not None and most != expected and not quantised:
        yield f"{key} is {config[key]!r}, and most bytes are {most}"
