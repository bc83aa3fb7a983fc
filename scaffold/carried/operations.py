"""What the adapter writes for an operation of the source: a table by name. What is not in it is not carried over."""

from __future__ import annotations

from collections.abc import Callable

from scaffold.carried import counted, elementwise, over_axes, shaping
from scaffold.carried.values import Val
from scaffold.carried.writer import Writer
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.operations import Operation

Handler = Callable[[Writer, Operation], "Val | tuple[Val, ...]"]
UNCHANGED = ("contiguous", "clone", "detach", "dropout", "alpha_dropout", "requires_grad_")
CONVERTED = ("to", "type", "type_as", "float", "half", "bfloat16", "double")
REDUCED = ("sum", "mean", "amax", "amin", "logsumexp", "prod")
ALONG = ("softmax", "log_softmax")
PAIRED = ("maximum", "minimum")
CALL = "call a norm"
"""Stands for all operations of a norm that the adapter has as a module."""
SHAPES = (
    "view", "reshape", "flatten", "unflatten", "view_as", "transpose", "permute", "swapaxes", "swapdims", "squeeze",
    "unsqueeze", "contiguous", "expand",
)  # fmt: skip
"""Operations that compute nothing."""


def write(writer: Writer, op: Operation) -> Val | tuple[Val, ...]:
    """Return how what an operation gives is written.

    Raises:
        NotUnderstood: it is not token-wise, sums over what ranks share, or is not known here.
    """
    name = op.name[:-1] if op.name.endswith("_") and op.name[:-1] in HANDLERS else op.name
    handler = HANDLERS.get(name)
    if handler is None:
        raise NotUnderstood(f"the operation {op.name}, which is not carried over", op.where)
    try:
        return handler(writer, op)
    except NotUnderstood as error:
        raise error if error.where else NotUnderstood(error.what, op.where) from error


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(elementwise.OPERATORS, elementwise.binary),
    **dict.fromkeys(elementwise.UNARY, elementwise.unary),
    **dict.fromkeys(elementwise.FUNCTIONAL, elementwise.functional),
    **dict.fromkeys(("full_like", "zeros_like", "ones_like"), elementwise.filled),
    **dict.fromkeys(UNCHANGED, elementwise.unchanged),
    **dict.fromkeys(CONVERTED, elementwise.converted),
    **dict.fromkeys(("clamp", "clip", "clamp_min", "clamp_max"), elementwise.clamp),
    **dict.fromkeys(REDUCED, over_axes.reduced),
    **dict.fromkeys(ALONG, over_axes.along),
    **dict.fromkeys(PAIRED, elementwise.paired),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "view_as"), shaping.view),
    **dict.fromkeys(("transpose", "permute", "swapaxes", "swapdims"), shaping.permuted),
    **dict.fromkeys(("expand", "expand_as"), shaping.expanded),
    **dict.fromkeys(("chunk", "split"), shaping.chunked),
    **dict.fromkeys(("cat", "concat", "concatenate"), shaping.joined),
    **dict.fromkeys(("norm", "vector_norm"), over_axes.length),
    **dict.fromkeys(("var", "std"), over_axes.variance),
    CALL: over_axes.called,
    "arange": counted.arange,
    "neg": elementwise.neg,
    "where": elementwise.where,
    "normalize": over_axes.normalised,
    "rms_norm": over_axes.root_mean_square,
    "unsqueeze": shaping.unsqueezed,
    "squeeze": shaping.squeezed,
    "unbind": shaping.unbound,
    "getitem": shaping.item,
    "stack": shaping.stacked,
    "repeat_interleave": shaping.repeated,
}
"""Operation → how it is written. A trailing underscore is left away: statements make new tensors."""
