"""A mixer that we made up, as a kind of its own: each token gets the mean of values over a window that ends with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.idioms.construct import construct_mixer
from scaffold.idioms.frame import Frame, Target
from scaffold.idioms.layers import present, same
from scaffold.idioms.written import Written
from scaffold.mixers.protocol import Example
from scaffold.probing.blocks import Block, definition, name_in
from scaffold.probing.numbers import explain
from scaffold.probing.numeric import same as same_numbers
from scaffold.probing.probe import NUM_TOKENS, Probe
from scaffold.probing.projections import input_of, linears, output_of
from scaffold.probing.values import size_value
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.torch.events import Event
from scaffold.spec.kept import Kept
from scaffold.spec.values import Value
from scaffold.weights.rules import Rule
from scaffold.weights.scope import Scope
from scaffold.weights.targets import attribute, join

NAME, CLASS, COMPUTED, RUNS_AGAIN, SEVERAL = "window mean", "WindowMean", (), False, False


@dataclass(frozen=True)
class Spec:
    name: str
    v_name: str
    o_name: str
    num_heads: Value
    width: Value
    window: Value
    source: str = field(default="", compare=False)


def mean(values: np.ndarray, window: int) -> np.ndarray:
    return np.stack([values[max(0, i + 1 - window) : i + 1].mean(axis=0) for i in range(NUM_TOKENS)])


def found(event: Event) -> tuple[Event, Event, int] | None:
    for v in linears(event):
        for o in linears(event):
            for window in range(2, NUM_TOKENS):
                if input_of(o).shape == output_of(v).shape and same_numbers(mean(output_of(v), window), input_of(o)):
                    return v, o, window
    return None


def reads(probe: Probe, event: Event) -> bool:
    return found(event) is not None


def read(probe: Probe, event: Event, name: str) -> Block[Spec]:
    parts = found(event)
    assert parts is not None
    v, o, size = parts
    window = explain(probe, float(size), is_size=True)
    if window is None:
        raise NotUnderstood(f"a window of {size} that no config key gives", definition(event))
    spec = Spec(
        name=name,
        v_name=name_in(event, v),
        o_name=name_in(event, o),
        num_heads=size_value(probe, "num_heads", probe.probe_value("num_heads")),
        width=size_value(probe, "hidden_size", output_of(v).shape[1]),
        window=replace(window, value=int(window.value)),
        source=definition(event),
    )
    return Block(spec, input_of(v), output_of(o))


def facts(spec: Spec, which: str, config: Mapping[str, Any]) -> Iterator[Fact]:
    yield Fact(f"mean{which}", f"over {spec.window.value} tokens", (Evidence("source", spec.source),))


def rules(scope: Scope, spec: Spec, hidden: int, target: Target) -> Iterator[Rule]:
    width, unit = int(spec.width.value), int(spec.width.value) // int(spec.num_heads.value)
    v, o = (join(spec.name, name) for name in (spec.v_name, spec.o_name))
    yield scope.column(f"{v}.weight", width, hidden, unit=unit)
    yield scope.row(f"{o}.weight", hidden, width, unit=unit)


def write(layers: Sequence[Spec | None], class_name: str, frame: Frame) -> Written:
    spec: Spec = same(present(layers), "their means", lambda layer: layer)
    hidden, width, heads = f"config.{frame.hidden_size}", spec.width.code, spec.num_heads.code
    text = f"""\
class {class_name}(nn.Module):
    def __init__(self, config, cache_config=None, quant_config=None, prefix: str = "") -> None:
        super().__init__()
        self.{spec.v_name} = ColumnParallelLinear(
            {hidden}, {width}, bias=False, quant_config=quant_config, prefix=f"{{prefix}}.{spec.v_name}"
        )
        self.{spec.o_name} = RowParallelLinear(
            {width}, {hidden}, bias=False, quant_config=quant_config, prefix=f"{{prefix}}.{spec.o_name}"
        )
        self.attn = Attention(
            {heads} // get_tensor_model_parallel_world_size(),
            {width} // {heads},
            1.0,
            cache_config=cache_config,
            quant_config=quant_config,
            per_layer_sliding_window={spec.window.code},
            prefix=f"{{prefix}}.attn",
        )

    def forward(self, positions: torch.Tensor, hidden_states: torch.Tensor) -> torch.Tensor:
        v, _ = self.{spec.v_name}(hidden_states)
        # Scores that are all the same: the softmax over the window is its mean.
        zeros = torch.zeros_like(v)
        output, _ = self.{spec.o_name}(self.attn(zeros, zeros, v))
        return output


"""
    imports = (
        "from vllm.model_executor.layers.attention import Attention",
        "from vllm.model_executor.layers.linear import (ColumnParallelLinear, RowParallelLinear,)",
    )
    return Written(text, construct_mixer(attribute(spec.name), class_name), imports)


def kept(spec: Spec) -> Kept:
    return Kept(spec.num_heads.value, 2 * spec.width.value // spec.num_heads.value, spec.window.value)


SOURCE = """\
class Mixer(nn.Module):
    def __init__(self, config, layer_idx):
        super().__init__()
        self.window = config.mean_window
        self.v_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)
        self.o_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(self, hidden_states, turn, mask):
        index = torch.arange(hidden_states.shape[1])
        seen = mask.eq(0) & (index[:, None] - index[None, :] < self.window)
        return self.o_proj(seen.float() @ self.v_proj(hidden_states) / seen.float().sum(-1, keepdim=True))
"""
WIDTHS = Value(4, "num_attention_heads"), Value(128, "hidden_size"), Value(6, "mean_window")
EXAMPLE = Example(SOURCE, {"mean_window": 6}, Spec("mixer", "v_proj", "o_proj", *WIDTHS), Kept(4, 2 * 32, 6))
