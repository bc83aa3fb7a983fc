"""The commit message: what was added, and the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from scaffold.delivery.documents import STAGE_NAMES
from scaffold.delivery.sign_off import NPU

SUBJECTS = {
    "supported": "[Doc][Test] Add tutorial and test config of {name}",
    "alias": "[Model] Add {name}, served by an implementation that vLLM has",
    "native": "[Model] Add {name}",
    "transformers": "[Model] Add {name}, served by vLLM's Transformers backend",
}


def commit_message(
    name: str,
    architecture: str,
    strategy: str,
    files: Sequence[PurePath],
    vllm_files: Sequence[PurePath],
    verdicts: Sequence[Mapping[str, Any]],
) -> str:
    """Return the message, without the sign-off line that git adds."""
    lines = [SUBJECTS[strategy].format(name=name), "", f"Architecture: {architecture} (strategy: {strategy})", ""]
    lines += ["Files:", *(f"- {path.as_posix()}" for path in files)]
    if vllm_files:
        lines += ["", "It needs this change of the vLLM tree:", *(f"- {path.as_posix()}" for path in vllm_files)]
    lines += ["", "Evidence:"]
    for verdict in verdicts:
        tensor_parallel = verdict["numbers"].get("tensor_parallel_size", 1)
        stage = f"{STAGE_NAMES[verdict['stage']]}, tensor-parallel {tensor_parallel}, {verdict['device']}"
        lines.append(f"- stage {stage}: {verdict['outcome']}, {verdict['reason']}")
    if verdicts:
        first = verdicts[0]
        versions = ", ".join(f"{k} {v}" for k, v in sorted(first["versions"].items()))
        digests = ", ".join(f"{k} sha256 {v[:16]}" for k, v in sorted(first["digests"].items()))
        lines += [f"- {versions}", f"- {digests}"]
    devices = sorted({str(v["device"]) for v in verdicts})
    if NPU not in devices:
        lines += ["", f"No NPU was used: the evidence is of the device {', '.join(devices)}, accepted explicitly."]
    return "\n".join(lines) + "\n"
