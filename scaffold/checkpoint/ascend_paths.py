"""What vllm-ascend does with a quantised checkpoint, by device generation.

Each row names the file of vllm-ascend (0.23.0) that it was read from. What no file decides is ``unknown``.
Generations: ``AscendDeviceType`` in vllm_ascend/utils.py. Rows are tried from top to bottom.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

RUNS = "runs as it is"
DEQUANTISE = "dequantise at load"
NOT_SUPPORTED = "not supported"
UNKNOWN = "unknown"
DEVICES = ("A2", "A3", "A5", "310P")
ANY = DEVICES
LARGE = ("A2", "A3", "A5")
PLATFORM = "vllm_ascend/platform.py"
COMPRESSED = "vllm_ascend/quantization/compressed_tensors_config.py"


@dataclass(frozen=True)
class AscendPath:
    """A row: kind, scheme (a regular expression), model types (empty for any) and devices; and what applies to them."""

    kind: str
    scheme: str
    model_types: tuple[str, ...]
    devices: tuple[str, ...]
    path: str
    why: str
    source: str


ROWS = (
    AscendPath("fp8", "", ("minimax_m2",), LARGE, DEQUANTISE, "vllm-ascend turns fp8 off for it and loads bf16",
               "vllm_ascend/patch/platform/patch_minimax_m2_config.py"),
    AscendPath("fp8", "", ("deepseek_v4",), ("A5",), RUNS, "its scheme is written for this model, and detected on A5",
               "vllm_ascend/quantization/methods/fp8.py, utils.py"),
    AscendPath("fp8", "", (), ("310P",), NOT_SUPPORTED, "only ModelSlim's schemes are registered there", PLATFORM),
    AscendPath("fp8", "", (), LARGE, DEQUANTISE, "the only fp8 scheme reads o_groups and o_lora_rank, "
               "which DeepSeek-V4 has; adapters of other models have to dequantise, as MiniMax-M2's patch does",
               "vllm_ascend/quantization/methods/fp8.py, patch/worker/patch_minimax_m2.py"),
    AscendPath("compressed-tensors", "", (), ("310P",), NOT_SUPPORTED, "only ModelSlim's schemes are registered there",
               PLATFORM),
    AscendPath("compressed-tensors",
               "weights int8 per channel static, activations int8 per (tensor static|token dynamic)",
               (), LARGE, RUNS, "W8A8 or W8A8_DYNAMIC", COMPRESSED),
    AscendPath("compressed-tensors",
               "weights int4 per (channel|group.*) static, activations int8 per token dynamic",
               (), LARGE, RUNS, "W4A8_DYNAMIC", COMPRESSED),
    AscendPath("compressed-tensors", "weights int4 per group.*static, activations unquantised", (), LARGE, RUNS,
               "W4A16, of experts only: there is no scheme for linear layers",
               "vllm_ascend/quantization/methods/w4a16.py"),
    AscendPath("compressed-tensors", "weights float8 per channel static, activations float8 per token dynamic", (),
               ("A5",), RUNS, "W8A8FP8_DYNAMIC", "vllm_ascend/quantization/methods/w8a8fp8_dynamic.py, "
               "docs/source/user_guide/release_notes.md"),
    AscendPath("compressed-tensors", "weights float8 per channel static, activations float8 per token dynamic", (),
               ("A2", "A3"), UNKNOWN, "W8A8FP8_DYNAMIC has no check of the device; the notes speak of Ascend 950",
               "docs/source/user_guide/release_notes.md"),
    AscendPath("compressed-tensors", "", (), LARGE, NOT_SUPPORTED, "no scheme for these bits and strategies",
               COMPRESSED),
    AscendPath("modelslim", r"(W8A8|W8A8_DYNAMIC|W8A8S|W8A8SC|FLOAT)", (), ("310P",), RUNS, "registered there",
               "vllm_ascend/_310p/quantization/methods/"),
    AscendPath("modelslim", "", (), ("310P",), NOT_SUPPORTED, "a scheme that is not registered there",
               "vllm_ascend/_310p/quantization/methods/"),
    AscendPath("modelslim", r"W8A8SC?", (), LARGE, NOT_SUPPORTED, "registered on 310P only",
               "vllm_ascend/_310p/quantization/methods/w8a8s.py"),
    AscendPath("modelslim", r"(W\dA\d+_MXFP\d?(_FLATQUANT)?|W8A8FP8_DYNAMIC|FLOAT)", (), ("A5",), RUNS,
               "registered, and documented for Ascend 950", "vllm_ascend/quantization/methods/"),
    AscendPath("modelslim", r"(W\dA\d+_MXFP\d?(_FLATQUANT)?|W8A8FP8_DYNAMIC)", (), ("A2", "A3"), UNKNOWN,
               "registered without a check of the device; documented for Ascend 950 only",
               "docs/source/user_guide/release_notes.md"),
    AscendPath("modelslim",
               r"(W[48]A16|W8A8|W8A8_MIX|(W8A8|W4A8|W4A4|W4A4_FLATQUANT)_DYNAMIC|FLOAT)",
               (), LARGE, RUNS, "registered", "vllm_ascend/quantization/methods/"),
    AscendPath("modelslim", "", (), LARGE, NOT_SUPPORTED, "a scheme that is not registered",
               "vllm_ascend/quantization/methods/registry.py"),
    AscendPath("int8", "", (), ANY, UNKNOWN, "the config does not say how activations are quantised", COMPRESSED),
    AscendPath("mxfp", "", (), ANY, UNKNOWN, "without ModelSlim's description no scheme is chosen",
               "vllm_ascend/quantization/utils.py"),
    *(AscendPath(kind, "", (), ANY, NOT_SUPPORTED, "not in NPUPlatform.supported_quantization", PLATFORM)
      for kind in ("awq", "gptq", "mxfp4", "nvfp4", "modelopt", "modelopt_fp4", "bitnet", "bitsandbytes", "gguf",
                   "torchao", "auto-round", "hqq", "experts_int8", "aqlm", "vptq", "eetq", "exl2", "exl3", "spqr",
                   "higgs", "quip_sharp", "quip", "quanto", "marlin", "fp_quant", "deepspeedfp", "squeezellm",
                   "intel/auto-round", "inc", "quark", "sinq", "petit_nvfp4", "modelopt_mixed", "humming")),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What applies to one device generation."""

    device: str
    path: str
    why: str
    source: str


