"""Document: test config, tutorial and its entry in the navigation go into the change set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from codemods import ChangeSet, find_codemod, target_file
from scaffold.delivery.documents import Delivery, delivery_context, render_documents
from scaffold.delivery.layout import Layout
from scaffold.placement.patches import add_worker_patch
from scaffold.planning.read import Subject
from scaffold.planning.request import Request
from scaffold.strategy.decide import Decision


def document_values(decision: Decision, subject: Subject, trust_remote_code: bool) -> Mapping[str, Any]:
    """Return what test config and tutorial are filled from, but for the verdicts."""
    layout = subject.layout.name if subject.layout else "none"
    reading = subject.reading
    return delivery_context(
        Delivery(subject.name, reading.checkpoint, reading.spec, decision.strategy.name, layout, trust_remote_code)
    )


def document(changes: ChangeSet, values: Mapping[str, Any], subject: Subject, request: Request) -> ChangeSet:
    """Add the documents of a delivery, and the worker patches that were asked for; none without a delivery repo.

    Raises:
        Refusal: a file that is not ours is in place of one, or a codemod refuses its edit.
        UsageError: a patch has a target that vLLM does not have.
    """
    root, layout = request.delivery, subject.layout
    if root is None or layout is None:
        return changes
    for path, text in render_documents(subject.name, values, request.verdicts).items():
        file = root / path
        changes = changes.create(file, text, generated=request.generated(file))
    changes = _list_tutorial(changes, root, layout, subject.name)
    return _add_patches(changes, request.patches, request.vllm, root, subject.name)


def _list_tutorial(changes: ChangeSet, root: Path, layout: Layout, name: str) -> ChangeSet:
    """Add the tutorial to the index, or to the navigation and its titles."""
    page = f"tutorials/models/{name}.md"
    if layout.name == "mkdocs":
        edits = [("mkdocs-nav-entry", {"page": page})]
        if layout.titles is not None:
            edits.append(("nav-title", {"page": page, "english": name, "chinese": name}))
    else:
        edits = [("toctree-entry", {"page": f"{name}.md"})]
    for codemod_name, arguments in edits:
        codemod = find_codemod(codemod_name)
        file = target_file(codemod, root, arguments)
        changes = changes.edit(file, lambda text, c=codemod, a=arguments: c.run(text, a))  # type: ignore[misc]
    return changes


def _add_patches(changes: ChangeSet, targets: Sequence[str], vllm: Path, delivery: Path, name: str) -> ChangeSet:
    for target in targets:
        changes = add_worker_patch(changes, vllm, delivery, name, target)
    return changes
