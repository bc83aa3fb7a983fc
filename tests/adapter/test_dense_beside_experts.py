"""The adapter of a model with a dense MLP beside experts in some of its layers."""

from __future__ import annotations

import json
from pathlib import Path

from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.checkpoint.made import checkpoint
from tests.lab.engine import engine
from tests.models.remote.build import CONFIG, source
from tests.reading.test_dense_beside_experts import BESIDE, EXPERTS
from tests.reading.test_dense_beside_experts import CONFIG as OWN
from tests.sampled import costly

HIDDEN, INNER, VOCAB = 64, 80, 96
INIT = """
        self.has_dense = (layer_idx + 1) % config.dense_beside_every == 0
        if self.has_dense:
            self.dense = VelaMLP(
                hidden_size=config.hidden_size,
                intermediate_size=config.intermediate_size,
                quant_config=quant_config,
                prefix=f"{prefix}.dense",
            )
"""
FORWARD = """
        if self.has_dense:
            residual = hidden_states
            hidden_states = self.input_layernorm(hidden_states)
            attn_output = self.self_attn(positions, hidden_states)
            middle_residual = residual + attn_output
            hidden_states = self.dense_norm(middle_residual)
            dense_output = self.dense(hidden_states)
            hidden_states = self.post_attention_layernorm(residual)
            hidden_states = self.moe(hidden_states)
            return middle_residual + dense_output + hidden_states
        residual = hidden_states
        hidden_states = self.input_layernorm(hidden_states)
        attn_output = self.self_attn(positions, hidden_states)
        residual = residual + attn_output
        hidden_states = self.post_attention_layernorm(residual)
        hidden_states = self.moe(hidden_states)
        return residual + hidden_states
"""


@costly
def test_layers_with_both_have_a_branch_of_their_own(tmp_path: Path) -> None:
    held = {f"{name}.weight": (VOCAB, HIDDEN) for name in ("model.embed_tokens", "lm_head")}
    held["model.norm.weight"] = (HIDDEN,)
    for layer in range(OWN["num_hidden_layers"]):
        path = f"model.layers.{layer}."
        held |= {f"{path}self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in ("q", "o")}
        held |= {f"{path}self_attn.{name}_proj.weight": (HIDDEN // 2, HIDDEN) for name in ("k", "v")}
        held |= {f"{path}{name}.weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")}
        held[f"{path}moe.gate.weight"] = (OWN["num_experts"], HIDDEN)
        blocks = [f"{path}moe.experts.{number}." for number in range(OWN["num_experts"])]
        if layer % 2:
            blocks.append(f"{path}dense.")
            held[f"{path}dense_norm.weight"] = (HIDDEN,)
        for block in blocks:
            held |= {f"{block}{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
            held[f"{block}down_proj.weight"] = (HIDDEN, INNER)
    directory = checkpoint(tmp_path / "vela", {name: ("F32", shape) for name, shape in held.items()})
    (directory / "config.json").write_text(json.dumps({**CONFIG, **OWN}))
    transformers = engine().transformers
    source(directory, transformers, classes=EXPERTS + BESIDE.format(beside="VelaMLP", taken="x"))
    where = {"placement": "plugin", "output": tmp_path / "plugin", "strategy": "native", "transformers": transformers}
    text = make_plan(Request(directory, engine().pristine, None, **where)).adapter  # type: ignore[arg-type]
    assert text is not None
    assert INIT in text
    assert FORWARD in text
