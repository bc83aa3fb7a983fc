"""Bytes of KV cache: per token, and for a number of sequences of a length, per rank."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scaffold.capacity.layer_kinds import ATTENDING, CROSS, HYBRID, LINEAR, SHARED_KV, SLIDING, LayerKinds
from scaffold.capacity.projections import Width, widths
from scaffold.capacity.sizes import Sizes, sizes_of
from scaffold.capacity.states import State, state_of
from scaffold.checkpoint.patterns import Pattern
from scaffold.mixers.table import kind_of
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.kept import Kept
from scaffold.vocabulary.lookup import value_of

ELEMENT_BYTES = 2
"""``--dtype auto`` of vLLM (config/model.py, ``_get_and_verify_dtype``) serves float32 checkpoints in 16 bits, too, and
the cache has the model's data type."""
INDEXER_BLOCK, SCALE_BYTES = 128, 4
"""vLLM, deepseek_v2.py, ``DeepseekV32IndexerCache``: keys of 8 bits with a scale for each block."""
STATES = {
    LINEAR: "keep a state of fixed size",
    HYBRID: "keep a state of fixed size beside their keys and values",
    CROSS: "keep keys and values of another modality, which are not counted",
    SHARED_KV: "read the keys and values of another layer and keep none",
}


@dataclass(frozen=True)
class KvCache:
    """What a model keeps.

    Attributes:
        layers: what each layer keeps.
        arithmetic: how the bytes per token were found.
        evidence: where that comes from: modeling source, config keys, tensors.
        assumptions: what was taken for granted.
        indexer_per_token: bytes of the indexer's keys in all layers, which every rank holds; not in ``per_token``.
    """

    layers: tuple[Kept, ...]
    arithmetic: str
    evidence: str
    assumptions: tuple[str, ...]
    indexer_per_token: int = 0

    @property
    def per_token(self) -> int:
        """Return the bytes of one token in all layers, before ranks share them and before windows end."""
        return sum(kept.heads * kept.per_head for kept in self.layers) * ELEMENT_BYTES

    def bytes_per_rank(self, tensor_parallel_size: int, tokens: int) -> int:
        """Return the bytes that one rank keeps of one sequence.

        Heads are shared by the ranks, and held twice where there are fewer of them than ranks; a latent (MLA) is held
        by every rank. A sliding layer keeps no more than its window.
        """
        kept = sum(layer.elements(tensor_parallel_size, tokens) for layer in self.layers)
        return kept * ELEMENT_BYTES + tokens * self.indexer_per_token


