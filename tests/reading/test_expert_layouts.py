"""gpt-oss in bf16 lies ``[experts, in, out]``, also where inner and hidden size are the same and no shape tells."""

from __future__ import annotations

from pathlib import Path

from scaffold.checkpoint.quantization import read_quantization
from scaffold.checkpoint.read import read_checkpoint
from scaffold.mapping.proved import prove_weights
from scaffold.reading.of_checkpoint import read_model_of
from tests.checkpoint.made import checkpoint
from tests.disagreements.llama import CONFIG, LAYERS, Tensors
from tests.sampled import costly

HIDDEN, EXPERTS = 128, 4
GPT_OSS = {
    **CONFIG, "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "intermediate_size": HIDDEN,
    "num_local_experts": EXPERTS, "num_experts_per_tok": 2, "sliding_window": 16, "attention_bias": True,
    "layer_types": ["sliding_attention", "full_attention"], "swiglu_limit": 7.0,
    "rope_scaling": {"rope_type": "default", "rope_theta": 150000.0},
}  # fmt: skip


def tensors(packed: bool) -> Tensors:
    """Return the tensors, the experts in bf16 or in MXFP4."""
    held: Tensors = {"model.embed_tokens.weight": ("BF16", (512, HIDDEN)), "model.norm.weight": ("BF16", (HIDDEN,)),
                     "lm_head.weight": ("BF16", (512, HIDDEN))}  # fmt: skip
    for layer in range(LAYERS):
        path = f"model.layers.{layer}."
        for name, rows in (("q", 128), ("k", 64), ("v", 64), ("o", HIDDEN)):
            held[f"{path}self_attn.{name}_proj.weight"] = ("BF16", (rows, 128))
            held[f"{path}self_attn.{name}_proj.bias"] = ("BF16", (rows,))
        held[f"{path}self_attn.sinks"] = ("BF16", (4,))
        held |= {
            f"{path}{name}.weight": ("BF16", (HIDDEN,)) for name in ("input_layernorm", "post_attention_layernorm")
        }
        held[f"{path}mlp.router.weight"], held[f"{path}mlp.router.bias"] = (
            ("BF16", (EXPERTS, HIDDEN)),
            ("BF16", (EXPERTS,)),
        )
        experts = f"{path}mlp.experts."
        for name, out in (("gate_up_proj", 2 * HIDDEN), ("down_proj", HIDDEN)):
            held[f"{experts}{name}_bias"] = ("BF16", (EXPERTS, out))
            if packed:
                held[f"{experts}{name}_blocks"] = ("U8", (EXPERTS, out, HIDDEN // 32, 16))
                held[f"{experts}{name}_scales"] = ("U8", (EXPERTS, out, HIDDEN // 32))
            else:
                held[f"{experts}{name}"] = ("BF16", (EXPERTS, HIDDEN, out))
    return held


@costly
def test_bf16_experts_are_transposed_though_no_shape_tells(tmp_path: Path, transformers_source: Path) -> None:
    reading = read_model_of(read_checkpoint(checkpoint(tmp_path / "c", tensors(False), **GPT_OSS)), transformers_source)
    assert reading.spec.decoder is not None, reading.spec.holes
    proved = prove_weights(reading.spec.decoder, reading.checkpoint, reading.source)
    assert proved.proof.findings == ()
    down = next(rule for rule in proved.weight_map.rules if rule.source.endswith("experts.down_proj"))
    assert down.shape == (EXPERTS, HIDDEN, HIDDEN)
    assert "transpose" in down.transform_text()


def test_mxfp4_is_told_by_names_and_data_types(tmp_path: Path) -> None:
    read = read_checkpoint(checkpoint(tmp_path / "c", tensors(True), **GPT_OSS))
    found = read_quantization(read.path, read.config, read.text_config, read.weights.patterns)
    assert found is not None
    assert found.kind == "mxfp4"
    assert {part.pattern.rpartition(".")[2] for part in found.parts} == {"gate_up_proj_blocks", "down_proj_blocks"}
    plain = read_checkpoint(checkpoint(tmp_path / "plain", tensors(False), **GPT_OSS))
    assert read_quantization(plain.path, plain.config, plain.text_config, plain.weights.patterns) is None
