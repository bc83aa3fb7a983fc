"""Makes sparse checkpoints of published configs: ``make.py CONFIGS WORK [NAME…]``, one JSON line for each.

Run by the engine's Python. The model of a config is built on the meta device, in full size; the names, shapes and data
types that ``save_pretrained`` would write (transformers' own reversal) go into headers, and no data. A line says what
kind of decoder it is (`kinds.py`), by transformers' modules. A folder that is there already is not written again.
"""

import json
import math
import os
import re
import signal
import sys
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parent))

import torch
import transformers
from cache import bytes_per_token
from kinds import NOT_MADE, OTHER_MADE, kind_of, other_than_published
from layouts import ALIASES, quantised, with_draft_head
from transformers.core_model_loading import revert_weight_conversion
from transformers.models.auto import modeling_auto as auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

SECONDS = 240
"""For one model."""
SHARD = 40_000
"""Tensors of a file."""
BITS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "I64": 64, "I32": 32, "I8": 8, "U8": 8, "BOOL": 8}
DTYPES = {
    torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
    torch.uint8: "U8", torch.int8: "I8", torch.bool: "BOOL", torch.float64: "F64",
}  # fmt: skip
MAPPINGS = ("MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING", "MODEL_FOR_CAUSAL_LM_MAPPING", "MODEL_FOR_MULTIMODAL_LM_MAPPING")


def model_of(raw: dict):
    """Return transformers' model of a config, on the meta device, and the config object; None where it has none."""
    stated = json.loads(json.dumps(raw))
    for part in (stated, *(v for k, v in stated.items() if k.endswith("_config") and isinstance(v, dict))):
        part.pop("quantization_config", None)
        part.pop("auto_map", None)
    kind = ALIASES.get(stated.get("model_type"), stated.get("model_type"))
    if kind not in CONFIG_MAPPING:
        return None
    config = CONFIG_MAPPING[kind].from_dict(stated | {"model_type": kind})
    name = (raw.get("architectures") or [""])[0]
    cls = getattr(transformers, name, None) if name and not name.endswith("Model") else None
    tables = (getattr(auto, table, {}) for table in MAPPINGS)
    cls = cls or next((table[type(config)] for table in tables if type(config) in table), None)
    if cls is None:
        return None
    torch.set_default_dtype(_dtype(raw))
    try:
        with torch.device("meta"):
            return cls(config), config
    finally:
        torch.set_default_dtype(torch.float32)


def _dtype(raw: dict):
    text = raw.get("text_config") or {}
    said = next((part[key] for part in (raw, text) for key in ("dtype", "torch_dtype") if part.get(key)), "bfloat16")
    return {"float16": torch.float16, "float32": torch.float32}.get(str(said), torch.bfloat16)


def tensors_of(model) -> dict:
    """Return name → (dtype, shape) as ``save_pretrained`` would write them, with the hub's names of vision towers."""
    model.tie_weights()
    shared: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        shared.setdefault(id(parameter), []).append(name)
    tied = list(getattr(model, "_tied_weights_keys", None) or ())
    drop = set()
    for names in shared.values():
        kept = next((n for n in names if not any(re.search(t, n) for t in tied)), names[0])
        drop |= set(names) - {kept}
    unsaved = getattr(model, "_keys_to_ignore_on_save", None) or ()
    state = model.state_dict().items()
    state = {k: v for k, v in state if k not in drop and not any(re.search(i, k) for i in unsaved)}
    wide = {
        *(getattr(model, "_keep_in_fp32_modules_strict", None) or ()),
        *(getattr(model, "_keep_in_fp32_modules", None) or ()),
    }
    out = {}
    for name, value in revert_weight_conversion(model, state).items():
        tensor = value[0] if isinstance(value, (list, tuple)) else value
        is_wide = any(part in name.split(".") for part in ("e_score_correction_bias", *wide))
        dtype = DTYPES.get(tensor.dtype, "BF16")
        out[name] = ("F32" if is_wide and dtype in ("BF16", "F16") else dtype, tuple(tensor.shape))
    tower = re.compile(r"^(model\.)?vision_tower\.(?=encoder\.layers|embeddings\.|post_layernorm|pre_layrnorm|head\.)")
    out = {tower.sub(lambda m: f"{m[0]}vision_model.", k): v for k, v in out.items()}
    return {k.replace(".model.model.", ".model."): v for k, v in out.items()}  # some reversals double the prefix


def write(folder: Path, raw: dict, out: dict) -> None:
    """Write a sparse checkpoint: headers, and files as long as they say."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(out)
    parts = [names[i : i + SHARD] for i in range(0, len(names), SHARD)]
    index = {}
    for number, part in enumerate(parts, 1):
        file = "model.safetensors" if len(parts) == 1 else f"model-{number:05d}-of-{len(parts):05d}.safetensors"
        header, end = {}, 0
        for name in part:
            dtype, shape = out[name]
            begin, end = end, end + BITS[dtype] // 8 * math.prod(shape)
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
            index[name] = file
        blob = json.dumps(header).encode()
        blob += b" " * (-len(blob) % 8)
        with (folder / file).open("wb") as stream:
            stream.write(len(blob).to_bytes(8, "little") + blob)
            stream.truncate(8 + len(blob) + end)
    if len(parts) > 1:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    (folder / "config.json").write_text(json.dumps(raw, indent=2))


def make(path: Path, work: Path) -> dict:
    """Make one, and return what its line says."""
    raw, folder = json.loads(path.read_text()), work / path.stem
    text = raw["text_config"] if isinstance(raw.get("text_config"), dict) else raw
    made = model_of(raw)
    kind, notes, cache = NOT_MADE, [], None
    if made is None:  # only that config.json can be read is measured
        rows, columns = text.get("vocab_size"), text.get("hidden_size") or text.get("n_embd") or text.get("d_model")
        out = {"model.embed_tokens.weight": ("BF16", (rows or 32000, columns or 1024))}
    else:
        model, config = made
        other = other_than_published(raw, config)
        kind, cache = (OTHER_MADE, None) if other else (kind_of(model, config), bytes_per_token(raw, config))
        notes += [other] if other else []
        out = with_draft_head(tensors_of(model), raw)
        layout = quantised(out, raw)
        notes += [] if layout is not None else ["its quantisation's layout is not known here: weights as without it"]
        out = layout or out
    if not (folder / "config.json").is_file():
        write(folder, raw, out)
    said = {"name": path.stem, "model_type": raw.get("model_type"), "kind": kind, "cache": cache, "notes": notes}
    return said | {"tensors": len(out)}


def main() -> None:
    """Make those that are named, or all."""
    configs, work, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError(f"more than {SECONDS} s")))
    for path in sorted(configs.glob("*.json")):
        if names and path.stem not in names:
            continue
        signal.alarm(SECONDS)
        try:
            line = make(path, work)
        except Exception as error:  # what transformers does with an odd config is not this program's matter
            line = {"name": path.stem, "kind": NOT_MADE, "notes": [f"{type(error).__name__}: {error}"[:300]]}
            write(
                work / path.stem, json.loads(path.read_text()), {"model.embed_tokens.weight": ("BF16", (32000, 1024))}
            )
        finally:
            signal.alarm(0)
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