def kv_cache(
    config: Mapping[str, Any], patterns: Sequence[Pattern] = (), decoder: DecoderSpec | None = None
) -> KvCache | str:
    """Return what a model keeps, from what was read of its source, else from its config; or what is missing.

    Args:
        config: the text config.
        patterns: the checkpoint's tensors, which the config is held against.
        decoder: what was read.
    """
    if decoder is not None:
        layers = tuple(kind_of(mixer).kept(mixer) for layer in decoder.layers for mixer in layer.mixers)
        where = "what each layer's mixer was read as in the modeling source"
        complete = {**decoder.config, **{key: value for key, value in config.items() if value is not None}}
        runs = int(decoder.runs.value)
        again = [f"the layers run {runs} times, and keep each time"] if runs > 1 else []
        if len(layers) > len(decoder.layers):
            again.append(f"{len(decoder.layers)} layers have {len(layers)} attention blocks, each with its own cache")
        return _cache(layers * runs, where, sizes_of(complete), [*again, *_windows(layers * runs)])
    shown = widths(patterns)
    sizes = sizes_of(config, keeps_latents=not shown or any(width.kind == "latent" for width in shown))
    if isinstance(sizes.kinds, str):
        return sizes.kinds
    layers_found = _layers(sizes, sizes.kinds, shown)
    if isinstance(layers_found, str):
        return layers_found
    state = state_of(config)
    if contradicts := _contradiction(sizes, sizes.kinds, layers_found, shown, value_of("mtp_layers", config)):
        return contradicts
    layers_found = tuple(
        replace(kept, state=-(-state.per_head // ELEMENT_BYTES), state_heads=state.heads)
        if state is not None and kind in (LINEAR, HYBRID)
        else kept
        for kept, kind in zip(layers_found, sizes.kinds.kinds)
    )
    keys = [*sizes.kinds.keys, *(sizes.keys[role] for role in _COUNTED if role in sizes.keys)]
    tensors = f"; {shown[0].where} agrees" if shown else ""
    evidence = f"config.json: {', '.join(dict.fromkeys(keys))}{tensors}"
    return _cache(
        layers_found,
        evidence,
        sizes,
        (*_states(sizes.kinds, state), *_spans(sizes, sizes.kinds), *_heads(sizes, shown)),
    )


_COUNTED = ("num_layers", "num_kv_heads", "num_heads", "hidden_size", "head_dim", "kv_lora_rank", "qk_rope_head_dim")


def _layers(sizes: Sizes, kinds: LayerKinds, shown: Sequence[Width]) -> tuple[Kept, ...] | str:
    """Return what each layer keeps by the config."""
    if not kinds.windows_told and (sizes.sliding.is_own or sizes.everywhere.is_own):
        return "the config has head sizes for two kinds of layers and does not tell which layers are which"
    heads = sizes.kv_heads
    if heads is None and sizes.latent is None and any(kind in ATTENDING for kind in kinds.kinds):
        found = _kv_heads(sizes, shown)
        if isinstance(found, str):
            return found
        heads = (found,) * len(kinds.kinds)
    layers = []
    for layer, kind in enumerate(kinds.kinds):
        if kind not in ATTENDING:
            layers.append(Kept(0, 0))
        elif sizes.latent is not None:
            layers.append(Kept(1, sizes.latent))
        else:
            assert heads is not None
            own = sizes.sliding if kind == SLIDING else sizes.everywhere
            k = own.k or sizes.head_dim
            v = own.v or (own.k if own.k else sizes.v_head_dim) or k
            if k is None or v is None:
                return "the config has no head size"
            layers.append(Kept(own.kv_heads or heads[layer], k + v, sizes.window if kind == SLIDING else None))
    return tuple(layers)


def _kv_heads(sizes: Sizes, shown: Sequence[Width]) -> int | str:
    """Return the number of KV heads that the config does not name: by the tensors, else that of heads."""
    rows = {width.rows for width in shown if width.kind == "k"}
    if sizes.head_dim and len(rows) == 1 and min(rows) % sizes.head_dim == 0:
        return min(rows) // sizes.head_dim
    if sizes.num_heads is None or sizes.head_dim is None:
        return "the config has no number of KV heads, or no head size"
    if rows or sizes.says_of_kv:
        told = f"{sizes.says_of_kv[0]} may be that" if sizes.says_of_kv else "those of the tensors differ"
        return f"the config has no number of KV heads that is understood; {told}"
    return sizes.num_heads


def _contradiction(sizes: Sizes, kinds: LayerKinds, layers: Sequence[Kept], shown: Sequence[Width], mtp: Any) -> str:
    """Return where tensors say something else than the config: of a row's width, or of the layers that have it."""
    k = [width for width in shown if width.kind == "k"]
    latent = [width for width in shown if width.kind == "latent"]
    attending = [kept for kept, kind in zip(layers, kinds.kinds) if kind in ATTENDING]
    if latent and sizes.latent is not None:
        expected, found = {sizes.latent}, latent
    elif k and sizes.latent is None:
        expected, found = set(_k_rows(sizes, kinds, layers)), k
    else:
        return _packed(sizes, layers, [width for width in shown if width.kind == "qkv"])
    if not expected <= {width.rows for width in found}:
        rows = ", ".join(str(width.rows) for width in found)
        return f"by the config keys have {', '.join(map(str, sorted(expected)))} rows, {found[0].where} has {rows}"
    count = sum(width.count for width in found)
    most = len(attending) + kinds.kinds.count(SHARED_KV) + (mtp if type(mtp) is int else 0)
    if not len(attending) <= count <= most:
        return f"by the config {len(attending)} layers keep keys, {count} have {found[0].where}"
    return ""


def _k_rows(sizes: Sizes, kinds: LayerKinds, layers: Sequence[Kept]) -> Iterator[int]:
    for kept, kind in zip(layers, kinds.kinds):
        if kind in ATTENDING:
            own = sizes.sliding if kind == SLIDING else sizes.everywhere
            yield kept.heads * (own.k or sizes.head_dim or 0)


def _packed(sizes: Sizes, layers: Sequence[Kept], found: Sequence[Width]) -> str:
    if sizes.num_heads is None or sizes.head_dim is None:
        return ""
    attending = [kept for kept in layers if kept.heads]
    expected = {sizes.num_heads * sizes.head_dim + kept.heads * kept.per_head for kept in attending}
    if found and not expected <= {width.rows for width in found}:
        return f"by the config q, k and v have {min(expected)} rows, {found[0].where} has {found[0].rows}"
    return ""


def _states(kinds: LayerKinds, state: State | None) -> Iterator[str]:
    for kind, says in STATES.items():
        if count := kinds.kinds.count(kind):
            yield f"{count} layers {says}" + (_counted(state) if kind in (LINEAR, HYBRID) else "")


def _counted(state: State | None) -> str:
    if state is None:
        return ", which is not counted: the config does not tell its size"
    return f" of {state.num_bytes:,} B each ({state.form}: {', '.join(state.keys)})"


def _spans(sizes: Sizes, kinds: LayerKinds) -> Iterator[str]:
    sliding = kinds.kinds.count(SLIDING)
    if sliding and sizes.window is None:
        yield f"{sliding} sliding layers whose window the config does not tell keep all tokens"
    elif sliding:
        yield f"{sliding} layers keep no more than {sizes.window:,} tokens"
    elif sizes.window is not None and not kinds.windows_told:
        yield "which layers slide the config does not tell: all of them keep all tokens"


def _heads(sizes: Sizes, shown: Sequence[Width]) -> Iterator[str]:
    attends = isinstance(sizes.kinds, LayerKinds) and ATTENDING.intersection(sizes.kinds.kinds)
    if sizes.kv_heads is None and sizes.latent is None and attends:
        by = "as the tensors show" if any(width.kind == "k" for width in shown) else "as many as heads"
        yield f"the config names no number of KV heads: {by}"


def _windows(layers: Sequence[Kept]) -> Iterator[str]:
    windows = [kept.window for kept in layers if kept.window is not None]
    if windows:
        yield f"{len(windows)} layers keep no more than {max(windows):,} tokens"
    if any(kept.state for kept in layers):
        yield f"{sum(1 for kept in layers if kept.state)} layers keep a state of fixed size, which is counted"


def _cache(
    layers: tuple[Kept, ...], evidence: str, sizes: Sizes, assumptions: Iterator[str] | Sequence[str]
) -> KvCache:
    keeping = [kept for kept in layers if kept.heads]
    said = [f"{ELEMENT_BYTES} bytes per element, as vLLM loads 16 bit", *assumptions]
    if sizes.latent is not None and any(kept.heads == 1 for kept in keeping):
        said.append("every rank holds all of it (MLA)")
    indexer = 0
    if sizes.index_head_dim:
        key = sizes.index_head_dim
        one = key + -(-key // INDEXER_BLOCK) * SCALE_BYTES
        indexer = len(keeping) * one
        said.append(f"an indexer keeps {len(keeping)} × {one} = {indexer:,} B more per token, on every rank")
    return KvCache(layers, _arithmetic(keeping, sizes), evidence, tuple(said), indexer)


def _arithmetic(keeping: Sequence[Kept], sizes: Sizes) -> str:
    """Show the product for each group of layers that keep alike."""
    groups: dict[tuple[int, int], int] = {}
    for kept in keeping:
        groups[kept.heads, kept.per_head] = groups.get((kept.heads, kept.per_head), 0) + 1
    shown = " + ".join(f"{count} layers × {_one(*group, sizes)}" for group, count in groups.items())
    if not shown:
        return "no layer keeps keys or values"
    return f"{shown if len(groups) == 1 else f'({shown})'} × {ELEMENT_BYTES} B"


def _one(heads: int, per_head: int, sizes: Sizes) -> str:
    if sizes.latent is not None and heads == 1:
        return f"{per_head} (kv_lora_rank + qk_rope_head_dim)"
    if sizes.v_head_dim in (None, sizes.head_dim) and sizes.sliding.v is None:
        return f"{heads} × {per_head // 2} × 2 (K, V)"
    return f"{heads} × {per_head} (K + V)"
