"""How a checkpoint's weights are quantised: what its config says, and what its tensors show.

The config names the method, the tensors prove it: each method leaves tensors of its own beside or in place of a weight.
If the two disagree, that is reported. Only names, data types and shapes are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.checkpoint.facts import Evidence
from scaffold.checkpoint.files import has_file
from scaffold.checkpoint.jsonfile import MAX_BYTES, read_object
from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.text import printable

MODELSLIM_FILE = "quant_model_description.json"
"""vllm-ascend: MODELSLIM_CONFIG_FILENAME in vllm_ascend/quantization/modelslim_config.py."""
MODELSLIM_FILES = "quant_model_description*.json"
MODELOPT_FILE = "hf_quant_config.json"
"""Where ModelOpt up to 0.29 states how it quantised (vLLM: transformers_utils/config.py)."""
MODELOPT = {"NVFP4": "modelopt_fp4"}
"""Algorithm of ModelOpt → method of vLLM; for all others ``modelopt``."""
MAX_FILES = 1000
FP8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
UNNAMED = "not named"
"""The kind if the config describes a quantisation without its method, and no tensor shows one."""
UNSAID = "the config does not say how the weights are quantised"
UNQUANTISED = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class Trace:
    """What a method leaves in a checkpoint.

    Attributes:
        kind: the method.
        ending: last part of a scale's name.
        dtypes: the data types that the scale has.
        weight: what replaces ``ending`` in the name of the quantised tensor.
        weight_dtypes: its data types; empty for any that is not a float format of 16 bits or more.
        source: where this layout comes from.
    """

    kind: str
    ending: str
    dtypes: tuple[str, ...]
    weight: str
    weight_dtypes: tuple[str, ...]
    source: str


TRACES = (
    Trace("fp8", "weight_scale_inv", ("F32", "BF16", "F8_E8M0"), "weight", FP8, "fp8.py: DeepSeek-V3's layout"),
    Trace("fp8", "weight_scale", ("F32", "BF16"), "weight", FP8, "fp8.py, compressed_tensors/"),
    Trace("mxfp", "weight_scale", ("U8", "F8_E8M0"), "weight", (), "vllm-ascend: methods/w8a8_mxfp8.py, w4a8_mxfp4.py"),
    Trace("mxfp4", "scales", ("U8",), "blocks", ("U8",), "mxfp4.py: *_blocks and *_scales of GPT-OSS"),
    Trace("compressed-tensors", "weight_scale", ("F32", "BF16", "F16"), "weight_packed", ("I32", "U8"),
          "compressed_tensors/: pack-quantized"),
    Trace("compressed-tensors", "weight_scale", ("F8_E4M3", "U8", "F8_E8M0"), "weight_packed", ("U8",),
          "compressed_tensors/: nvfp4-pack-quantized, mxfp4-pack-quantized"),
    Trace("nvfp4", "weight_scale", ("F8_E4M3",), "weight", ("U8",),
          "modelopt.py, NVFP4: two values of four bits in a byte, a scale for each 16"),
    Trace("bitnet", "weight_scale", ("F32", "BF16", "F16"), "weight", ("U8",),
          "transformers: integrations/bitnet.py, four values of two bits in a byte"),
    Trace("int8", "weight_scale", ("F32", "BF16", "F16"), "weight", ("I8",), "vllm-ascend: methods/w8a8_dynamic.py"),
    Trace("bitsandbytes", "weight.absmax", ("U8", "F32"), "weight", ("U8",), "bitsandbytes.py: nf4, fp4"),
    Trace("bitsandbytes", "SCB", ("F32",), "weight", ("I8",), "bitsandbytes.py: int8, a scale for each row"),
    Trace("gptq", "scales", ("F16", "BF16", "F32"), "qweight", ("I32",), "auto_gptq.py, auto_awq.py"),
)  # fmt: skip
"""Files without another origin are in vllm/model_executor/layers/quantization/."""
METHODS = {"gptq": "gptq", "awq": "awq", "fp8": "fp8", "mxfp4": "mxfp4", "bitnet": "bitnet", "fbgemm_fp8": "fp8",
           "compressed-tensors": "compressed-tensors", "deepseek_v4_fp8": "fp8", "auto_gptq": "gptq",
           "auto_awq": "awq", "modelopt_fp4": "modelopt"}  # fmt: skip
"""``quant_method`` → kind."""


@dataclass(frozen=True)
class Part:
    """Tensors that are quantised in the same way."""

    pattern: str
    dtype: str
    count: int
    scale: str
    """Pattern of the scale, and its shape."""


@dataclass(frozen=True)
class Quantization:
    """What is known about a checkpoint's quantisation.

    Attributes:
        kind: ``fp8``, ``compressed-tensors``, ``modelslim``, ``awq``, ``gptq``, ``mxfp4``, ``mxfp``, ``nvfp4``,
            ``bitnet``, ``bitsandbytes``, ``int8``, or the config's own word for a method that is not known.
        scheme: bits and granularity as far as config and shapes tell, such as ``128 x 128 blocks``; or the words of
            the method itself (ModelSlim: ``W8A8_DYNAMIC``).
        methods: the parts of it that say what is done with weights and activations: ModelSlim's words, the groups of
            compressed-tensors. ``AscendPath.scheme`` is matched against them.
        parts: what is quantised.
        plain: number of tensors in a float format that are not quantised.
        evidence: what shows all this.
        disagreements: if they differ, what the config says and what the tensors say.
    """

    kind: str
    scheme: tuple[str, ...]
    parts: tuple[Part, ...]
    plain: int
    evidence: tuple[Evidence, ...]
    disagreements: tuple[tuple[str, str], ...]
    methods: tuple[str, ...] = ()


def read_quantization(
    directory: Path, config: Mapping[str, Any], text_config: Mapping[str, Any], patterns: Sequence[Pattern]
) -> Quantization | None:
    """Return how the weights are quantised, or None if neither config nor tensors show a quantisation.

    Raises:
        CheckpointError: ModelSlim's description, or ModelOpt's, is damaged.
    """
    key, said = described(directory, config, text_config)
    found = tuple(_found(patterns))
    slim = _modelslim(directory)
    if said is None and not found and slim is None:
        return None
    method = method_of(said or {})
    kind = "modelslim" if slim is not None else METHODS.get(method, printable(method)[:80])
    kind = kind or (found[0][0].kind if found else UNNAMED)
    if kind == "gptq" and not method:
        kind = _packed_kind(found[0][1], patterns)
    parts = tuple(part for trace, part in found)
    quantised = sum(part.count for part in parts)
    plain = sum(p.count for p in patterns if p.dtype in UNQUANTISED and p.name.endswith((".weight", "_proj")))
    evidence = [_said_by(key, method)] if said is not None else []
    if slim is not None:
        evidence.append(Evidence("file", MODELSLIM_FILE))
    evidence += [Evidence("tensor", part.scale, part.pattern) for part in parts[:3]]
    groups = tuple(_groups(said or {})) if kind == "compressed-tensors" else ()
    return Quantization(
        kind,
        tuple(f"{word}: {count}" for word, count in (slim or {}).items())
        or tuple(_scheme(kind, said or {}, groups, parts, patterns)),
        parts,
        plain,
        tuple(evidence),
        tuple(_disagreements(method, kind, quantised, found)),
        groups if slim is None else tuple(slim),
    )


def _said_by(key: str, method: str) -> Evidence:
    """Return what names the method: a key of the config, or ModelOpt's file."""
    return Evidence("file", key) if key == MODELOPT_FILE else Evidence("config", f"{key}.quant_method", method)


