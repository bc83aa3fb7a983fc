"""Made-up models that mix forms: what they are, the proof of their weights, and the adapters made of them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.tables import read_table
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import Plan, make_plan
from scaffold.planning.request import Request
from scaffold.reading.from_source import read_from_source
from scaffold.source.locate import ModelingSource, find
from scaffold.spec.decoder import DecoderSpec
from scaffold.weights.prove import prove
from tests.models.mixed import CONFIGS, write_mixed
from tests.reading.flat import decoder_words, layer_kinds
from tests.sampled import costly, sampled

EXPECTED: dict[str, Any] = read_table(Path(__file__).parent / "mixed.yaml")


def read(directory: Path) -> tuple[Checkpoint, ModelingSource | None, DecoderSpec]:
    checkpoint = read_checkpoint(directory)
    found = find(checkpoint.architecture, checkpoint.model_type, dict(checkpoint.auto_map), directory, None)
    spec = read_from_source(checkpoint, found)
    assert spec.decoder is not None, spec.holes
    return checkpoint, found, spec.decoder


@pytest.mark.parametrize("name", sampled(CONFIGS, every=2))
def test_a_model_is_what_its_source_says_fact_by_fact(tmp_path: Path, name: str) -> None:
    _, _, spec = read(write_mixed(name, tmp_path / name))
    assert decoder_words(spec) == EXPECTED[name]["decoder"]
    kinds = [{"numbers": numbers, **words} for numbers, words in layer_kinds(spec)]
    stated = [{k: v for k, v in layer.items() if v is not None} for layer in EXPECTED[name]["layers"]]
    assert kinds == stated


ODD_SIZES: dict[str, dict[str, Any]] = {
    "lyra": {"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 32, "hidden_size": 80, "num_experts": 6},
    "orion": {"num_attention_heads": 8, "num_key_value_heads": 1, "hidden_size": 72, "attention_bias": False},
    "vega": {"n_embd": 96, "n_head": 8, "n_inner": 136, "n_positions": 33},
    "draco": {"n_heads": 8, "num_key_value_heads": 4, "head_dim": 20, "wide_head_dim": 28, "num_experts": 6},
}


@pytest.mark.parametrize("sizes", sampled(["usual", "odd"], every=2))
@pytest.mark.parametrize("name", sampled(CONFIGS, every=2))
def test_the_weights_are_proved_for_each_number_of_ranks(tmp_path: Path, name: str, sizes: str) -> None:
    checkpoint, source, spec = read(write_mixed(name, tmp_path / name, **(ODD_SIZES[name] if sizes == "odd" else {})))
    proof = prove(weight_map_of(spec, checkpoint, source), checkpoint.tensors, (1, 2, 4))
    assert proof.findings == ()
    assert (proof.routed, proof.ignored, proof.unrouted) == (len(checkpoint.tensors), 0, ())


@pytest.fixture(scope="module")
def planned(
    tmp_path_factory: pytest.TempPathFactory, vllm_source: Path, transformers_source: Path
) -> Callable[..., Plan]:
    @cache
    def plan(name: str, **changed: Any) -> Plan:
        folder = tmp_path_factory.mktemp(name)
        request = Request(
            checkpoint=write_mixed(name, folder / name, **changed),
            vllm=vllm_source,
            delivery=None,
            placement=PLUGIN.name,
            output=folder / "plugin",
            strategy="native",
            transformers=transformers_source,
        )
        return make_plan(request)

    return plan


def adapter_of(plan: Plan) -> str:
    (path,) = (path for path in plan.changes.paths if path.name == f"{plan.module}.py")
    text = plan.changes.read(path)
    assert text is not None
    return text


@pytest.mark.parametrize("name", sampled(CONFIGS, every=2))
def test_an_adapter_is_clean_under_the_trees_own_rules(
    planned: Callable[..., Plan], vllm_source: Path, name: str
) -> None:
    plan = planned(name)
    assert plan.proved is not None
    assert plan.proved.proof.holds
    text = adapter_of(plan)
    compile(text, f"{name}.py", "exec")
    for words in (("check",), ("format", "--check")):
        command = [sys.executable, "-m", "ruff", *words, "--quiet", "--no-cache", "--stdin-filename"]
        command += [f"vllm/model_executor/models/{name}.py", "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=vllm_source, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", sampled(CONFIGS, every=2))
def test_an_adapter_has_nothing_that_it_does_not_use(planned: Callable[..., Plan], name: str) -> None:
    """Each class and function is called or registered, and each attribute that is set is read."""
    tree = ast.parse(adapter_of(planned(name)))
    defined = {node.name for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert defined - used == {f"{name.title()}ForCausalLM"}
    stored, loaded = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
            (stored if isinstance(node.ctx, ast.Store) else loaded).add(node.attr)
    contract = {"config", "quant_config", "make_empty_intermediate_tensors"}  # vLLM reads these
    assert stored - loaded <= contract


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    sampled([
        ("lyra", ["GemmaRMSNorm", "logits_soft_cap=config.attn_logit_softcapping", 'config.layer_types[layer_idx] == "',
                  "if layer_idx >= config.first_k_dense_replace:", "torch.sigmoid(gate).unsqueeze(-1)",
                  "* (self.config.embedding_multiplier)", "groups = num_kv_heads"],
         ["is_neox_style", "sinks", "LyraConfig", "norm_over_ranks"]),
        ("orion", ["is_neox_style=False", "sinks=self.sinks", "norm_over_ranks(self.q_norm", "use_grouped_topk=True",
                   'ckpt_names=("w1", "w2", "w3")', "scale=1 / config.logits_scaling",
                   "* self.config.residual_multiplier", "self.use_rope = config.no_rope_layers[layer_idx]"],
         ["rearrange", "logits_soft_cap", "OrionConfig", "shared"]),
        ("vega", ["nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)", "self.wpe(positions + 2)",
                  "weight = weight.t()", "q, v, k = parts", "self.lm_head.bias",
                  "nn.Embedding(config.n_positions + 2, config.n_embd)"],
         ["get_rope", "RMSNorm", "VegaConfig", "FusedMoE"]),
        ("draco", ["self.v_norm = RMSNorm(self.head_dim, eps=config.rms_norm_eps, has_weight=False)",
                   "self.head_dim = config.per_layer_config[layer_idx].head_dim", "* self.last_factor",
                   "max=self.config.mix_config.clip_values", "weight.chunk(self.config.num_experts)",
                   'if config.layer_types[layer_idx] == "full_attention":', '".mix.attn.": ".attn."'],
         ['".mix.attn": ', "norm_over_ranks", "DracoConfig", "expert_mapping"]),
    ], every=2),
)  # fmt: skip
def test_an_adapter_has_what_the_model_needs_and_no_more(
    planned: Callable[..., Plan], name: str, has: list[str], lacks: list[str]
) -> None:
    text = adapter_of(planned(name))
    assert [word for word in has if word not in text] == []
    assert [word for word in lacks if word in text] == []


@costly
def test_a_switch_of_the_config_stays_one_in_the_adapter(planned: Callable[..., Plan]) -> None:
    for value in (True, False):
        text = adapter_of(planned("orion", attention_bias=value, norm_topk_prob=value))
        assert "bias=config.attention_bias" in text
        assert "renormalize=config.norm_topk_prob" in text
