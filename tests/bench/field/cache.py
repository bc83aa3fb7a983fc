"""How many bytes of KV cache a token takes, by a reading of the config object of our own: the tool is not asked.

Run by the engine's Python.
"""

ATTENDING = ("full_attention", "attention", "sliding_attention", "chunked_attention", "hybrid")
BYTES = 2
"""Of an entry: 16 bit, as vLLM loads configs of 32 bit, too."""


def bytes_per_token(raw: dict, config) -> int | None:
    """Return the bytes of all layers on one rank; None where this program does not know."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    said = raw["text_config"] if isinstance(raw.get("text_config"), dict) else raw

    def of(*names: str):
        for name in names:
            try:
                value = getattr(text, name, None)
            except Exception:  # "may vary across layers": what the file says
                value = said.get(name)
            if value is not None:
                return value
        return None

    kinds = list(of("layer_types") or ())
    layers = of("num_hidden_layers", "n_layer", "num_layers", "n_layers")
    heads = of("num_attention_heads", "n_head", "n_heads")
    kv_heads = of("num_key_value_heads", "num_kv_heads", "n_head_kv") or heads
    if raw.get("multi_query") and not raw.get("new_decoder_architecture"):
        kv_heads = 1
    kv_heads = getattr(of("attn_config"), "kv_n_heads", kv_heads)
    hidden = of("hidden_size", "n_embd", "d_model")
    size = of("head_dim", "attention_head_dim") or (hidden // heads if hidden and isinstance(heads, int) else None)
    model_type = str(getattr(text, "model_type", ""))
    if model_type.startswith("deepseek_v4"):
        return None
    if model_type.startswith("gemma4") and kinds:  # layers that share keep nothing; full ones have their own heads
        own = kinds[: layers - (said.get("num_kv_shared_layers") or 0)]
        wide = said.get("global_head_dim") or size
        few = (said.get("num_global_key_value_heads") if said.get("attention_k_eq_v") else None) or kv_heads
        full = own.count("full_attention")
        return (full * few * wide + (len(own) - full) * kv_heads * size) * 2 * BYTES
    if of("kv_lora_rank") and of("qk_rope_head_dim") is not None:
        attending = layers - sum("linear" in kind for kind in kinds)
        return attending * (of("kv_lora_rank") + of("qk_rope_head_dim")) * BYTES
    if not (isinstance(kv_heads, int) and isinstance(size, int) and layers):
        return None
    attending = sum(kind in ATTENDING for kind in kinds) if kinds else layers
    attending -= len(of("cross_attention_layers") or ())
    return attending * 2 * kv_heads * size * BYTES
