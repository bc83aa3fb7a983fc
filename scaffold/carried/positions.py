"""What depends on positions alone: the positions themselves, and cos and sin of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scaffold.carried.axes import Atom
from scaffold.carried.tensors import TOKENS, flat, unchanged
from scaffold.carried.values import ATOM, Val, normal
from scaffold.probing.probe import NUM_TOKENS
from scaffold.probing.rotations import Turn
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.tensors import Array, Tensor

TABLES = "cos, sin = self.rotary_emb.cos_sin_cache[positions].chunk(2, dim=-1)"
"""cos and sin of the positions, ``[tokens, rotary_dim / 2]``: ``cos_sin_cache`` of vLLM's RotaryEmbeddingBase."""
WITHOUT_TABLES = ("longrope",)
"""Rotations of which vLLM has a table for each length, or for each axis of positions, and none of that name."""
FORMS: tuple[tuple[Callable[[Array], Array], str], ...] = (
    (lambda half: half, ""),
    (lambda half: np.concatenate([half, half], axis=-1), "repeat(1, 2)"),
    (lambda half: np.repeat(half, 2, axis=-1), "repeat_interleave(2, dim=-1)"),
)
"""How sources keep cos and sin of half as many angles as entries turn."""


@dataclass
class Positions:
    """What a block reads of positions.

    Attributes:
        turns: returns the rotations whose tables it may read.
        given: whether the adapter's block is given the positions.
        table: the one that it reads.
        form: how it keeps its tables, as a method's call; empty as they are.
        reads: whether the last stretch read them.
    """

    turns: Callable[[], list[Turn]]
    given: bool = True
    table: Turn | None = None
    form: str | None = None
    reads: bool = False

    def leaf(self, tensor: Tensor) -> Val | None:
        """Return how positions or a table of them are written; None for anything else."""
        return self._positions(tensor) or self._of_table(tensor)

    def _positions(self, tensor: Tensor) -> Val | None:
        before = unchanged(tensor)
        if not self.given or not _counts(tensor) or (before is not None and _counts(before)):
            return None
        axes = tuple((TOKENS,) if size == NUM_TOKENS else () for size in tensor.shape)
        code = "positions.float()" if tensor.a.dtype.kind == "f" else "positions"
        return Val(code, ATOM, axes, normal(axes))

    def _of_table(self, tensor: Tensor) -> Val | None:
        values = flat(tensor.a)
        if values is None or tensor.a.dtype.kind != "f" or values.shape[1] < 2 or tensor.shape[-1] != values.shape[1]:
            return None
        for turn in [self.table] if self.table else self.turns():
            if turn.candidate.rope_type in WITHOUT_TABLES or "mrope_section" in turn.candidate.parameters:
                continue
            for name, half in (("cos", turn.cos), ("sin", turn.sin)):
                for form, code in FORMS:
                    if np.array_equal(form(half).shape, values.shape) and np.allclose(form(half), values, 1e-9, 1e-12):
                        if self.form not in (None, code):
                            raise NotUnderstood("tables of cos and sin in two forms")
                        self.table, self.form, self.reads = turn, code, True
                        last = (Atom(values.shape[1]),)
                        axes = tuple((TOKENS,) if n == NUM_TOKENS else last if n > 1 else () for n in tensor.shape)
                        return Val(name, ATOM, axes, normal(axes))
        return None

    def statements(self) -> tuple[str, ...]:
        """Return what comes before statements that read tables of cos and sin."""
        if not self.reads:
            return ()
        return (TABLES, f"cos, sin = cos.{self.form}, sin.{self.form}") if self.form else (TABLES,)


def _counts(tensor: Tensor) -> bool:
    """Return whether a tensor holds the positions."""
    return tensor.a.size == NUM_TOKENS and np.array_equal(tensor.a.ravel(), np.arange(NUM_TOKENS))
