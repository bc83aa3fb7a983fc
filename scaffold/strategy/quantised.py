"""Whether the targets have the method by which the weights are quantised: else no strategy can hold."""

from __future__ import annotations

from pathlib import Path

from scaffold.checkpoint.quantization import METHODS as KINDS
from scaffold.checkpoint.quantization import UNQUANTISED, described, method_of, modelslim_files
from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.text import printable
from scaffold.common.errors import CheckFailed
from scaffold.roots.ascend_quantization import NAME, PLATFORM, npu_methods
from scaffold.roots.quantization_methods import METHODS, deprecated, methods, other_words
from scaffold.weights.quantisation import is_dequantised

ASCEND = "ascend"
"""Registered by vllm-ascend, for ModelSlim (vllm_ascend/quantization/)."""
REMEDY = (
    "take the weights as they were before they were quantised, or quantised by a method that it knows (for NPUs: "
    "ModelSlim, compressed-tensors), or a plugin of vLLM that registers this one"
)
DEPRECATED = "{} is deprecated in this vLLM: vllm serve takes it with --allow-deprecated-quantization alone"
SHOWN = 60


def check_method(checkpoint: Checkpoint, vllm: Path, ascend: Path | None = None) -> None:
    """Check that vLLM knows the method that the config names, and vllm-ascend has it for NPUs.

    Args:
        checkpoint: its config, or a file beside it, names the method.
        vllm: the root of a vLLM source tree.
        ascend: the root of a vllm-ascend source tree, where there is one.

    Source: ``ModelConfig._verify_quantization`` in vllm/config/model.py, which is asked for every model.

    Raises:
        CheckFailed: one of them does not.
    """
    method, where = _stated(checkpoint)
    if not method or method == ASCEND:
        return
    if ascend is not None and not is_dequantised(checkpoint.config) and not _is_answered(checkpoint, method):
        _check_npu(method, where, ascend)
    known = methods(vllm)
    if not known or method in known or method in other_words(vllm):
        return
    raise CheckFailed(
        f"the weights are quantised by {printable(method)[:SHOWN]!r}, and this vLLM has no such method: it knows "
        f"{', '.join(known)}",
        where=f"{where}; {METHODS.as_posix()}",
        expected="a method that vLLM knows: it refuses the config for any other, whatever serves the model",
        remedy=REMEDY,
    )


def _is_answered(checkpoint: Checkpoint, method: str) -> bool:
    """Return whether the files show another method, or none: a disagreement, which ``--believe tensors`` answers."""
    plain = all(pattern.dtype in UNQUANTISED for pattern in checkpoint.weights.patterns)
    return bool(modelslim_files(checkpoint.path)) or (plain and method in KINDS)


def _check_npu(method: str, where: str, ascend: Path) -> None:
    known = npu_methods(ascend)
    if not known or method in known:
        return
    raise CheckFailed(
        f"the weights are quantised by {printable(method)[:SHOWN]!r}, which this vllm-ascend does not have for NPUs: "
        f"it lists {', '.join(known)}",
        where=f"{where}; {PLATFORM.as_posix()}, {NAME}",
        expected="a method of that list: vLLM refuses any other on an NPU, whatever serves the model",
        remedy=REMEDY,
    )


def method_notes(checkpoint: Checkpoint, vllm: Path) -> tuple[str, ...]:
    """Return what there is to know of a method that vLLM knows."""
    method, _ = _stated(checkpoint)
    known = deprecated(vllm)
    return (DEPRECATED.format(method),) if method in known else ()


def _stated(checkpoint: Checkpoint) -> tuple[str, str]:
    """Return the method as vLLM reads it, and where it is stated; empty without one."""
    where, found = described(checkpoint.path, checkpoint.config, checkpoint.text_config)
    return ("", "") if found is None else (method_of(found), where)
