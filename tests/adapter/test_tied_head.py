"""Heads that are the embedding, by the config or by the source, and heads that the files have all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.checkpoint.made import checkpoint as made
from tests.lab.engine import VLLM, engine
from tests.lab.trees import vllm_tree
from tests.models.families import config_of, shapes_of, write
from tests.models.remote.build import CONFIG, source
from tests.sampled import costly


@costly
@pytest.mark.parametrize(("release", "told"), [("0.28.0", True), (VLLM, False)])
def test_the_loader_is_told_to_skip_it_where_it_has_to_be(tmp_path: Path, release: str, told: bool) -> None:
    """From vLLM 0.30 on it passes over such a head by itself."""
    tree = engine().pristine if release == VLLM else vllm_tree(release)
    shapes = {**shapes_of("qwen3"), "lm_head.weight": shapes_of("qwen3")["model.embed_tokens.weight"]}
    checkpoint = write(tmp_path / "tied", config_of("qwen3", tie_word_embeddings=True), shapes)
    plan = make_plan(
        Request(
            checkpoint, tree, None, "plugin", tmp_path / "plugin", strategy="native", transformers=engine().transformers
        )
    )
    assert plan.adapter is not None
    assert ('skip_prefixes=(["lm_head."]' in plan.adapter) is told


@costly
def test_a_switch_of_the_source_ties_where_the_config_denies_it(tmp_path: Path) -> None:
    hidden, inner, kv, vocab = (CONFIG["hidden_size"], CONFIG["intermediate_size"], 32, CONFIG["vocab_size"])
    held = {"model.embed_tokens.weight": (vocab, hidden), "model.norm.weight": (hidden,)}
    for layer in range(CONFIG["num_hidden_layers"]):
        path = f"model.layers.{layer}."
        rows = {"q": hidden, "k": kv, "v": kv, "o": hidden}
        held |= {f"{path}self_attn.{name}_proj.weight": (size, hidden) for name, size in rows.items()}
        held |= {f"{path}{name}.weight": (hidden,) for name in ("input_layernorm", "post_attention_layernorm")}
        held |= {f"{path}mlp.{name}_proj.weight": (inner, hidden) for name in ("gate", "up")}
        held[f"{path}mlp.down_proj.weight"] = (hidden, inner)
    directory = made(tmp_path / "vela", {name: ("F32", shape) for name, shape in held.items()})
    own = {**CONFIG, "tie_word_embeddings": False, "share_embedding": True}
    (directory / "config.json").write_text(json.dumps(own))
    transformers = engine().transformers
    found = source(directory, transformers, head="pass")
    logits = "logits = self.lm_head(hidden).float()"
    shared = "logits = F.linear(hidden, self.model.embed_tokens.weight if self.config.share_embedding else None)"
    text = found.file.path.read_text()
    assert logits in text
    found.file.path.write_text(text.replace(logits, shared))
    where = {"placement": "plugin", "output": tmp_path / "plugin", "strategy": "native", "transformers": transformers}
    plan = make_plan(Request(directory, engine().pristine, None, **where))  # type: ignore[arg-type]
    assert plan.adapter is not None
    assert "            self.lm_head = self.lm_head.tie_weights(self.model.embed_tokens)\n" in plan.adapter
    assert "if get_pp_group().is_first_rank or get_pp_group().is_last_rank:" in plan.adapter
    assert "config.tie_word_embeddings" not in plan.adapter
    facts = {fact.name: fact.value for fact in plan.spec.facts}
    assert facts["tied embeddings"] == "True"
