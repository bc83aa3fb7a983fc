"""The class of routed experts in an adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.expressions.python import write as write_expression
from scaffold.feed_forwards.experts.activations import ALTERNATING, EXPERT_ACTIVATIONS, FIXED_LIMITS
from scaffold.feed_forwards.experts.routing import SPARSE_MIXER
from scaffold.feed_forwards.experts.spec import ExpertsSpec, RouterSpec
from scaffold.feed_forwards.mlp.adapter import construct_mlp, mlp_of
from scaffold.feed_forwards.protocol import Inner
from scaffold.idioms.carried import made as made_for
from scaffold.idioms.construct import construct
from scaffold.idioms.frame import SERVED_IMPORT, Frame
from scaffold.idioms.written import Loader, Written
from scaffold.rendering.fragment import fill
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import ONE
from scaffold.weights.emit import ROUTED
from scaffold.weights.rules import WeightMap
from scaffold.weights.targets import EXPERT_NAMES, EXPERTS, attribute
from scaffold.weights.transforms import Stack

HERE = Path(__file__).parent
IMPORTS = (
    "from collections.abc import Iterable",
    "import torch",
    "import torch.nn.functional as F",
    "from torch import nn",
    "from vllm.distributed import get_tensor_model_parallel_world_size",
    "from vllm.model_executor.layers.fused_moe import GateLinear",
    "from vllm.model_executor.layers.linear import (ReplicatedLinear,)",
    "from vllm.model_executor.layers.quantization import QuantizationConfig",
)
CHOOSES_BY = {
    "sigmoid": """\
