"""One name, or the names of one expert's tensor for many experts, followed through loaders and modules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from scaffold.checkpoint.headers import Form
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.vllm_models.experts import Names
from scaffold.vllm_models.loaders import ROTARY, Loader, loader_of
from scaffold.vllm_models.reader import Reader
from scaffold.vllm_models.values import Choice, Node, Shape, fits

KEEPS_SHAPE = frozenset({*UNQUANTISED, "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ"})
"""Data types of a ``weight`` that holds one number for each weight."""
QUANTISED_LEAVES = frozenset({
    "weight", "bias", "qweight", "qzeros", "scales", "g_idx", "weight_packed", "weight_scale", "weight_scale_2",
    "weight_scale_inv", "weight_shape", "weight_zero_point", "weight_g_idx", "weight_offset", "input_scale",
    "activation_scale", "input_offset", "input_zero_point", "input_global_scale", "weight_global_scale", "deq_scale",
    "quant_bias", "weight_scale_second", "weight_offset_second", "scale_bias", "k_scale", "v_scale", "q_scale",
    "q_zero_point", "k_zero_point", "v_zero_point", "output_scale",
})  # fmt: skip
"""What layers with a quantisation may have (vLLM: model_executor/layers/quantization/; vllm-ascend: quantization/)."""

OF_THE_CACHE = frozenset({"q_scale", "k_scale", "v_scale", "q_zero_point", "k_zero_point", "v_zero_point"})
"""Scales of a KV cache of eight bits that lie beside the projections of an attention."""
ONE = ((), (1,))
"""Shapes of one number."""
OWN_LAYER = "attn"
"""Where vLLM looks for them: ``.k_scale`` becomes ``.attn.k_scale`` (``QuantizationConfig.get_cache_scale_mapper``)."""

OF_FOUR_BITS = frozenset({
    "weight.absmax", "weight.nested_absmax", "weight.quant_map", "weight.nested_quant_map",
    "weight.quant_state.bitsandbytes__nf4", "weight.quant_state.bitsandbytes__fp4",
})  # fmt: skip
"""What bitsandbytes keeps beside a weight, and vLLM's own loader for it takes (model_loader/bitsandbytes_loader.py)."""


@dataclass(frozen=True)
class NotTaken:
    """A tensor that the model would not take."""

    name: str
    at: str
    """The first part of its name, as the loader sees it, that no module or parameter has."""
    seen: str
    """Its name as the loader sees it there."""


@dataclass(frozen=True)
class Misshapen:
    """A tensor that has another shape than its parameter, or than its part of it."""

    name: str
    parameter: str
    found: tuple[int, ...]
    asked: Shape


@dataclass(frozen=True)
class Took:
    """A parameter takes it.

    Attributes:
        unsure: what of its shape is not known, empty if it is the right one.
        together: the tensors of all experts that were asked for are taken.
    """

    parameter: str
    unsure: str = ""
    together: bool = False


@dataclass(frozen=True)
class LeftOut:
    """The loader leaves it out; ``dropped``: without a word, as the model has no such parameter."""

    dropped: bool = False


@dataclass(frozen=True)
class Unsure:
    """Nothing can be told.

    Attributes:
        why: where the reading ends.
        seen: the name as the loader sees it, whose code would have to find a place for a tensor that leads nowhere
            without it; empty where that is not what stops the reading.
    """

    why: str
    seen: str = ""


Outcome = Took | LeftOut | NotTaken | Misshapen | Unsure


@dataclass(frozen=True)
class Tensor:
    """A tensor on its way: its header, None for one that is not there, and the experts that have one like it."""

    form: Form | None
    experts: Sequence[int] = ()

    @property
    def shape(self) -> tuple[int, ...] | None:
        """Return its shape as that of the weight; None if that is not known, as of what is packed."""
        return self.form.shape if self.form is not None and self.form.dtype in KEEPS_SHAPE else None


