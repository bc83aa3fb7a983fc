"""The commit message: what was added, and the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from scaffold.delivery.sign_off import NPU
from scaffold.strategy.table import strategy_named
from scaffold_validators.stages.table import stage_named
from scaffold_validators.verdict import Verdict


def commit_message(
    name: str,
    architecture: str,
    strategy: str,
    files: Sequence[PurePath],
    vllm_files: Sequence[PurePath],
    verdicts: Sequence[Verdict],
    without_parity: str = "",
) -> str:
    """Return the message, without the sign-off line that git adds; it says why parity was not shown, if so."""
    lines = [
        strategy_named(strategy).subject.format(name=name),
        "",
        f"Architecture: {architecture} (strategy: {strategy})",
        "",
    ]
    lines += ["Files:", *(f"- {path.as_posix()}" for path in files)]
    if vllm_files:
        lines += ["", "It needs this change of the vLLM tree:", *(f"- {path.as_posix()}" for path in vllm_files)]
    lines += ["", "Evidence:"]
    for verdict in verdicts:
        title = stage_named(verdict.stage).title
        where = f", tensor-parallel {verdict.tensor_parallel_size}, {verdict.device}" if verdict.device else ""
        stage = f"{title}{where}"
        lines.append(
            f"- stage {stage}: {verdict.outcome.word}, {verdict.reason} (record sha256 {verdict.evidence[:16]})"
        )
    if verdicts:
        first = next((verdict for verdict in verdicts if verdict.device), verdicts[0])
        versions = ", ".join(f"{name} {version}" for name, version in sorted(first.versions.items()))
        digests = ", ".join(f"{name} sha256 {digest[:16]}" for name, digest in sorted(first.digests.items()))
        lines += [f"- {versions}", f"- {digests}"]
    devices = sorted({verdict.device for verdict in verdicts} - {""})
    if NPU not in devices:
        lines += ["", f"No NPU was used: the evidence is of the device {', '.join(devices)}, accepted explicitly."]
    if without_parity:
        lines += ["", f"Parity with the reference was not shown: {without_parity}"]
    return "\n".join(lines) + "\n"
