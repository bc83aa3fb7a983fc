"""The names and shapes that a layer of experts takes.

vLLM: model_executor/layers/fused_moe/routed_experts.py, ``RoutedExperts.load_weights`` and its expert mapping. A name
that no row of that mapping has is passed over there without a word; here it is refused.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

Names = tuple[str, str, str | None]
"""What a checkpoint calls gate, down and up of an expert; None where there is no gate and up is the first."""
Sizes = tuple[int | None, ...]
GATED = {("gate_proj", "up_proj"): "gate_up_proj", ("w1", "w3"): "w13"}
"""Gate and up in one tensor."""
EXPERT_LEAVES = {"weight", "bias"}
BESIDE_WEIGHTS = ("scale", "bias", "zero", "offset", "shape")
"""Words in the endings of tensors that lie beside quantised weights, such as ``_scales`` beside ``_blocks``."""


@dataclass(frozen=True)
class Taken:
    """What an expert's tensor fills.

    Attributes:
        shards: of ``w13`` (``w1``, ``w3``) and ``w2``, with ``_bias`` for a bias.
        shape: what is asked for; None if it is not known.
        every: the tensor holds all experts.
    """

    shards: tuple[str, ...]
    shape: Sizes | None
    every: bool = False


@dataclass(frozen=True)
class Experts:
    """The experts of one layer.

    Attributes:
        count: how many; None if it is not known, as all sizes.
        hidden: size of what they get and give.
        inner: size between.
        names: as the layer has them; a loader around it may have others.
        has_bias: None if it is not known.
        is_transposed: whether a tensor of all experts has its input first.
        is_gated: whether ``w13`` holds gate and up.
        quantised: where a quantisation comes in, which makes its own parameters.
    """

    count: int | None = None
    hidden: int | None = None
    inner: int | None = None
    names: Names = ("gate_proj", "down_proj", "up_proj")
    has_bias: bool | None = False
    is_transposed: bool | None = False
    is_gated: bool = True
    quantised: str = ""

    def take(self, rest: str, names: Names | None = None) -> Taken | None:
        """Return what a tensor fills, None if it fills nothing.

        Args:
            rest: its name behind the layer's, with the expert's number where each has its own.
            names: those of the loader around, if it has some.
        """
        first, _, after = rest.partition(".")
        if not first.isdigit():
            return self._of_all(rest, names or self.names)
        projection, _, leaf = after.rpartition(".")
        if not projection and not leaf:
            return None
        shards = self._shards(projection, names or self.names)
        if shards is None or not (leaf in EXPERT_LEAVES or self.quantised):
            return None
        if leaf == "bias" and self.has_bias is False:
            return None
        wide = self.inner if len(shards) == 1 or self.inner is None else 2 * self.inner
        if leaf == "bias":
            return Taken(_biased(shards), (self.hidden,) if shards == ("w2",) else (wide,))
        return Taken(shards, self._shape(shards, wide) if leaf == "weight" else None)

    def _shards(self, projection: str, names: Names) -> tuple[str, ...] | None:
        gate, down, up = names
        if projection == down:
            return ("w2",)
        if self.is_gated and projection == GATED.get((gate, up or "")):
            return ("w1", "w3")
        if projection in (gate, up):
            return ("w1",) if projection == gate else ("w3",)
        return None

    def _shape(self, shards: tuple[str, ...], wide: int | None) -> Sizes:
        return (self.hidden, self.inner) if shards == ("w2",) else (wide, self.hidden)

    def _of_all(self, rest: str, names: Names) -> Taken | None:
        """Return what one tensor of all experts fills."""
        gate, down, up = names
        name, _, leaf = rest.partition(".")
        joint = GATED.get((gate, up or "")) if self.is_gated else gate
        stems = {down: ("w2",)} | ({joint: ("w1", "w3") if self.is_gated else ("w1",)} if joint else {})
        shards = stems.get(name)
        if shards is None or leaf not in ("", "weight"):
            stem = next((one for one in stems if self.quantised and name.startswith(one)), None)
            if stem is None:
                return None
            beside = any(word in rest.removeprefix(stem) for word in BESIDE_WEIGHTS)
            return Taken(() if beside else stems[stem], None, every=True)
        wide = self.inner if not self.is_gated or self.inner is None else 2 * self.inner
        matrix = self._shape(shards, wide)
        if self.is_transposed is not None:
            return Taken(shards, (self.count, *(matrix[::-1] if self.is_transposed else matrix)), every=True)
        return Taken(shards, None, every=True)

    def required(self) -> Collection[str]:
        """Return the shards that each expert must fill."""
        return ("w1", "w3", "w2") if self.is_gated else ("w1", "w2")


def _biased(shards: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{shard}_bias" for shard in shards)