@dataclass
class Walk:
    """Follows names, and notes what they fill.

    Attributes:
        filled: a module, which may have several names, and its parameter → the shards, None for the whole.
        of_experts: a layer of experts → (expert, shard); -1 is every expert.
        own_code: path of a module whose loader has code of its own that got names which lead nowhere without it: they
            may fill any parameter below.
        brings: path of a module whose loader may bring further tensors → where.
    """

    reader: Reader
    filled: dict[tuple[int, str], set[Any]] = field(default_factory=lambda: defaultdict(set))
    of_experts: dict[int, set[tuple[int, str]]] = field(default_factory=lambda: defaultdict(set))
    own_code: dict[str, str] = field(default_factory=dict)
    brings: dict[str, str] = field(default_factory=dict)
    _loaders: dict[int, Loader | None] = field(default_factory=dict)

    def loader(self, node: Node) -> Loader | None:
        """Return a module's loader, read once."""
        if id(node) not in self._loaders:
            self._loaders[id(node)] = loader_of(self.reader, node)
        return self._loaders[id(node)]

    def is_filled(self, root: Node, name: str) -> bool:
        """Return whether others fill what a tensor of this name would: packed where it is a part, or the reverse."""
        asked = Walk(self.reader, _loaders=self._loaders)
        if not isinstance(asked.load(root, "", name, Tensor(None)), Took):
            return False
        for place, shards in asked.filled.items():
            found = self.filled.get(place, set())
            if not found or not (shards == {None} or shards <= found or None in found):
                return False
        for node, parts in asked.of_experts.items():
            held = self.of_experts.get(node, set())
            if not all((number, shard) in held or (-1, shard) in held or number == -1 for number, shard in parts):
                return False
        return True

    def load(
        self, node: Node, prefix: str, name: str, tensor: Tensor, shard: Any = None, around: Loader | None = None
    ) -> Outcome:
        """Hand a name to a module that has a loader of its own, or whose parent goes on."""
        loader = self.loader(node) if not node.unread else None
        if loader is None:
            return self._descend(node, prefix, name, tensor, shard, around)
        if loader.brings:
            self.brings[prefix] = loader.brings
        if any(part in name for part in ROTARY) or any(name.startswith(begin) for begin in loader.skips):
            return LeftOut()
        mapped = loader.mapper.map(name)
        if mapped is None:
            return LeftOut()
        name, shard = mapped[0], shard if mapped[1] is None else mapped[1]
        outcome = self._by_rows(node, prefix, name, tensor, shard, loader)
        if isinstance(outcome, NotTaken) and any(name.endswith(end) for end in loader.ignored_endings):
            return LeftOut(dropped=True)
        is_open = isinstance(outcome, NotTaken | Misshapen) or (isinstance(outcome, LeftOut) and outcome.dropped)
        if is_open and loader.own_code:
            self.own_code[prefix] = loader.own_code
            return Unsure(loader.own_code, outcome.seen if isinstance(outcome, NotTaken) else "")
        return outcome

    def _by_rows(self, node: Node, prefix: str, name: str, tensor: Tensor, shard: Any, loader: Loader) -> Outcome:
        """Try the rows of a ``stacked_params_mapping``, then the name itself."""
        refused: Outcome | None = None
        for part, new, row_shard in loader.rows:
            if part in name and ".experts." not in name:
                outcome = self._descend(node, prefix, name.replace(part, new), tensor, row_shard, loader)
                if not isinstance(outcome, NotTaken):
                    return outcome
                refused = refused or outcome
        outcome = self._descend(node, prefix, name, tensor, shard, loader)
        return refused if refused is not None and isinstance(outcome, NotTaken) else outcome

    def _descend(
        self, node: Node, prefix: str, name: str, tensor: Tensor, shard: Any, loader: Loader | None
    ) -> Outcome:
        if node.unread:
            return Unsure(node.unread)
        if node.tied:
            return LeftOut()
        if node.experts is not None and name:
            return self._expert(node, prefix, name, tensor, loader.experts if loader else None)
        first, _, rest = name.partition(".")
        path = f"{prefix}.{first}" if prefix and first else prefix or first
        if not rest and (first in node.parameters or (node.quantised and first in QUANTISED_LEAVES)):
            return self._fill(node, first, path, tensor, shard)
        if node.quantised and name in OF_FOUR_BITS:
            return Took(path, node.quantised)
        children = node.children()
        child = children.get(first) if first else None
        if child is None and name in OF_THE_CACHE and OWN_LAYER in children and _holds_quantised(children.values()):
            own = f"{prefix}.{OWN_LAYER}.{name}"
            return Took(own, "" if tensor.shape in ONE else f"the shape of {own}")
        if isinstance(child, Choice):
            return self._choose(child, path, rest, tensor, shard, loader)
        if child is not None:
            return self.load(child, path, rest, tensor, shard, loader)
        if name == "bias" and prefix:
            return LeftOut(dropped=True)  # AutoWeightsLoader ignores a bias that the module does not have
        return NotTaken("", path, f"{prefix}.{name}" if prefix else name)

    def _fill(self, node: Node, leaf: str, path: str, tensor: Tensor, shard: Any) -> Outcome:
        parameter = node.parameters.get(leaf)
        parts = tuple(shard) if isinstance(shard, list | tuple) else (shard,)
        if node.quantised and leaf != "bias":
            self.filled[id(node), "weight"].update(parts)
            if parameter is None or tensor.shape is None:
                return Took(path, node.quantised)
        self.filled[id(node), leaf].update(parts)
        asked = parameter.asks(shard) if parameter is not None and len(parts) == 1 else None
        found = tensor.form.shape if tensor.form is not None else None
        verdict = fits(asked, found) if found is not None else None
        if verdict is False:
            assert asked is not None
            assert found is not None
            return Misshapen("", path, found, asked)
        return Took(path, "" if verdict else f"the shape of {path}" if not node.quantised else node.quantised)

    def _expert(self, node: Node, path: str, rest: str, tensor: Tensor, names: Names | None) -> Outcome:
        assert node.experts is not None
        experts = node.experts
        own = rest.removeprefix("routed_experts.")
        taken = experts.take(own, names) or experts.take(own)
        refused = NotTaken("", f"{path}.{rest}", f"{path}.{rest}")
        if taken is None:
            return refused
        numbers = (-1,) if taken.every else tensor.experts or (int(own.partition(".")[0]),)
        if experts.count is not None and any(number >= experts.count for number in numbers):
            return refused
        self.of_experts[id(node)].update((number, shard) for number in numbers for shard in taken.shards)
        found = tensor.shape
        if found is None:
            return Took(path, experts.quantised or "the shape of packed experts", together=True)
        verdict = fits(taken.shape, found)
        if verdict is False:
            assert taken.shape is not None
            return Misshapen("", path, found, taken.shape)
        return Took(path, "" if verdict else experts.quantised or f"the shape of {path}", together=True)

    def _choose(
        self, choice: Choice, path: str, rest: str, tensor: Tensor, shard: Any, loader: Loader | None
    ) -> Outcome:
        """Ask each module that it may be; what some take and others do not is unsure."""
        outcomes = [self.load(node, path, rest, tensor, shard, loader) for node in choice.nodes]
        if len(outcomes) == len(choice.options) and outcomes:
            if all(isinstance(outcome, NotTaken) for outcome in outcomes):
                return outcomes[0]
            if all(_is_right(outcome) for outcome in outcomes):
                return next((outcome for outcome in outcomes if isinstance(outcome, Took)), outcomes[0])
        return Unsure(f"{path} is one of several modules, which one is not known")


def _holds_quantised(children: Iterable[Node | Choice]) -> bool:
    """Return whether one of the modules gets a quantisation, as the attention layer beside it does then."""
    return any(node.quantised for one in children for node in (one.nodes if isinstance(one, Choice) else (one,)))


def _is_right(outcome: Outcome) -> bool:
    """Return whether a tensor is taken in its shape, or left out on purpose."""
    return not outcome.unsure if isinstance(outcome, Took) else isinstance(outcome, LeftOut) and not outcome.dropped
