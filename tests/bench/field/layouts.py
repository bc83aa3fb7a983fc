"""What published checkpoints have beside the plain tensors of a model: draft layers, and the layouts of quantisations.

Run by the engine's Python. A layout takes name → (dtype, shape) and returns the same, or None where it is not known.
"""

import fnmatch
import re

ALIASES = {"kimi_k2": "deepseek_v3"}
"""Model types that transformers does not know → those that they are read as."""
PLAIN = re.compile(
    r"(embed|lm_head|norm|\.gate\.weight$|shared_expert_gate|router|conv1d|weights_proj|eh_proj|shared_head|visual|vision"
    r"|patch|projector|mtp\.fc|in_proj_(a|b|ba)\b|A_log|dt_bias|position|\.compressor|hc_|indexer\.k_norm)"
)
"""Weights that no published quantisation touches."""
WITH_DRAFT_LAYER = ("deepseek_v3", "deepseek_v32", "glm4_moe", "glm4_moe_lite", "glm_moe_dsa")
WITH_MTP_MODULE = ("qwen3_next", "qwen3_5", "qwen3_5_moe")


def with_draft_head(out: dict, raw: dict) -> dict:
    """Return the tensors with those of multi-token prediction, where the model type is published with them."""
    kind = ALIASES.get(raw.get("model_type"), raw.get("model_type"))
    text = raw.get("text_config") or raw
    layers, hidden = text.get("num_hidden_layers"), text.get("hidden_size")
    if kind in WITH_DRAFT_LAYER and text.get("num_nextn_predict_layers"):
        last, place = f"model.layers.{layers - 1}.", f"model.layers.{layers}."
        embedding = out["model.embed_tokens.weight"]
        own = {"eh_proj": (hidden, 2 * hidden), "enorm": (hidden,), "hnorm": (hidden,), "shared_head.norm": (hidden,)}
        own |= {"embed_tokens": embedding[1], "shared_head.head": embedding[1]}
        copied = {place + k[len(last) :]: v for k, v in out.items() if k.startswith(last)}
        return out | copied | {f"{place}{name}.weight": (embedding[0], shape) for name, shape in own.items()}
    if kind in WITH_MTP_MODULE and (kind == "qwen3_next" or text.get("mtp_num_hidden_layers")):
        lists = (re.match(r"(.*(?:language_model|model)\.layers\.)\d+\.", k) for k in out if "visual" not in k)
        last = f"{next(found[1] for found in lists if found)}{layers - 1}."
        dtype = next(v[0] for k, v in out.items() if k.endswith("embed_tokens.weight"))
        own = {"fc": (hidden, 2 * hidden), "norm": (hidden,)}
        own |= dict.fromkeys(("pre_fc_norm_embedding", "pre_fc_norm_hidden"), (hidden,))
        copied = {"mtp.layers.0." + k[len(last) :]: v for k, v in out.items() if k.startswith(last)}
        return out | copied | {f"mtp.{name}.weight": (dtype, shape) for name, shape in own.items()}
    return out


def quantised(out: dict, raw: dict) -> dict | None:
    """Return the tensors as they lie with the config's quantisation; None if its layout is not known."""
    q = raw.get("quantization_config") or (raw.get("text_config") or {}).get("quantization_config")
    if not q:
        return out
    method = q.get("quant_method")
    stacked = [k for k, v in out.items() if len(v[1]) == 3 and "expert" in k]
    if method == "mxfp4" and raw.get("model_type") == "gpt_oss":
        return _mxfp4(out)
    if stacked or raw.get("model_type") == "deepseek_v4":
        return None
    skip = [
        p for key in ("modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules") for p in q.get(key) or ()
    ]
    linear = [k for k, v in out.items() if k.endswith(".weight") and len(v[1]) == 2]
    linear = [k for k in linear if not PLAIN.search(k) and not _excluded(k.rpartition(".")[0], skip)]
    new = dict(out)
    for name in linear:
        made = _one(method, q, name.removesuffix("weight"), *out[name])
        if made is None:
            return None
        del new[name]
        new |= made
    return new


