"""The adapter of a model whose layers run more than once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from scaffold.planning.plan import Plan, make_plan
from scaffold.planning.request import Request
from tests.checkpoint.made import checkpoint
from tests.lab.engine import engine
from tests.models.remote.build import CONFIG, source
from tests.reading.test_runs import AGAIN, IN_A_ROW, NORMED
from tests.reading.test_runs import CONFIG as OWN
from tests.sampled import costly

HIDDEN, INNER, VOCAB = 64, 80, 96
LOOP = """
        for run in range(self.config.times):
            for layer in islice(self.layers, self.start_layer, self.end_layer):
                hidden_states = layer(positions, run, hidden_states)
            hidden_states = self.norm(hidden_states)
        return hidden_states
"""
IN_PLACE = """
        for layer in islice(self.layers, self.start_layer, self.end_layer):
            for run in range(2):
                hidden_states = layer(positions, run, hidden_states)
        return self.norm(hidden_states)
"""


def planned(tmp_path: Path, classes: str, more: Mapping[str, tuple[int, ...]]) -> Plan:
    """Return the plan of a model whose layers run again, with further tensors beside those of its layers."""
    held = {f"{name}.weight": (VOCAB, HIDDEN) for name in ("model.embed_tokens", "lm_head")}
    held |= {"model.norm.weight": (HIDDEN,), **more}
    for layer in range(CONFIG["num_hidden_layers"]):
        path = f"model.layers.{layer}."
        held |= {f"{path}self_attn.{name}_proj.weight": (HIDDEN, HIDDEN) for name in ("q", "k", "v", "o")}
        held |= {f"{path}{name}.weight": (HIDDEN,) for name in ("input_layernorm", "post_attention_layernorm")}
        held |= {f"{path}mlp.{name}_proj.weight": (INNER, HIDDEN) for name in ("gate", "up")}
        held[f"{path}mlp.down_proj.weight"] = (HIDDEN, INNER)
    directory = checkpoint(tmp_path / "vela", {name: ("F32", shape) for name, shape in held.items()})
    (directory / "config.json").write_text(json.dumps({**CONFIG, **OWN}))
    transformers = engine().transformers
    source(directory, transformers, classes=classes)
    where = {"placement": "plugin", "output": tmp_path / "plugin", "strategy": "native", "transformers": transformers}
    return make_plan(Request(directory, engine().pristine, None, **where))  # type: ignore[arg-type]


@costly
def test_each_run_keeps_keys_and_values_of_its_own(tmp_path: Path) -> None:
    gate = {"model.leave.weight": (1, HIDDEN), "model.leave.bias": (1,)}
    plan = planned(tmp_path, AGAIN.format(count="self.config.times", **NORMED), gate)
    text = plan.adapter
    assert text is not None
    assert LOOP in text
    assert "attn_output = self.attn[run](q, k, v)" in text
    assert 'prefix=f"{prefixes[run]}.attn",' in text
    assert "str(number + run * config.num_hidden_layers) if name.isdigit() else name" in text
    assert "attn_output = self.self_attn(positions, run, hidden_states)" in text
    facts = {fact.name: fact.value for fact in plan.spec.facts}
    assert facts["runs of the layers"] == "3"
    assert facts["without effect"].startswith("model.leave: no answer depends on it")


@costly
def test_each_layer_runs_again_before_the_next_one(tmp_path: Path) -> None:
    plan = planned(tmp_path, IN_A_ROW, {})
    assert plan.adapter is not None
    assert IN_PLACE in plan.adapter
    assert "            for run in range(2)\n        )" in plan.adapter
    facts = {fact.name: fact.value for fact in plan.spec.facts}
    assert facts["runs of each layer in a row"] == "2"
