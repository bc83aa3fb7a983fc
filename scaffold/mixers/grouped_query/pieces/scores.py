"""What vLLM's ``Attention`` does with scores: slopes, a soft cap, a window, sinks."""

from __future__ import annotations

from scaffold.expressions.python import write
from scaffold.expressions.tree import NONE, TRUE
from scaffold.idioms.window import SEES_ALL, SEES_ALL_IMPORT, takes_the_configs
from scaffold.idioms.written import Piece
from scaffold.mixers.grouped_query.pieces.layers import Layers
from scaffold.source.python.errors import NotUnderstood

CHUNKED = "ChunkedLocalAttention"


def alibi(layers: Layers) -> Piece | None:
    """Return ALiBi's slopes; ``bloom`` and its kin are modules of vLLM with a function that computes them."""
    slopes = layers.same("their position bias", lambda a: a.slopes)
    if slopes is None:
        return None
    lines = """\
alibi_slopes = _get_alibi_slopes(self.total_num_heads)
begin = get_tensor_model_parallel_rank() * self.num_heads
alibi_slopes = alibi_slopes[begin : begin + self.num_heads].tolist()
"""
    if slopes.scaled:
        lines += "alibi_slopes = [slope * self.scaling for slope in alibi_slopes]\n"
    imports = (
        f"from .{slopes.form} import _get_alibi_slopes",
        "from vllm.distributed import get_tensor_model_parallel_rank",
    )
    return Piece({"scores": lines, "position_arguments": "alibi_slopes=alibi_slopes,"}, imports)


def soft_cap(layers: Layers) -> Piece | None:
    """Return the soft cap."""
    cap = layers.value(lambda a: a.soft_cap)
    if cap == NONE:
        return None
    return Piece({"score_arguments": f"logits_soft_cap={write(cap, names=layers.names)},"}, uses=(cap,))


def window(layers: Layers) -> Piece | None:
    """Return the sliding window, and that layers without one see all tokens where vLLM would not know it."""
    size = layers.value(lambda a: a.window)
    sees_all = any(layer.window is None for layer in layers.used) and takes_the_configs(layers.frame.config)
    code = {"scores": SEES_ALL} if sees_all else {}
    if size != NONE:
        code["score_arguments"] = f"per_layer_sliding_window={write(size, names=layers.names)},"
    imports = (SEES_ALL_IMPORT,) if sees_all else ()
    return Piece(code, imports, uses=() if size == NONE else (size,)) if code else None


def chunks(layers: Layers) -> Piece | None:
    """Return attention in chunks: a layer of vLLM's own, which takes neither a soft cap nor a window nor sinks."""
    size = layers.value(lambda a: a.chunk)
    if size == NONE:
        return None
    if any(a.chunk and (a.window or a.soft_cap or a.sinks) for a in layers.used):
        raise NotUnderstood("no idiom for chunks with a window, a soft cap or sinks", layers.used[0].source)
    length = layers.value(lambda a: next(one.chunk for one in layers.used if one.chunk))
    condition = layers.per_layer.condition([layer.chunk is not None for layer in layers.specs])
    written = write(length, names=layers.names)
    if condition == TRUE:
        code = {"attention": CHUNKED, "score_arguments": f"attention_chunk_size={written},"}
    else:
        code = {
            "attention": "attn_cls",
            "scores": f"is_chunked = {write(condition)}\nattn_cls = {CHUNKED} if is_chunked else Attention",
            "score_arguments": f'**({{"attention_chunk_size": {written}}} if is_chunked else {{}}),',
        }
    return Piece(code, (f"from vllm.model_executor.layers.attention import {CHUNKED}",), uses=(length, condition))


def sinks(layers: Layers) -> Piece | None:
    """Return the score of each head that no token has."""
    names = {layer.sinks for layer in layers.used if layer.sinks}
    if not names:
        return None
    if len(names) > 1:
        raise NotUnderstood("no idiom yet for sinks of different names", layers.used[0].source)
    name = names.pop()
    condition = layers.per_layer.condition([bool(layer.sinks) for layer in layers.specs])
    made = [
        f"self.{name} = nn.Parameter(torch.empty(self.num_heads), requires_grad=False)",
        f'set_weight_attrs(self.{name}, {{"weight_loader": sharded_weight_loader(0)}})',
    ]
    if condition != TRUE:
        made = [f"self.{name} = None", f"if {write(condition)}:", *(f"    {line}" for line in made)]
    imports = (
        "from vllm.model_executor.model_loader.weight_utils import (sharded_weight_loader,)",
        "from vllm.model_executor.utils import set_weight_attrs",
    )
    return Piece({"scores": "\n".join(made), "last_arguments": f"sinks=self.{name},"}, imports, uses=(condition,))
