"""What changes things: apply a plan, fill the documents with verdicts, commit, take back."""

from __future__ import annotations

from pathlib import Path

from codemods import ChangeSet, Refusal, apply, generated_digest, undo
from scaffold.checkpoint.read import read_checkpoint
from scaffold.delivery.commit import check_delivery_repo, commit
from scaffold.delivery.documents import Delivery, delivery_context
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.delivery.message import commit_message
from scaffold.delivery.sign_off import check_sign_off
from scaffold.digests import present_digests
from scaffold.plan import Plan, tidy
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.spec.facts import ModelSpec
from scaffold.template import render
from scaffold.workspace import Workspace


def apply_plan(plan: Plan, workspace: Workspace) -> None:
    """Write the plan's change set, and remember the plan.

    A later run for the same model keeps the files of the earlier one in its record: they belong to one commit.
    """
    apply(plan.changes, workspace.journal)
    earlier: dict[str, list[str]] = {}
    if plan.name in workspace.planned():
        earlier = workspace.record(plan.name)
    files = {
        kind: sorted({*earlier.get(kind, []), *(file.as_posix() for file in plan.files(root))})
        for kind, root in (
            ("delivery_files", plan.request.delivery),
            ("vllm_files", plan.request.vllm),
        )
    }
    workspace.save_record(
        plan.name,
        {
            "name": plan.name,
            "architecture": plan.spec.architecture,
            "strategy": plan.strategy.name,
            "layout": plan.layout.name,
            "checkpoint": str(plan.checkpoint.path.resolve()),
            "vllm": str(plan.request.vllm.resolve()),
            "delivery": str(plan.request.delivery.resolve()),
            "trust_remote_code": plan.request.trust_remote_code,
            **files,
        },
    )


def commit_plan(name: str, spec: ModelSpec, workspace: Workspace, accepted_device: str) -> str:
    """Check the evidence, fill the tutorial with it, and make the one commit.

    Returns:
        The hash of the commit.

    Raises:
        Refused: the evidence does not suffice.
        UsageError: nothing was planned, or the repo is not fit for a commit.
    """
    record = workspace.record(name)
    checkpoint = read_checkpoint(Path(record["checkpoint"]))
    delivery = Path(record["delivery"])
    files = [Path(file) for file in record["delivery_files"]]
    digests = present_digests(read_vllm_tree(Path(record["vllm"])), delivery, files, checkpoint)
    verdicts = workspace.verdicts(name)
    check_sign_off(verdicts, digests, accepted_device)
    check_delivery_repo(delivery)
    current = [v for v in verdicts if v["digests"] == digests]
    document = Delivery(
        model_name=name,
        checkpoint=checkpoint,
        spec=spec,
        strategy=record["strategy"],
        layout=record["layout"],
        trust_remote_code=record["trust_remote_code"],
        verdicts=current,
    )
    _fill_tutorial(document, delivery, workspace)
    message = commit_message(
        name,
        record["architecture"],
        record["strategy"],
        files,
        [Path(file) for file in record["vllm_files"]],
        current,
    )
    return commit(delivery, files, message)


def _fill_tutorial(document: Delivery, delivery: Path, workspace: Workspace) -> None:
    """Write the tutorial anew with the verdicts in it, unless a person has edited it."""
    path = TUTORIALS / f"{document.model_name}.md"
    context = {"delivery": delivery_context(document), "adapter": False, "module": "unused"}
    text = tidy(render({**context, "model_name": document.model_name})[path.as_posix()])
    generated = generated_digest(workspace.journal, delivery / path)
    try:
        changes = ChangeSet(roots=(delivery,)).create(delivery / path, text, generated=generated)
    except Refusal:
        return  # edited by hand since: it stays as its author wants it
    apply(changes, workspace.documents_journal)


def undo_last(workspace: Workspace) -> tuple[Path, ...]:
    """Take back the last run, documents filled afterwards first.

    Returns:
        The files that are as before again.
    """
    touched: list[Path] = []
    try:
        touched += undo(workspace.documents_journal).paths
    except Refusal as refusal:
        if "no run" not in refusal.found:
            raise
    touched += undo(workspace.journal).paths
    for name in workspace.planned():
        record = workspace.record(name)
        config = Path(record["delivery"]) / TEST_CONFIGS / f"{name}.yaml"
        if config in touched:
            workspace.forget(name)
    return tuple(dict.fromkeys(touched))