logits, chosen = torch.topk(router_logits, self.top_k, dim=-1)
weights = torch.sigmoid(logits)
""",
    "softmax": "weights, chosen = torch.topk(torch.softmax(router_logits, dim=-1), self.top_k, dim=-1)",
}
"""For each row of ``SCORINGS``, the weights of the chosen experts; a sigmoid may round those of two logits to one."""


SCORES = {
    "sigmoid": "scores = torch.sigmoid(router_logits)",
    "softmax": "scores = torch.softmax(router_logits, dim=-1)",
}
"""For each row of ``SCORINGS``, the statement that makes the scores of all experts."""


@dataclass(frozen=True)
class Router:
    """What the router is filled from: attributes, words of vLLM's, and expressions over ``config``.

    Attributes:
        carried: statements between its logits and the scores.
        carried_made: statements that make what these use.
    """

    name: str
    bias: bool
    scoring: str
    function: str
    correction_bias: str
    num_groups: str
    topk_group: str
    top_k: str
    renormalize: str
    scaling: str
    carried: tuple[str, ...] = ()
    carried_made: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experts:
    """What the template is filled from.

    Attributes:
        chooses: statements from the logits to the weights of the chosen experts, where these weigh their input.
        identities: the number of identity experts.
        weighs: statements from the logits to the weights of all experts, where there are identity experts.
    """

    name: str
    num_experts: str
    intermediate_size: str
    activation: str
    transposed: bool
    bias: bool
    checkpoint_names: str
    in_one_tensor: bool
    shared_name: str
    shared_gate: str
    output_bias: str
    weighs_input: bool
    chooses: tuple[str, ...]
    identities: str
    weighs: tuple[str, ...]


def write(layers: Sequence[ExpertsSpec | None], inner: Sequence[Inner], name: str, frame: Frame) -> Written:
    """Return the class.

    Raises:
        NotUnderstood: a form that there is no idiom for yet, or layers with different experts.
    """
    specs = [*dict.fromkeys(layer for layer in layers if layer is not None)]
    if len(specs) > 1:
        raise NotUnderstood("no idiom yet for layers with different experts", specs[0].source)
    (spec,) = specs
    over = (spec.router.carried,) if spec.router.carried else ()
    statements, more, _ = made_for(over, frame.prefix)
    router = _router(spec.router, statements)
    layer = "FusedMoEFactory" if frame.target.moe_factory else "FusedMoE"
    imports = [f"from vllm.model_executor.layers.fused_moe import {layer}"]
    if spec.weighs_input:
        imports.append(SERVED_IMPORT)
    if router.function:
        imports.append(f"from .phimoe import {router.function}")
    class_name = f"{frame.prefix}MoE"
    if spec.identities is not None:
        _check_identities(spec)
    return Written(
        fill(
            HERE / "experts.py.jinja",
            experts=_experts(spec, frame),
            router=router,
            frame=frame,
            shared=_shared(spec, frame),
        ),
        construct(name, class_name, ("config=config", "quant_config=quant_config")),
        (*IMPORTS, *imports, *more),
        loaders=tuple(_loaders(spec)),
    )


def _check_identities(spec: ExpertsSpec) -> None:
    """Check that vLLM's layer can be told which of the other experts a token has chosen.

    Raises:
        NotUnderstood: it cannot.
    """
    if spec.router.scoring not in SCORES:
        raise NotUnderstood(f"no idiom yet for identity experts of a router by {spec.router.scoring}", spec.source)
    if int(spec.router.top_k.value) > int(spec.num_experts.value):
        raise NotUnderstood("no idiom yet for tokens that choose more experts than there are to compute", spec.source)


def _loaders(spec: ExpertsSpec) -> Iterator[Loader]:
    if spec.longer:
        text = fill(
            HERE / "skip_identity_experts.py.jinja",
            path=spec.experts_name,
            num_experts=write_expression(spec.num_experts.tree, "self.config"),
        )
        yield Loader("skip_identity_experts", text.rstrip())
    if spec.bias:
        yield Loader("load_experts", fill(HERE / "load_experts.py.jinja").rstrip())
    if spec.is_packed:
        gate_up = spec.up_name.removeprefix("{expert}.").removesuffix(".weight")
        text = fill(HERE / "split_gate_up.py.jinja", gate_up=gate_up, path=spec.experts_name, names=EXPERT_NAMES)
        yield Loader("split_gate_up", text.rstrip())
    if spec.in_rows:
        text = fill(
            HERE / "split_experts.py.jinja",
            gate=spec.gate_name,
            up=spec.up_name,
            down=spec.down_name,
            path=spec.experts_name,
            num_experts=write_expression(spec.num_experts.tree, "self.config"),
        )
        yield Loader("split_experts", text.rstrip())


def _experts(spec: ExpertsSpec, frame: Frame) -> Experts:
    if spec.activation.value not in EXPERT_ACTIVATIONS:
        raise NotUnderstood(f"no idiom yet for experts with {spec.activation.value!r}", spec.source)
    if spec.activation.value in ALTERNATING and not spec.alternating:
        what = f"no idiom yet for experts with {spec.activation.value} whose gate and up do not alternate"
        raise NotUnderstood(what, spec.source)
    limits = tuple(float(value.value) for value in spec.limits)
    fixed = FIXED_LIMITS.get(str(spec.activation.value), ())
    if limits != fixed:
        what = f"no idiom yet for {spec.activation.value} with the numbers {limits}: vLLM's has {fixed}"
        raise NotUnderstood(what, spec.source)
    names = frame.loading.expert_names
    return Experts(
        name=EXPERTS,
        num_experts=spec.num_experts.code,
        intermediate_size=spec.intermediate_size.code,
        activation=EXPERT_ACTIVATIONS[spec.activation.value],
        transposed=spec.transposed and not spec.alternating,
        bias=spec.bias,
        checkpoint_names="" if names is None else ", ".join(f'"{name}"' for name in names),
        in_one_tensor=_in_one_tensor(frame.rules),
        shared_name=attribute(spec.shared.name) if spec.shared else "",
        shared_gate=attribute(spec.shared_gate) if spec.shared_gate else "",
        output_bias=attribute(spec.output_bias) if spec.output_bias else "",
        weighs_input=spec.weighs_input,
        chooses=tuple(_chooses(spec.router)) if spec.weighs_input else (),
        identities="" if spec.identities is None else spec.identities.code,
        weighs=() if spec.identities is None else tuple(_weighs(spec.router)),
    )


def _weighs(router: RouterSpec) -> Iterator[str]:
    """Yield statements that make the weights of all choices, 0 where one is not chosen: ``[tokens, choices]``."""
    yield SCORES[router.scoring]
    by = "router_logits"
    if router.correction_bias:
        by = f"scores + self.{attribute(router.name.split('.')[0])}.e_score_correction_bias"
    yield f"_, chosen = torch.topk({by}, self.top_k, dim=-1)"
    yield "weights = torch.zeros_like(scores).scatter(1, chosen, scores.gather(1, chosen))"
    if router.renormalize.value:
        yield "weights = weights / weights.sum(dim=-1, keepdim=True)"
    if router.scaling != ONE:
        yield f"weights = weights * {write_expression(router.scaling.tree, 'self.config')}"


def _chooses(router: RouterSpec) -> Iterator[str]:
    yield from CHOOSES_BY[router.scoring].splitlines()
    if router.renormalize.value:
        yield "weights = weights / weights.sum(dim=-1, keepdim=True)"


def _router(router: RouterSpec, statements: Sequence[str]) -> Router:
    over = router.carried
    special = router.scoring == SPARSE_MIXER
    return Router(
        name=attribute(router.name.split(".")[0]),
        bias=router.bias,
        scoring="" if special else router.scoring,
        function="phimoe_routing_function" if special else "",
        correction_bias="e_score_correction_bias" if router.correction_bias else "",
        num_groups=router.num_groups.code if router.num_groups else "",
        topk_group=router.topk_group.code if router.topk_group else "",
        top_k=router.top_k.code,
        renormalize=router.renormalize.code,
        scaling="" if router.scaling == ONE else router.scaling.code,
        carried=over.commented if over else (),
        carried_made=("self.config = config",) * bool(over and over.needs_config) + tuple(statements),
    )


def _shared(spec: ExpertsSpec, frame: Frame) -> list[str]:
    """Return the lines that make the shared experts."""
    if spec.shared is None:
        return []
    more = [] if spec.weighs_input else ["reduce_results=False"]
    if spec.shared_gate:
        more.append(f"expert_gate=self.{attribute(spec.shared_gate)}")
    name, size = attribute(spec.shared.name), spec.shared.intermediate_size.code
    return list(construct_mlp(mlp_of([spec.shared], frame), name, size, frame, more).lines)


def _in_one_tensor(rules: WeightMap) -> bool:
    """Return whether the checkpoint has gate and up of all experts in one tensor, and down in another."""
    stacked = [rule for rule in rules.rules if f".{ROUTED}." in rule.target and not rule.is_per_expert]
    return any(not isinstance(step, Stack) for rule in stacked for step in rule.transforms or (None,))
