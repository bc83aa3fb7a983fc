"""The two platforms for which a model's calls are followed: CUDA, for which vLLM's kernels are; and vllm-ascend's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_ASKED = ("is_cuda", "is_cuda_alike", "is_rocm", "is_xpu", "is_tpu", "is_cpu", "is_zen_cpu", "is_unspecified")


@dataclass(frozen=True, eq=False)
class PlatformFacts:
    """What ``current_platform`` answers.

    Attributes:
        answers: method → answer; what is not among them is asked of ``implementation``.
        implementation: the module and class that the platform plugin brings; empty if there is none to read.
        replaces: whether out-of-tree layers and patches of vllm-ascend are there.
        probes: what ``has_flashinfer()`` and its like answer; None for either.
    """

    name: str
    answers: Mapping[str, bool | None] = field(default_factory=dict)
    implementation: tuple[str, str] = ("", "")
    replaces: bool = False
    probes: bool | None = None


CUDA = PlatformFacts(
    "CUDA",
    {name: name in ("is_cuda", "is_cuda_alike") for name in _ASKED} | {"is_out_of_tree": False},
)
ASCEND = PlatformFacts(
    "Ascend",
    dict.fromkeys(_ASKED, False)
    | {"is_out_of_tree": True}
    | dict.fromkeys(("is_device_capability", "is_device_capability_family", "has_device_capability"), False),
    ("vllm_ascend.platform", "NPUPlatform"),
    replaces=True,
    probes=False,
)
"""`NPUPlatform._enum` is ``PlatformEnum.OOT``, and its ``get_device_capability`` gives None."""
