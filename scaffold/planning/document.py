"""Document: test config, tutorial and its entry in the navigation go into the change set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codemods import ChangeSet, edit
from scaffold.common.names import model_id
from scaffold.delivery.documents import Delivery, delivery_context, render_documents
from scaffold.placement.patches import add_worker_patch
from scaffold.placement.protocol import Site
from scaffold.planning.read import Subject
from scaffold.planning.request import Request
from scaffold.strategy.decide import Decision
from scaffold_validators.verdict import Verdict


def document_values(decision: Decision, subject: Subject, request: Request) -> Mapping[str, Any]:
    """Return what test config and tutorial are filled from, but for the verdicts."""
    layout = subject.layout.name if subject.layout else "none"
    reading = subject.reading
    delivery = Delivery(
        model_name=subject.site.name,
        checkpoint=reading.checkpoint,
        spec=reading.spec,
        strategy=decision.strategy.name,
        layout=layout,
        trust_remote_code=request.trust_remote_code,
        model_id=model_id(request.model_id, subject.site.name, request.checkpoint, reading.checkpoint.config),
        overrides=subject.settled.overrides,
        misfits=decision.misfits,
    )
    return delivery_context(delivery)


def document(changes: ChangeSet, values: Mapping[str, Any], subject: Subject, verdicts: Sequence[Verdict]) -> ChangeSet:
    """Add the documents of a delivery; none without a delivery repo.

    Raises:
        Refusal: a file that this tool did not write is in place of one, or a codemod refuses its edit.
    """
    site = subject.site
    if site.delivery is None or subject.layout is None:
        return changes
    for path, text in render_documents(site.name, values, verdicts).items():
        changes = site.create(changes, site.delivery / path, text)
    return edit(changes, "list-tutorial", site.delivery, tutorial=site.name)


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