def _one(method: str | None, q: dict, p: str, dtype: str, shape: tuple) -> dict | None:
    """Return the tensors of one linear layer, whose names begin with ``p``."""
    rows, columns = shape
    if method == "fp8" and q.get("weight_block_size"):
        a, b = q["weight_block_size"]
        scale = ("F32", (-(-rows // a), -(-columns // b)))
        return {f"{p}weight": ("F8_E4M3", shape), f"{p}weight_scale_inv": scale}
    if method == "fp8":
        static = {f"{p}activation_scale": ("BF16", ())} if q.get("activation_scheme") == "static" else {}
        return {f"{p}weight": ("F8_E4M3", shape), f"{p}weight_scale_inv": ("BF16", ())} | static
    if method == "fbgemm_fp8":
        return {f"{p}weight": ("F8_E4M3", shape), f"{p}weight_scale": ("F32", (rows, 1))}
    if method == "awq":
        group, packed = q["group_size"], rows * q["bits"] // 32
        return {
            f"{p}qweight": ("I32", (columns, packed)),
            f"{p}qzeros": ("I32", (columns // group, packed)),
            f"{p}scales": ("F16", (columns // group, rows)),
        }
    if method == "gptq":
        group, bits = q["group_size"], q["bits"]
        groups = columns // group if group > 0 else 1
        return {
            f"{p}qweight": ("I32", (columns * bits // 32, rows)),
            f"{p}qzeros": ("I32", (groups, rows * bits // 32)),
            f"{p}scales": ("F16", (groups, rows)),
            f"{p}g_idx": ("I32", (columns,)),
        }
    if method == "compressed-tensors":
        return _compressed(q, p, shape)
    if method == "modelopt" and "NVFP4" in str(q.get("quant_algo") or q.get("config_groups") or ""):
        return {
            f"{p}weight": ("U8", (rows, columns // 2)),
            f"{p}weight_scale": ("F8_E4M3", (rows, columns // 16)),
            f"{p}weight_scale_2": ("F32", ()),
            f"{p}input_scale": ("F32", ()),
        }
    return None


def _compressed(q: dict, p: str, shape: tuple) -> dict | None:
    rows, columns = shape
    groups = list((q.get("config_groups") or {}).values())
    w = (groups[0].get("weights") if len(groups) == 1 else None) or {}
    if q.get("format") == "pack-quantized" and w.get("strategy") == "group":
        packed, scales = (rows, columns * w["num_bits"] // 32), (rows, columns // w["group_size"])
        return {
            f"{p}weight_packed": ("I32", packed),
            f"{p}weight_scale": ("BF16", scales),
            f"{p}weight_shape": ("I64", (2,)),
        }
    if w.get("num_bits") == 8 and w.get("strategy") in ("channel", "tensor"):
        made = {f"{p}weight": ("I8" if w.get("type") == "int" else "F8_E4M3", shape)}
        made[f"{p}weight_scale"] = ("BF16", (rows, 1) if w["strategy"] == "channel" else (1,))
        inputs = groups[0].get("input_activations")
        return made | ({f"{p}input_scale": ("BF16", (1,))} if inputs and not inputs.get("dynamic", True) else {})
    return None


def _mxfp4(out: dict) -> dict:
    new = {}
    for name, (dtype, shape) in out.items():
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            experts, columns, rows = shape  # on disk: [experts, out, in / 32, 16]
            new[f"{name}_blocks"] = ("U8", (experts, rows, columns // 32, 16))
            new[f"{name}_scales"] = ("U8", (experts, rows, columns // 32))
        else:
            new[name] = (dtype, shape)
    return new


def _excluded(module: str, patterns: list) -> bool:
    for pattern in patterns:
        if pattern.startswith("re:"):
            if re.match(pattern[3:], module):
                return True
        elif "*" in pattern:
            if any(fnmatch.fnmatch(module, p) for p in (pattern, f"model.{pattern}")):
                return True
        elif f".{pattern}." in f".{module}.":
            return True
    return False
