"""What kind of decoder a model is, by its config and transformers' modules: the tool is not asked.

Run by the engine's Python.
"""

import re

ATTENDING = {"full_attention", "sliding_attention", "attention", "global", "local"}
"""Words of ``layer_types`` for softmax attention over all tokens or a window."""
OTHER_MIXERS = re.compile(r"mamba|delta|shortconv|linearattention|recurrent|lightning|rwkv|hyena", re.IGNORECASE)
INDEXED = re.compile(r"index(er|ed)|compress", re.IGNORECASE)
CROSS = re.compile(r"cross_?att", re.IGNORECASE)
EXPERTS = re.compile(r"experts|sparsemoe|moeblock|moemlp|\bmoe\b", re.IGNORECASE)

DENSE, WITH_EXPERTS, LATENT = "dense", "experts", "latent"
DECODERS = (DENSE, WITH_EXPERTS, LATENT)
"""The kinds that are attention decoders of the ordinary sort."""
NOT_MADE = "not in transformers"
OTHER_MADE = "transformers makes another model of it"
SIZES = (
    "hidden_size",
    "vocab_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
    "rms_norm_eps",
)


def other_than_published(raw: dict, config) -> str:
    """Return a key of a flat config that the text config does not have, which a class then makes of its defaults."""
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    if text is config or any(isinstance(value, dict) and key.endswith("_config") for key, value in raw.items()):
        return ""
    differ = [key for key in SIZES if raw.get(key) is not None and getattr(text, key, raw[key]) != raw[key]]
    return f"{differ[0]} is {raw[differ[0]]} in the file and {getattr(text, differ[0])} in the model" if differ else ""


def kind_of(model, config) -> str:
    """Return the kind of a model's text decoder.

    Args:
        model: transformers' model, on the meta device.
        config: its config.
    """
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    words = set(getattr(text, "layer_types", None) or ())
    layers = decoder_layers(model, text)
    names = {type(module).__name__ for layer in layers for module in layer.modules()}
    paths = {name for layer in layers for name, _ in layer.named_modules()}
    if words - ATTENDING - {"chunked_attention"} - {w for w in words if INDEXED.search(w)} or _any(OTHER_MIXERS, names):
        return "linear attention, state space or convolution"
    if any(INDEXED.search(w) for w in words) or _any(INDEXED, names) or _any(INDEXED, paths):
        return "sparse attention with an indexer"
    if "chunked_attention" in words or getattr(text, "attention_chunk_size", None):
        return "chunked attention"
    if getattr(text, "num_kv_shared_layers", None):
        return "shared KV"
    if _any(CROSS, paths) or _any(CROSS, names):
        return "cross attention"
    if getattr(text, "kv_lora_rank", None):
        return LATENT
    return WITH_EXPERTS if _any(EXPERTS, names) or _any(EXPERTS, paths) else DENSE


def decoder_layers(model, text) -> list:
    """Return the modules of the first list that is as long as the text config says there are layers."""
    import torch

    count = next((getattr(text, n) for n in ("num_hidden_layers", "n_layer", "n_layers") if getattr(text, n, None)), 0)
    lists = [(name, one) for name, one in model.named_modules() if isinstance(one, torch.nn.ModuleList)]
    fitting = [(name, one) for name, one in lists if len(one) == count and not re.search("vision|visual|audio", name)]
    return list(fitting[0][1]) if fitting else [model]


def _any(pattern, words) -> bool:
    return any(pattern.search(word) for word in words)