def method_of(said: Mapping[str, Any]) -> str:
    """Return the method that a config names, as vLLM spells it; empty where it names none.

    Source: ``_normalize_quantization_config`` in vllm/transformers_utils/model_arch_config_convertor.py.
    """
    producer, inner = said.get("producer"), said.get("quantization")
    if isinstance(producer, dict) and producer.get("name") == "modelopt" and isinstance(inner, dict):
        return MODELOPT.get(str(inner.get("quant_algo")).upper(), "modelopt")
    word = said.get("quant_method")
    return word.lower().replace("compressed_tensors", "compressed-tensors") if isinstance(word, str) else ""


def described(
    directory: Path, config: Mapping[str, Any], text: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any] | None]:
    """Return where config or a file beside it say how weights are quantised, and what they say; None if none does.

    Raises:
        CheckpointError: ModelOpt's file is damaged.
    """
    for part in (config, text):
        for key in ("quantization_config", "compression_config"):
            if isinstance(part.get(key), dict):
                return key, part[key]
    if has_file(directory, MODELOPT_FILE):
        return MODELOPT_FILE, {"quant_method": "modelopt", **read_object(directory / MODELOPT_FILE, "ModelOpt's file")}
    return "", None


def _found(patterns: Sequence[Pattern]) -> Iterator[tuple[Trace, Part]]:
    """Yield the quantised tensors among the patterns, each with the trace that shows it."""
    by_name: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        by_name.setdefault(pattern.name, []).append(pattern)
    for pattern in patterns:
        for trace in TRACES:
            if pattern.dtype not in trace.dtypes or not _ends(pattern.name, trace.ending):
                continue
            stem = pattern.name.removesuffix(trace.ending)
            weights = [
                weight
                for weight in by_name.get(stem + trace.weight, ())
                if weight.dtype not in UNQUANTISED and weight.dtype in (trace.weight_dtypes or (weight.dtype,))
            ]
            if weights:
                shown = f"{pattern.name} {list(pattern.shape)}"
                yield trace, Part(weights[0].name, weights[0].dtype, pattern.count, shown)
                break


def _ends(name: str, ending: str) -> bool:
    return name.endswith(("." + ending, "_" + ending)) or name == ending


def _packed_kind(part: Part, patterns: Sequence[Pattern]) -> str:
    """Tell GPTQ, which packs rows (the input), from AWQ, which packs columns: both have the same names."""
    qweight = next(p.shape for p in patterns if p.name == part.pattern)
    scales = next(p.shape for p in patterns if f"{p.name} {list(p.shape)}" == part.scale)
    return "gptq" if qweight[-1] == scales[-1] else "awq"


