"""What people read of an MLP."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.facts import Fact
from scaffold.feed_forwards.mlp.spec import MlpSpec
from scaffold.spec.facts import keys_of, source


def facts(spec: MlpSpec, which: str) -> Iterator[Fact]:
    """Yield its form and size."""
    yield mlp_fact(f"MLP{which}", spec)


def mlp_fact(name: str, spec: MlpSpec) -> Fact:
    """Return its form and size under a name."""
    kind = "gated" if spec.gated else "plain"
    kind += ", one layer for gate and up" if spec.gated and spec.packed else ""
    shown = f"{kind}, {spec.activation.value}, inner size {spec.intermediate_size.value}"
    shown += ", biases" if spec.bias.value or spec.down_bias.value else ""
    shown += f", norm {spec.inner_norm[1].form} inside" if spec.inner_norm else ""
    return Fact(name, shown, (source(spec.source), *keys_of(spec.intermediate_size), *keys_of(spec.activation)))
