"""The weight rules of plain and gated MLPs."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.carried.rules import carried_rules
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.weights.disk import Disk
from scaffold.weights.norm_rules import norm_rules
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope
from scaffold.weights.targets import DOWN, GATE_UP, UP, attribute, join
from scaffold.weights.transforms import Transpose

XIELU_SHAPES: dict[str, tuple[int, ...]] = {"alpha_p": (1,), "alpha_n": (1,), "beta": (), "eps": ()}


def rules(scope: Scope, spec: MlpSpec, hidden: int, disk: Disk) -> Iterator[Rule]:
    """Yield the rules of a block."""
    yield from rules_at(scope, spec, spec.name, attribute(spec.name, "mlp"), hidden)


def rules_at(scope: Scope, spec: MlpSpec, path: str, block: str, hidden: int) -> Iterator[Rule]:
    """Yield the rules of an MLP at ``path`` of the checkpoint, which is ``block`` in the adapter."""
    size = int(spec.intermediate_size.value)
    transforms = (Transpose(),) if spec.transposed else ()
    up, down = join(path, spec.up_name), join(path, spec.down_name)
    if not spec.gated:
        ours = join(block, attribute(spec.up_name, UP))
        shape = (hidden, size) if spec.transposed else (size, hidden)
        yield scope.column(f"{up}.weight", *shape, target=f"{ours}.weight", transforms=transforms)
        if spec.bias.value:
            yield scope.column(f"{up}.bias", size, target=f"{ours}.bias")
    elif spec.packed:
        ours = join(block, attribute(spec.up_name, GATE_UP))
        yield scope.packed_gate_up(f"{up}.weight", size, hidden, target=f"{ours}.weight")
        if spec.bias.value:
            yield scope.packed_gate_up(f"{up}.bias", size, target=f"{ours}.bias")
    else:
        inputs = [join(path, name) for name in (spec.gate_name, spec.up_name)]
        ours = join(block, GATE_UP)
        yield from scope.gate_up([f"{name}.weight" for name in inputs], f"{ours}.weight", size, hidden)
        if spec.bias.value:
            yield from scope.gate_up([f"{name}.bias" for name in inputs], f"{ours}.bias", size)
    ours = join(block, attribute(spec.down_name, DOWN))
    shape = (size, hidden) if spec.transposed else (hidden, size)
    yield scope.row(f"{down}.weight", *shape, target=f"{ours}.weight", transforms=transforms)
    if spec.down_bias.value:
        yield scope.whole(f"{down}.bias", hidden, target=f"{ours}.bias")
    if spec.activation_name:
        act, ours = join(path, spec.activation_name), join(block, attribute(spec.activation_name))
        for name, sizes in XIELU_SHAPES.items():
            yield scope.unscaled().whole(f"{act}.{name}", *sizes, target=f"{ours}.{name}")
    yield from carried_rules(scope, (spec.carried,) if spec.carried else (), path, block)
    if spec.inner_norm is not None:
        yield from norm_rules(scope, join(path, spec.inner_norm[0]), spec.inner_norm[1], size, block)
