"""``scaffold new-model``: plan, show, write; then, on request, serve and commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from scaffold.adaptation import apply_plan, commit_plan
from scaffold.adapter.context import module_name
from scaffold.cli.output import Output, reporting
from scaffold.cli.present import (
    plan_document,
    show_commit,
    show_plan,
    show_verdicts,
    verdicts_document,
)
from scaffold.cli.roots import Settings, name_option, python_option, required, serve_options, tree_options, work_option
from scaffold.cli.serving import serve_settings
from scaffold.errors import UsageError
from scaffold.evidence import gather
from scaffold.names import model_name
from scaffold.plan import Plan, Request, make_plan
from scaffold.roots.vllm_tree import REGISTRY
from scaffold.strategy import NAMES
from scaffold.validation import STAGES, preflight, validate
from scaffold.weights.written import test_file
from scaffold.workspace import Workspace
from validators.engine import Engine, check_import_path


@click.command("new-model")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@name_option
@click.option("--strategy", type=click.Choice(["auto", *NAMES]), help="How the model gets served (default: auto).")
@click.option("--placement", type=click.Choice(["vllm"]), help="Where an adapter goes (default: vllm).")
@tree_options
@work_option
@click.option("--modeling", type=click.Path(path_type=Path), help="The model's Python source, if it is elsewhere.")
@python_option
@click.option("--patch", "patches", multiple=True, help="Add a vllm-ascend worker patch of this dotted name.")
@click.option("--dry-run", is_flag=True, help="Show the diff, write nothing at all.")
@click.option("--validate", "with_gates", is_flag=True, help="Go on to the gates: dummy, real, parity.")
@click.option("--commit", "with_commit", is_flag=True, help="Go on to the commit, if the gates passed.")
@click.option("--accept-device", help="Let evidence of another device than an NPU suffice, such as cpu.")
@serve_options
@reporting
def command(
    output: Output,
    checkpoint: Path,
    dry_run: bool,
    with_gates: bool,
    with_commit: bool,
    **given: Any,
) -> int:
    """Adapt the model of CHECKPOINT: the smallest change that works, shown as one diff and written as a whole."""
    settings = Settings(given)
    if dry_run and (with_gates or with_commit):
        raise UsageError(
            "--dry-run together with --validate or --commit",
            where="the call",
            expected="either",
            remedy="look at the dry run first, then leave it out",
        )
    workspace, vllm = settings.workspace(), settings.vllm()
    engine = settings.engine()
    serving = serve_settings(settings)
    if with_gates:
        preflight(required(engine), vllm, serving.port)
    elif engine is not None:
        check_import_path(engine, vllm)
    output.progress(f"reading {checkpoint}")
    plan = make_plan(_request(settings, checkpoint, workspace, vllm, engine))
    show_plan(output, plan)
    output.document(plan_document(plan, dry_run))
    if dry_run:
        return 0
    apply_plan(plan, workspace)
    output.progress(f"{len(plan.changes.paths)} file(s) written" if plan.changes.paths else "nothing to change")
    _keep_weights_test(output, plan, workspace)
    if with_gates:
        verdicts = validate(workspace, plan.name, plan.checkpoint, required(engine), serving, STAGES, output.progress)
        show_verdicts(output, verdicts)
        output.document(verdicts_document(verdicts))
        if not all(verdict.passed for verdict in verdicts):
            return 1
    if with_commit:
        show_commit(output, commit_plan(plan.name, workspace, settings.get("accept_device") or "npu"))
    elif not with_gates:
        _say_next(output, plan)
    return 0


def _keep_weights_test(output: Output, plan: Plan, workspace: Workspace) -> None:
    """Write the test file of a generated adapter's weight rules into the work directory: it is not committed."""
    if plan.weight_map is None:
        return
    text = test_file(plan.weight_map, plan.spec.architecture)
    path, fresh = workspace.save_weights_test(plan.name, module_name(plan.checkpoint.model_type), text)
    output.document({"weights_test": str(path)})
    output.line(f"weight rules and their tests: {path}")
    if not fresh:
        output.line("  left as it was, which is not what these rules say now; remove it to get it anew")


def _request(settings: Settings, checkpoint: Path, workspace: Workspace, vllm: Path, engine: Engine | None) -> Request:
    name = settings.get("name")
    verdicts: tuple[dict[str, Any], ...] = ()
    ours: tuple[str, ...] = ()
    known = model_name(name, checkpoint)
    if known in workspace.planned():
        record = workspace.record(known)
        verdicts = gather(workspace, known).current
        if record["vllm"] == str(vllm) and REGISTRY.as_posix() in record["vllm_files"]:
            ours = (record["architecture"],)
    return Request(
        checkpoint=checkpoint,
        vllm=vllm,
        delivery=settings.delivery(),
        name=name,
        strategy=settings.get("strategy") or "auto",
        modeling=settings.path("modeling"),
        transformers=engine.transformers if engine else None,
        patches=tuple(settings.get("patches") or ()),
        trust_remote_code=settings.switch("trust_remote_code"),
        generated=workspace.generated,
        registered_by_us=ours,
        verdicts=verdicts,
    )


def _say_next(output: Output, plan: Plan) -> None:
    path = plan.checkpoint.path
    output.line(f"next: scaffold validate {path}, then scaffold commit {path}; scaffold undo takes it back")
