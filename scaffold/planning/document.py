"""Document: test config, tutorial and its entry in the navigation go into the change set."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from codemods import ChangeSet
from scaffold.common.names import model_id
from scaffold.delivery.config_form import config_form
from scaffold.delivery.documents import Delivery, delivery_context, document_paths, render_documents
from scaffold.delivery.tutorial.form import tutorial_form
from scaffold.placement.patches import add_worker_patch
from scaffold.placement.protocol import Site
from scaffold.planning.listings import Listed, list_model
from scaffold.planning.read import Subject
from scaffold.planning.request import Request
from scaffold.roots.vllm_tree import MODELS
from scaffold.strategy.decide import Decision
from scaffold_validators.verdict import Verdict

TRANSCRIBES = "SupportsTranscription"
"""The interface of such classes (vLLM: vllm/model_executor/models/interfaces.py)."""


def document_values(decision: Decision, subject: Subject, request: Request) -> Mapping[str, Any]:
    """Return what test config and tutorial are filled from, but for the verdicts."""
    reading, root, layout = subject.reading, subject.site.delivery, subject.layout
    forms: dict[str, Any] = {}
    if root is not None and layout is not None:
        forms = {"config_form": config_form(root), "tutorial_form": tutorial_form(root, layout)}
        forms["tutorials"] = layout.tutorials
    delivery = Delivery(
        model_name=subject.site.name,
        checkpoint=reading.checkpoint,
        spec=reading.spec,
        strategy=decision.strategy.name,
        layout=layout.name if layout else "none",
        trust_remote_code=request.trust_remote_code,
        model_id=model_id(request.model_id, subject.site.name, request.checkpoint, reading.checkpoint.config),
        overrides=subject.settled.overrides,
        misfits=decision.misfits,
        transcribes=_transcribes(subject, reading.checkpoint.architecture),
        **forms,
    )
    return delivery_context(delivery)


def document(
    changes: ChangeSet, values: Mapping[str, Any], subject: Subject, verdicts: Sequence[Verdict]
) -> tuple[ChangeSet, tuple[str, ...]]:
    """Add the documents of a delivery with their entries in lists; none without a delivery repo.

    Returns:
        The changes, and what is left to say of them.

    Raises:
        Refusal: a file that this tool did not write is in place of one, or a codemod refuses its edit.
        CheckFailed: a document is not in the form that the tree asks for.
    """
    site, layout = subject.site, subject.layout
    if site.delivery is None or layout is None:
        return changes, ()
    texts = render_documents(site.name, values, verdicts)
    for path, text in texts.items():
        changes = site.create(changes, site.delivery / path, text)
    sections = tutorial_form(site.delivery, layout).sections
    model = Listed(site.name, values["model_id"], values["config"]["kind"], values["tensor_parallel_size"])
    page = texts[document_paths(site.name, values)[1]]
    return list_model(changes, site.delivery, layout, sections, model, page)


def _transcribes(subject: Subject, architecture: str) -> bool:
    """Return whether the class that serves an architecture takes part in vLLM's endpoint of transcriptions."""
    entry = subject.registry.get(architecture)
    if entry is None:
        return False
    path = subject.tree.root / MODELS / f"{entry.module}.py"
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    try:
        classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    except (SyntaxError, ValueError, RecursionError):
        return False
    bases = [ast.unparse(base) for node in classes if node.name == entry.class_name for base in node.bases]
    return any(base.rpartition(".")[2] == TRANSCRIBES for base in bases)


def add_patches(changes: ChangeSet, targets: Sequence[str], site: Site) -> ChangeSet:
    """Add worker patches of vllm-ascend; none without a delivery repo.

    Raises:
        UsageError: a target is nothing that vLLM has.
        Refusal: a codemod refuses its edit.
    """
    if site.delivery is None:
        return changes
    for target in targets:
        changes = add_worker_patch(changes, site.vllm, site.delivery, site.name, target)
    return changes
