"""Rules of ten models, written by hand as a user would: each from its config alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scaffold.weights import Heads, Offset, Scope, Transpose, Ungroup, WeightMap

Config = Mapping[str, Any]


def parts(path: str, ending: str = "weight", names: str = "qkv") -> list[str]:
    return [f"{path}.{name}_proj.{ending}" for name in names]


def llama_like(config: Config, *, qk_norm: str = "", norms: tuple[str, ...] = (), offset: bool = False,
               mlp: bool = True) -> list[Any]:  # fmt: skip
    """Return what Llama's descendants share."""
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    size = config.get("head_dim") or hidden // config["num_attention_heads"]
    heads = Heads(config["num_attention_heads"], config["num_key_value_heads"], size)
    layers = {"layer": range(config["num_hidden_layers"])}
    model, layer = Scope(), Scope("model.layers.{layer}.", ranges=layers)
    plus_one = (Offset(1.0),) if offset else ()
    rules = [
        model.vocabulary("model.embed_tokens.weight", vocab, hidden),
        model.whole("model.norm.weight", hidden, transforms=plus_one),
        model.tied("lm_head.weight", "model.embed_tokens.weight")
        if config["tie_word_embeddings"]
        else model.vocabulary("lm_head.weight", vocab, hidden),
        *layer.qkv(parts("self_attn"), "self_attn.qkv_proj.weight", heads, hidden),
        layer.row("self_attn.o_proj.weight", hidden, heads.heads * size, unit=size),
    ]
    for name in norms or ("input_layernorm", "post_attention_layernorm"):
        rules.append(layer.whole(f"{name}.weight", hidden, transforms=plus_one))
    if qk_norm == "head":
        rules += [layer.whole(f"self_attn.{part}_norm.weight", size) for part in "qk"]
    if qk_norm == "all":
        rules.append(layer.column("self_attn.q_norm.weight", heads.heads * size, unit=size))
        rules.append(layer.key_heads("self_attn.k_norm.weight", heads))
    if mlp:
        inner = config["intermediate_size"]
        gate_up = ["mlp.gate_proj.weight", "mlp.up_proj.weight"]
        rules += layer.gate_up(gate_up, "mlp.gate_up_proj.weight", inner, hidden)
        rules.append(layer.row("mlp.down_proj.weight", hidden, inner))
    return rules


def qwen3(config: Config) -> WeightMap:
    return WeightMap(tuple(llama_like(config, qk_norm="head")))


def gemma2(config: Config) -> WeightMap:
    norms = ("input", "post_attention", "pre_feedforward", "post_feedforward")
    return WeightMap(tuple(llama_like(config, norms=tuple(f"{name}_layernorm" for name in norms), offset=True)))


