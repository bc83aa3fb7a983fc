"""The commit message: what was added, and the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from scaffold.delivery.accuracy import Accuracy
from scaffold.delivery.excuses import NO_EXCUSE, Excuses
from scaffold.delivery.layout import MKDOCS
from scaffold.delivery.sign_off import NPU
from scaffold.delivery.titles import title
from scaffold.strategy.table import strategy_named
from scaffold_validators.stages.table import stage_named
from scaffold_validators.verdict import Verdict

DOCUMENTS = ("docs", "tests", MKDOCS.name)
"""Where documents and tests are, and what lists them."""


def commit_message(
    name: str,
    architecture: str,
    strategy: str,
    files: Sequence[PurePath],
    served_from: Sequence[PurePath],
    verdicts: Sequence[Verdict],
    excuses: Excuses = NO_EXCUSE,
    accuracy: Accuracy | None = None,
    history: Sequence[str] = (),
    served_by: str = "",
) -> str:
    """Return the message, without the sign-off line that git adds; it says what was not shown, and why.

    Args:
        name: the model's.
        architecture: the checkpoint's.
        strategy: a row of ``STRATEGIES``.
        files: what the commit holds.
        verdicts: the evidence.
        excuses: what was not shown, and why.
        accuracy: what an evaluation measured.
        served_by: the name of the model whose commit brought the code that serves this one; empty for its own.
        history: the titles of earlier commits, whose form this one has.
        served_from: what it was served from in vLLM's tree, where the same code comes in ``files``.
    """
    lines = [
        title(strategy_named(strategy).subject.format(name=name), history, has_code=any(map(is_code, files))),
        "",
        f"Architecture: {architecture} (strategy: {strategy})",
        "",
    ]
    lines += ["Files:", *(f"- {path.as_posix()}" for path in files)]
    if served_from:
        lines += ["", "The gates ran with the same code in vLLM's tree:"]
        lines += [f"- {path.as_posix()}" for path in served_from]
    if served_by:
        lines += ["", f"It is served by the code that came with {served_by}, which has the same architecture."]
    lines += ["", "Evidence:"]
    for verdict in verdicts:
        named = stage_named(verdict.stage).title
        where = f", tensor-parallel {verdict.tensor_parallel_size}, {verdict.device}" if verdict.device else ""
        stage = f"{named}{where}"
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
    if accuracy is not None:
        lines += ["", f"Accuracy (lm_eval {accuracy.lm_eval_version}, results sha256 {accuracy.results_sha256[:16]}):"]
        lines += [f"- {task}, {metric}: {value}" for task, metric, value in accuracy.figures()]
    for line in excuses.lines():
        lines += ["", line]
    return "\n".join(lines) + "\n"


def is_code(path: PurePath) -> bool:
    """Return whether a file is more than a document or a test."""
    return path.parts[0] not in DOCUMENTS