def ascend_paths(kind: str, schemes: tuple[str, ...], model_type: str) -> tuple[Answer, ...]:
    """Return the path of a kind of quantisation for each device generation.

    If a checkpoint has several schemes, the path is that of the hardest one, because all have to be served.
    """
    return tuple(_answer(device, kind, schemes, model_type) for device in DEVICES)


def dequantised(answers: Sequence[Answer], device: str) -> bool:
    """Return whether fp8 weights are dequantised at load on a device generation."""
    return any(answer.device == device and answer.path == DEQUANTISE for answer in answers)


def _answer(device: str, kind: str, schemes: tuple[str, ...], model_type: str) -> Answer:
    order = (NOT_SUPPORTED, UNKNOWN, DEQUANTISE, RUNS)
    rows = [row for scheme in schemes or ("",) for row in [_row(device, kind, scheme, model_type)] if row is not None]
    if len(rows) < max(1, len(schemes)):
        return Answer(device, UNKNOWN, "no file of vllm-ascend that was read decides this", "")
    hardest = min(rows, key=lambda row: order.index(row.path))
    return Answer(device, hardest.path, hardest.why, hardest.source)


def _row(device: str, kind: str, scheme: str, model_type: str) -> AscendPath | None:
    for row in ROWS:
        named = not row.model_types or model_type in row.model_types
        fits = not row.scheme or re.fullmatch(row.scheme, scheme)
        if row.kind == kind and device in row.devices and named and fits:
            return row
    return None