def gpt2(config: Config) -> WeightMap:
    hidden, layers = config["n_embd"], {"layer": range(config["n_layer"])}
    heads = Heads(config["n_head"], config["n_head"], hidden // config["n_head"])
    model, layer = Scope("transformer."), Scope("transformer.h.{layer}.", ranges=layers)
    conv = (Transpose(),)
    rules = [
        model.vocabulary("wte.weight", config["vocab_size"], hidden),
        model.whole("wpe.weight", config["n_positions"], hidden),
        layer.packed_qkv("attn.c_attn.weight", heads, hidden, transforms=conv),
        layer.packed_qkv("attn.c_attn.bias", heads),
        layer.row("attn.c_proj.weight", hidden, hidden, transforms=conv),
        layer.whole("attn.c_proj.bias", hidden),
        layer.column("mlp.c_fc.weight", hidden, 4 * hidden, transforms=conv),
        layer.column("mlp.c_fc.bias", 4 * hidden),
        layer.row("mlp.c_proj.weight", 4 * hidden, hidden, transforms=conv),
        layer.whole("mlp.c_proj.bias", hidden),
        layer.ignored("attn.bias", "the causal mask, which vLLM does not need"),
        Scope().tied("lm_head.weight", "transformer.wte.weight"),
    ]
    for scope, name in ((model, "ln_f"), (layer, "ln_1"), (layer, "ln_2")):
        rules += [scope.whole(f"{name}.{end}", hidden) for end in ("weight", "bias")]
    return WeightMap(tuple(rules))


def interleaved(config: Config, head_count: int, layer: Scope, attention: str) -> list[Any]:
    """Return the block that GPT-NeoX and Bloom share: q, k and v alternate head by head."""
    hidden, inner = config["hidden_size"], config.get("intermediate_size") or 4 * config["hidden_size"]
    heads, order = Heads(head_count, head_count, hidden // head_count), (Ungroup(head_count, (1, 1, 1)),)
    rules = [
        layer.packed_qkv(f"{attention}.query_key_value.weight", heads, hidden, transforms=order),
        layer.packed_qkv(f"{attention}.query_key_value.bias", heads, transforms=order),
        layer.row(f"{attention}.dense.weight", hidden, hidden, unit=hidden // head_count),
        layer.whole(f"{attention}.dense.bias", hidden),
        layer.column("mlp.dense_h_to_4h.weight", inner, hidden),
        layer.column("mlp.dense_h_to_4h.bias", inner),
        layer.row("mlp.dense_4h_to_h.weight", hidden, inner),
        layer.whole("mlp.dense_4h_to_h.bias", hidden),
    ]
    for name in ("input_layernorm", "post_attention_layernorm"):
        rules += [layer.whole(f"{name}.{end}", hidden) for end in ("weight", "bias")]
    return rules


def gpt_neox(config: Config) -> WeightMap:
    hidden, vocab = config["hidden_size"], config["vocab_size"]
    model = Scope()
    layer = Scope("gpt_neox.layers.{layer}.", ranges={"layer": range(config["num_hidden_layers"])})
    rules = [
        model.vocabulary("gpt_neox.embed_in.weight", vocab, hidden),
        model.vocabulary("embed_out.weight", vocab, hidden),
        *(model.whole(f"gpt_neox.final_layer_norm.{end}", hidden) for end in ("weight", "bias")),
        *interleaved(config, config["num_attention_heads"], layer, "attention"),
        layer.ignored("attention.rotary_emb.inv_freq", "a table that vLLM computes itself", is_computed=True),
        layer.ignored("attention.bias", "the causal mask, which vLLM does not need"),
        layer.ignored("attention.masked_bias", "the causal mask, which vLLM does not need"),
    ]
    return WeightMap(tuple(rules))


def bloom(config: Config) -> WeightMap:
    hidden = config["hidden_size"]
    model = Scope("transformer.")
    layer = Scope("transformer.h.{layer}.", ranges={"layer": range(config["n_layer"])})
    rules = [
        model.vocabulary("word_embeddings.weight", config["vocab_size"], hidden),
        *(model.whole(f"{n}.{e}", hidden) for n in ("word_embeddings_layernorm", "ln_f") for e in ("weight", "bias")),
        *interleaved(config, config["n_head"], layer, "self_attention"),
        Scope().tied("lm_head.weight", "transformer.word_embeddings.weight"),
    ]
    return WeightMap(tuple(rules))


def phi3(config: Config) -> WeightMap:
    hidden, vocab, inner = config["hidden_size"], config["vocab_size"], config["intermediate_size"]
    size = hidden // config["num_attention_heads"]
    heads = Heads(config["num_attention_heads"], config["num_key_value_heads"], size)
    model = Scope()
    layer = Scope("model.layers.{layer}.", ranges={"layer": range(config["num_hidden_layers"])})
    rules = [
        model.vocabulary("model.embed_tokens.weight", vocab, hidden),
        model.vocabulary("lm_head.weight", vocab, hidden),
        model.whole("model.norm.weight", hidden),
        layer.packed_qkv("self_attn.qkv_proj.weight", heads, hidden),
        layer.row("self_attn.o_proj.weight", hidden, hidden, unit=size),
        layer.packed_gate_up("mlp.gate_up_proj.weight", inner, hidden),
        layer.row("mlp.down_proj.weight", hidden, inner),
        *(layer.whole(f"{name}_layernorm.weight", hidden) for name in ("input", "post_attention")),
    ]
    return WeightMap(tuple(rules))


def mixtral(config: Config) -> WeightMap:
    hidden, count = config["hidden_size"], config["num_local_experts"]
    layer = Scope("model.layers.{layer}.", ranges={"layer": range(config["num_hidden_layers"])})
    block = "block_sparse_moe"
    names = [f"{block}.experts.{{expert}}.{name}.weight" for name in ("w1", "w3", "w2")]
    targets = [f"{block}.experts.{name}_weight" for name in ("w13", "w2")]
    rules = [
        *llama_like(config, mlp=False),
        layer.whole(f"{block}.gate.weight", count, hidden),
        *layer.experts(names, targets, count, config["intermediate_size"], hidden),
    ]
    return WeightMap(tuple(rules))


def olmoe(config: Config) -> WeightMap:
    hidden, count = config["hidden_size"], config["num_experts"]
    layer = Scope("model.layers.{layer}.", ranges={"layer": range(config["num_hidden_layers"])})
    names = [f"mlp.experts.{{expert}}.{name}_proj.weight" for name in ("gate", "up", "down")]
    targets = [f"mlp.experts.{name}_weight" for name in ("w13", "w2")]
    rules = [
        *llama_like(config, qk_norm="all", mlp=False),
        layer.whole("mlp.gate.weight", count, hidden),
        *layer.experts(names, targets, count, config["intermediate_size"], hidden),
    ]
    return WeightMap(tuple(rules))


def gpt_oss(config: Config) -> WeightMap:
    hidden, inner, count = config["hidden_size"], config["intermediate_size"], config["num_local_experts"]
    heads = Heads(config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"])
    layer = Scope("model.layers.{layer}.", ranges={"layer": range(config["num_hidden_layers"])})
    gate_up, down = "mlp.experts.gate_up_proj", "mlp.experts.down_proj"
    w13, w2 = "mlp.experts.w13_", "mlp.experts.w2_"
    rules = [
        *llama_like(config, mlp=False),
        *layer.qkv(parts("self_attn", "bias"), "self_attn.qkv_proj.bias", heads),
        layer.whole("self_attn.o_proj.bias", hidden),
        layer.column("self_attn.sinks", heads.heads),
        layer.whole("mlp.router.weight", count, hidden),
        layer.whole("mlp.router.bias", count),
        layer.stacked_gate_up(gate_up, f"{w13}weight", count, inner, hidden, transposed=True, alternating=True),
        layer.stacked_gate_up(f"{gate_up}_bias", f"{w13}bias", count, inner, alternating=True),
        layer.stacked_down(down, f"{w2}weight", count, inner, hidden, transposed=True),
        layer.whole(f"{down}_bias", count, hidden, target=f"{w2}bias"),
    ]
    return WeightMap(tuple(rules))


def deepseek_v3_fp8(config: Config) -> WeightMap:
    hidden, vocab, count = config["hidden_size"], config["vocab_size"], config["num_hidden_layers"]
    dense, experts = config["first_k_dense_replace"], config["n_routed_experts"]
    block = tuple(config["quantization_config"]["weight_block_size"])
    scale = ("weight_scale_inv", block)
    heads, rope = config["num_attention_heads"], config["qk_rope_head_dim"]
    query, value = config["qk_nope_head_dim"] + rope, config["v_head_dim"]
    ranks = {"q": config["q_lora_rank"], "kv": config["kv_lora_rank"]}
    model = Scope()

    def layers(numbers: range, scaled: bool = True) -> Scope:
        return Scope("model.layers.{layer}.", ranges={"layer": numbers}, scale=scale if scaled else None)

    every, plain = layers(range(count)), layers(range(count), scaled=False)
    first, sparse = layers(range(dense)), layers(range(dense, count))
    key_value = config["qk_nope_head_dim"] + value
    names = [f"mlp.experts.{{expert}}.{name}_proj.weight" for name in ("gate", "up", "down")]
    inner = config["moe_intermediate_size"]
    rules = [
        model.vocabulary("model.embed_tokens.weight", vocab, hidden),
        model.vocabulary("lm_head.weight", vocab, hidden),
        model.whole("model.norm.weight", hidden),
        *(plain.whole(f"{name}_layernorm.weight", hidden) for name in ("input", "post_attention")),
        *(plain.whole(f"self_attn.{name}_a_layernorm.weight", rank) for name, rank in ranks.items()),
        every.whole("self_attn.q_a_proj.weight", ranks["q"], hidden),
        every.whole("self_attn.kv_a_proj_with_mqa.weight", ranks["kv"] + rope, hidden),
        every.column("self_attn.q_b_proj.weight", heads * query, ranks["q"], unit=query),
        every.column("self_attn.kv_b_proj.weight", heads * key_value, ranks["kv"], unit=key_value),
        every.row("self_attn.o_proj.weight", hidden, heads * value, unit=value),
        layers(range(dense, count), scaled=False).whole("mlp.gate.weight", experts, hidden),
        layers(range(dense, count), scaled=False).whole("mlp.gate.e_score_correction_bias", experts),
        *sparse.experts(names, ("mlp.experts.w13_weight", "mlp.experts.w2_weight"), experts, inner, hidden),
        Scope("model.layers.{layer}.", ranges={"layer": range(count, count + 1)}).ignored(
            "{rest}", "multi-token prediction, which is not served"
        ),
    ]
    shared = inner * config["n_shared_experts"]
    for scope, path, size in ((first, "mlp", config["intermediate_size"]), (sparse, "mlp.shared_experts", shared)):
        gate_up = [f"{path}.{name}_proj.weight" for name in ("gate", "up")]
        rules += scope.gate_up(gate_up, f"{path}.gate_up_proj.weight", size, hidden)
        rules.append(scope.row(f"{path}.down_proj.weight", hidden, size))
    return WeightMap(tuple(rules))


MODELS: dict[str, Callable[[Config], WeightMap]] = {
    "qwen3": qwen3,
    "gemma2": gemma2,
    "gpt2": gpt2,
    "gpt-neox": gpt_neox,
    "phi3": phi3,
    "mixtral": mixtral,
    "gpt-oss": gpt_oss,
    "deepseek-v3-fp8": deepseek_v3_fp8,
    "bloom": bloom,
    "olmoe": olmoe,
}
"""Row of tests/lab/checkpoints.yaml → its rules."""