def modelslim_files(directory: Path) -> tuple[str, ...]:
    """Return the files that describe the weights, the one that vllm-ascend reads first.

    Older ones have longer names, and shards may have one each.
    """
    found = sorted(path.name for path in directory.glob(MODELSLIM_FILES) if has_file(directory, path.name))
    return tuple(sorted(found, key=lambda name: name != MODELSLIM_FILE)[:MAX_FILES])


def _modelslim(directory: Path) -> dict[str, int] | None:
    """Return the words that ModelSlim's description uses, most frequent first, with their counts."""
    files = modelslim_files(directory)
    if not files:
        return None
    described = {
        name: word
        for file in reversed(files)
        for name, word in read_object(directory / file, "ModelSlim's description", 4 * MAX_BYTES).items()
    }
    counts: dict[str, int] = {}
    for name, word in described.items():
        if isinstance(word, str) and name.endswith(".weight"):
            shown = printable(word)[:60]
            counts[shown] = counts.get(shown, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _scheme(
    kind: str,
    described: Mapping[str, Any],
    groups: Sequence[str],
    parts: Sequence[Part],
    patterns: Sequence[Pattern],
) -> Iterator[str]:
    """Yield what is known about bits and granularity."""
    if kind in ("fp8", "int8", "mxfp"):
        yield from _granularity(described, parts, patterns)
    if kind == "compressed-tensors" and isinstance(described.get("format"), str):
        yield f"format {printable(described['format'])[:60]}"
    yield from groups
    inner = described.get("quantization")
    algorithm = (inner if isinstance(inner, dict) else described).get("quant_algo")
    if isinstance(algorithm, str):
        yield printable(algorithm)[:60]
    bits = described.get("bits", described.get("w_bit"))
    group = described.get("group_size", described.get("q_group_size"))
    if isinstance(bits, (int, float)):
        yield f"{bits:g} bits"
    if isinstance(group, int):
        yield f"groups of {group}" if group > 0 else "one scale per channel"
    if isinstance(described.get("activation_scheme"), str):
        yield f"activations {printable(described['activation_scheme'])[:40]}"
    yield from sorted({part.dtype for part in parts})


def _granularity(described: Mapping[str, Any], parts: Sequence[Part], patterns: Sequence[Pattern]) -> Iterator[str]:
    block = described.get("weight_block_size")
    if isinstance(block, list) and len(block) == 2:
        yield f"one scale per block of {block[0]} × {block[1]}"
        return
    shapes = {f"{p.name} {list(p.shape)}": p.shape for p in patterns}
    weights = {(p.name, p.dtype): p.shape for p in patterns}
    kinds = {_per(shapes[part.scale], weights[part.pattern, part.dtype]) for part in parts}
    yield from sorted(kinds)


def _per(scale: tuple[int, ...], weight: tuple[int, ...]) -> str:
    if all(n == 1 for n in scale):
        return "one scale per tensor"
    if scale[0] == weight[0] and all(n == 1 for n in scale[1:]):
        return "one scale per channel"
    if len(scale) == len(weight) and all(scale) and all(n <= w for n, w in zip(scale, weight)):
        return "one scale per block of " + " × ".join(str(-(-w // n)) for n, w in zip(scale, weight))
    return f"scales of {list(scale)} for weights of {list(weight)}"


def _groups(described: Mapping[str, Any]) -> Iterator[str]:
    """Yield how compressed-tensors treats the weights and activations of each group of layers."""
    groups = described.get("config_groups")
    for group in list(groups.values())[:8] if isinstance(groups, dict) else ():
        if isinstance(group, dict):
            yield ", ".join(
                f"{short} {_arguments(group.get(key))}"
                for short, key in (("weights", "weights"), ("activations", "input_activations"))
            )


def _arguments(value: Any) -> str:
    if not isinstance(value, dict):
        return "unquantised"
    words = [f"{value.get('type', '?')}{value.get('num_bits', '?')}", f"per {value.get('strategy', '?')}"]
    if value.get("strategy") in ("group", "block") and value.get("group_size"):
        words.append(f"of {value['group_size']}")
    if value.get("symmetric") is False:
        words.append("asymmetric")
    words.append("dynamic" if value.get("dynamic") else "static")
    return printable(" ".join(map(str, words)))[:80]


def _disagreements(
    method: str, kind: str, quantised: int, found: Sequence[tuple[Trace, Part]]
) -> Iterator[tuple[str, str]]:
    """Yield what the config says, and what the tensors say instead."""
    if (method or kind == UNNAMED) and not quantised and kind != "modelslim":
        says = f"the config says {printable(method)[:60]!r}" if method else "the config describes a quantisation"
        yield says, "no tensor is quantised in a way that is known"
    traces = {trace.kind for trace, _ in found}
    if kind == "fp8" and traces and not traces & {"fp8", "mxfp"}:
        yield "the config says 'fp8'", f"the tensors are those of {', '.join(sorted(traces))}"
    if not method and kind != "modelslim" and quantised:
        yield UNSAID, "the tensors are quantised"
