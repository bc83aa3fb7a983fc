"""The class of MLPs in an adapter: one for all of them, shared experts as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scaffold.expressions.python import write as write_expression
from scaffold.expressions.tree import NONE, Expression
from scaffold.expressions.uses import keys, needs_layer
from scaffold.feed_forwards.mlp.activations import GATED_ACTIVATIONS, PLAIN_ACTIVATIONS
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.feed_forwards.protocol import Inner
from scaffold.idioms.carried import made as made_for
from scaffold.idioms.construct import Construct, construct
from scaffold.idioms.frame import Frame
from scaffold.idioms.norms import norm_call
from scaffold.idioms.per_layer import HINTS, PerLayer
from scaffold.idioms.written import NORM_OVER_RANKS, Written
from scaffold.rendering.fragment import fill
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.values import Value
from scaffold.weights.targets import DOWN, GATE_UP, UP, attribute

TEMPLATE = Path(__file__).parent / "mlp.py.jinja"
IMPORTS = (
    "import torch",
    "import torch.nn.functional as F",
    "from torch import nn",
    "from vllm.distributed import get_tensor_model_parallel_world_size",
    "from vllm.model_executor.layers.activation import GeluAndMul, SiluAndMul, get_act_fn",
    "from vllm.model_executor.layers.linear import (ColumnParallelLinear, MergedColumnParallelLinear,)",
    "from vllm.model_executor.layers.linear import (RowParallelLinear,)",
    "from vllm.model_executor.layers.quantization import QuantizationConfig",
)


@dataclass(frozen=True)
class Mlp:
    """What the template is filled from: attributes, and expressions over ``config``.

    Attributes:
        gated: there is a gate.
        fused: vLLM has one layer for the gate's activation and the product.
        xielu: the adapter brings the activation.
        inner_norm: name and call of a norm before ``down``; empty if there is none.
        inside_others: there are blocks of another kind, inside of which some may lie; those take the sum over ranks.
        gated_outside: some of those are multiplied by a gate.
        bias_behind_shared: some of those have a bias after ``down``.
        needs_config: what the class makes reads the config.
        carried: statements between the projections, in the place of the activation.
        carried_made: statements that make what these use.
        imports: lines that these need.
    """

    gated: bool
    fused: bool
    inner_name: str
    down_name: str
    activation_call: str
    activation_name: str
    xielu: bool
    bias: str
    down_bias: str
    inner_norm: dict[str, str]
    needs_config: bool
    carried: tuple[str, ...] = ()
    carried_made: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    inside_others: bool = False
    gated_outside: bool = False
    bias_behind_shared: bool = False


def write(layers: Sequence[MlpSpec | None], inner: Sequence[Inner], name: str, frame: Frame) -> Written:
    """Return the class.

    Raises:
        NotUnderstood: a form that there is no idiom for yet, or MLPs that differ in more than their size.
    """
    own = [layer for layer in layers if layer is not None]
    inside = [block.spec for block in inner if isinstance(block.spec, MlpSpec)]
    mlp = mlp_of([*dict.fromkeys([*own, *inside])], frame, inner)
    mlp = replace(mlp, inside_others=bool(inside) or None in layers)
    per_layer = PerLayer(frame.config, HINTS["feed_forward"])
    size = per_layer.value([(layer or own[0]).intermediate_size.tree for layer in layers]) if own else NONE
    return Written(
        fill(TEMPLATE, mlp=mlp, frame=frame),
        construct_mlp(mlp, name, write_expression(size), frame),
        (*IMPORTS, *mlp.imports),
        frozenset({NORM_OVER_RANKS}) if mlp.inner_norm else frozenset(),
        layer_idx=needs_layer(size),
    )


def construct_mlp(mlp: Mlp, name: str, size: str, frame: Frame, more: Sequence[str] = ()) -> Construct:
    """Return the statement that makes one; ``more`` arguments come before its prefix."""
    arguments = [
        *(("config=config",) if mlp.needs_config else ()),
        f"hidden_size=config.{frame.hidden_size}",
        f"intermediate_size={size}",
        "quant_config=quant_config",
        *more,
    ]
    return construct(name, f"{frame.prefix}MLP", arguments)


def mlp_of(specs: Sequence[MlpSpec], frame: Frame, inner: Sequence[Inner] = ()) -> Mlp:
    """Return what the class of all these MLPs is filled from.

    Raises:
        NotUnderstood: see `write`.
    """
    shapes = {
        (
            s.activation_name,
            s.gated,
            s.packed,
            *map(attribute, (s.up_name, s.down_name)),
            s.activation,
            s.inner_norm,
            s.transposed,
            s.carried,
        )
        for s in specs
    }
    if len(shapes) > 1 or len({s.carried for s in specs}) > 1:
        raise NotUnderstood("no idiom yet for feed-forward blocks that differ in more than their size", specs[0].source)
    spec = specs[0]
    first = attribute(spec.up_name, GATE_UP if spec.gated else UP)
    bias, down_bias = _bias([s.bias for s in specs]), _bias([s.down_bias for s in specs])
    call, activation = _activation(spec, frame.prefix)
    used = [bias.tree, down_bias.tree, activation]
    norm = {}
    if spec.inner_norm is not None:
        made = norm_call(spec.inner_norm[1], "intermediate_size", frame.prefix)
        norm = {"name": attribute(spec.inner_norm[0]), "call": made}
        used.append(spec.inner_norm[1].eps.tree)
    inside = [block.spec for block in inner if isinstance(block.spec, MlpSpec)]
    over = spec.carried
    statements, imports, _ = made_for([over] if over else [], frame.prefix)
    return Mlp(
        gated=spec.gated,
        fused=spec.gated and spec.activation.value in GATED_ACTIVATIONS,
        inner_name=GATE_UP if spec.gated and not spec.packed else first,
        down_name=attribute(spec.down_name, DOWN),
        activation_call=call,
        activation_name=attribute(spec.activation_name) if spec.activation_name else "act_fn",
        xielu=bool(spec.activation_name),
        bias=bias.code,
        down_bias=down_bias.code,
        inner_norm=norm,
        needs_config=any(map(keys, used))
        or bool(over and (over.needs_config or any("config." in s for s in statements))),
        carried=over.commented if over else (),
        carried_made=("self.config = config",) * bool(over and over.needs_config) + tuple(statements),
        imports=imports,
        gated_outside=any(block.gated for block in inner),
        bias_behind_shared=any(s.down_bias.value for s in inside),
    )


def _activation(spec: MlpSpec, prefix: str) -> tuple[str, Expression]:
    """Return how the activation is made, and the expression in that."""
    activation = str(spec.activation.value)
    if spec.carried is not None:
        return "", NONE
    if spec.activation_name:
        return f"{prefix}XIELU()", NONE
    if spec.gated and activation in GATED_ACTIVATIONS:
        return GATED_ACTIVATIONS[activation], NONE
    if activation not in PLAIN_ACTIVATIONS:
        raise NotUnderstood(f"no idiom yet for the activation {activation!r}", spec.source)
    return f"get_act_fn({spec.activation.code})", spec.activation.tree


def _bias(values: Sequence[Value]) -> Value:
    """Return a bias that is the same for all blocks of a class."""
    if len({value.tree for value in values}) > 1:
        raise NotUnderstood("no idiom yet for feed-forward blocks that differ in their biases")
    return values[0]
