"""``scaffold new-model``: plan, show, write; then, on request, serve and commit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from scaffold.cli.clock import clock
from scaffold.cli.destination import Destination, find_destination
from scaffold.cli.disagreements import show_disagreements
from scaffold.cli.live import live
from scaffold.cli.next_steps import Step, step
from scaffold.cli.output import Output, reporting
from scaffold.cli.planned import left_to_twin, show_end, show_plan, show_steps
from scaffold.cli.present import (
    plan_document,
    refusal_document,
    show_holes,
    show_verdicts,
    verdicts_document,
)
from scaffold.cli.roots import (
    Settings,
    accuracy_pending_option,
    believe_option,
    gate_options,
    model_id_option,
    name_option,
    parity_options,
    python_option,
    required,
    serve_options,
    tree_options,
    twin_seconds_option,
    without_option,
    without_parity_option,
    work_option,
)
from scaffold.cli.serving import gate_settings, parity_settings, serve_settings, twin_workers
from scaffold.cli.soc import soc_option
from scaffold.cli.stages import chosen_stages, stage_option
from scaffold.common.errors import UsageError
from scaffold.common.names import model_name
from scaffold.evidence.gather import check_name, gather
from scaffold.evidence.workspace import Workspace
from scaffold.placement.table import PLACEMENTS
from scaffold.planning.plan import Plan, make_plan
from scaffold.planning.refusal import NotPlanned
from scaffold.planning.request import Request
from scaffold.roots.vllm_tree import REGISTRY
from scaffold.running.validation import preflight, validate
from scaffold.strategy.decide import AUTO
from scaffold.strategy.table import NAMES
from scaffold.weights.written import test_file
from scaffold_validators.engine import Engine, check_import_path
from scaffold_validators.shims.engine import shim_variables
from scaffold_validators.verdict import Verdict

PYTHON = "<Python that has vllm>"
"""Stands in the commands that come next for what was not named."""


@click.command("new-model")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@name_option
@model_id_option
@click.option("--strategy", type=click.Choice([AUTO, *NAMES]), help="How the model is to be served (default: auto).")
@click.option(
    "--placement",
    type=click.Choice(list(PLACEMENTS)),
    help="Where an adapter goes (default: vllm; plugin where no source tree is named).",
)
@click.option("--output", type=click.Path(path_type=Path), help="A plugin's folder (default: ./vllm-<model type>).")
@tree_options
@work_option
@click.option("--modeling", type=click.Path(path_type=Path), help="The model's Python source, if it is elsewhere.")
@believe_option
@python_option
@click.option(
    "--same-as", metavar="ARCHITECTURE", help="State that an unknown model type computes the same as this architecture."
)
@click.option("--patch", "patches", multiple=True, help="Add a vllm-ascend worker patch of this dotted name.")
@click.option("--dry-run", is_flag=True, help="Show the diff; write nothing.")
@click.option("--diff", "with_diff", is_flag=True, help="Print the diff instead of opening it in a pager (GIT_PAGER).")
@click.option(
    "--force", is_flag=True, help="Replace generated files that have been edited since, instead of merging them."
)
@click.option(
    "--twin", "with_twin", is_flag=True, help="Prove it on a small random copy first; write it only if that is right."
)
@click.option("--validate", "with_gates", is_flag=True, help="Go on to the gates of --stage.")
@stage_option
@soc_option
@click.option("--commit", "with_commit", is_flag=True, help="Go on to the commit if the gates pass.")
@click.option("--accept-device", help="Accept evidence from a device other than an NPU, such as cpu.")
@without_parity_option
@accuracy_pending_option
@without_option
@serve_options
@gate_options
@parity_options
@twin_seconds_option
@reporting
def command(
    output: Output,
    /,
    checkpoint: Path,
    dry_run: bool,
    with_diff: bool,
    with_twin: bool,
    with_gates: bool,
    with_commit: bool,
    **given: Any,
) -> int:
    """Adapt the model of CHECKPOINT: the smallest change that works, shown as one diff and written as a whole."""
    settings = Settings(given)
    workspace, engine = settings.workspace(), settings.engine()
    destination = find_destination(settings, engine)
    _check_call(destination, dry_run, with_gates or with_commit)
    serving = serve_settings(settings)
    if with_gates:
        preflight(required(engine), destination.vllm, serving.port)
    elif engine is not None:
        check_import_path(engine, destination.vllm)
    request = _request(settings, checkpoint, workspace, destination, engine)
    try:
        with clock(output, f"reading {checkpoint}"):
            plan = make_plan(request)
    except NotPlanned as refusal:
        show_disagreements(output, refusal.subject.settled.found)
        show_holes(output, refusal.spec.holes)
        output.document({**refusal_document(refusal, request.strategy, destination.placement), "dry_run": dry_run})
        raise
    is_long = show_plan(output, plan, inline=with_diff)
    output.document(plan_document(plan, dry_run))
    proved = None
    if with_twin:
        proved = _right_plan(output, plan, required(engine), settings, dry_run, with_diff)
        if proved is None:
            return 1
        plan = proved[0]
    again = with_twin or is_long
    if dry_run:
        same = step("new-model", (str(checkpoint),), "the same call, and it is written")
        steps = (*left_to_twin(plan, with_twin), *((same,) if plan.changes.paths else ()))
        show_end(output, plan, steps, written=False, again=again)
        return 0
    # Here, as a dry run ends before.
    from scaffold.running.adaptation import apply_plan, keep_twin

    apply_plan(plan, workspace)
    if proved is not None and plan.request.delivery is not None:
        keep_twin(plan.name, workspace, proved[1])
    _keep_weights_test(output, plan, workspace)
    is_last = not (plan.changes.conflicts or with_gates or with_commit)
    following = (*left_to_twin(plan, with_twin), *_next_steps(plan, checkpoint, engine)) if is_last else ()
    show_end(output, plan, following, written=True, again=again)
    if plan.changes.conflicts:
        output.failure("resolve what is marked, or start over with scaffold undo and --force; then go on")
        return 1
    return _go_on(output, plan, settings, with_gates, with_commit)


def _go_on(output: Output, plan: Plan, settings: Settings, with_gates: bool, with_commit: bool) -> int:
    """Run the gates and make the commit, as far as it is asked for; return the exit code."""
    workspace, shown = settings.workspace(), True
    if with_gates:
        # Here, as the way through vllm-ascend is a tenth of a plan.
        from scaffold.cli.static_first import static_of_plan

        static = static_of_plan(output, settings, workspace, plan.name, plan.checkpoint)
        if static.failed:
            return 1
        engine, serving = required(settings.engine()), serve_settings(settings)
        stages = chosen_stages(settings.given["stage"])
        with live(output) as view:
            verdicts = validate(
                *(workspace, plan.name, plan.checkpoint, engine, serving, stages, view.report),
                parity=parity_settings(settings),
                gates=replace(gate_settings(settings), hear=view.hear),
            )
        show_verdicts(output, [static, *verdicts])
        output.document(verdicts_document(verdicts))
        shown = all(verdict.passed for verdict in verdicts)
        if any(verdict.failed for verdict in verdicts):
            return 1
        if shown and not with_commit:
            show_steps(output, _after_gates(plan.checkpoint.path, engine))
    if not with_commit:
        return 0 if shown else 1
    from scaffold.cli.committing import make_commit

    make_commit(output, settings, plan.name)
    return 0


def _right_plan(
    output: Output, plan: Plan, engine: Engine, settings: Settings, dry_run: bool, with_diff: bool
) -> tuple[Plan, Verdict] | None:
    """Show what the twin says of the plan, and of the next ones where ``auto`` goes on; return the first right one."""
    from scaffold.running.twin import prove_in_turn

    tried: list[dict[str, Any]] = []
    shown_of = prove_in_turn(plan, engine, settings.workspace().logs(plan.name), twin_workers(settings))
    while True:
        what = "trying what comes next" if tried else "making the twin, serving it, comparing with transformers"
        with clock(output, what):
            found = next(shown_of, None)
        if found is None:
            break
        way, verdict = found
        if way is not plan:
            show_plan(output, way, inline=with_diff)
            output.document(plan_document(way, dry_run))
        show_verdicts(output, [verdict])
        (shown,) = verdicts_document([verdict], kept=False)["verdicts"]
        tried.append({"strategy": way.decision.strategy.name, **shown})
        output.document({"twin": shown, "twins": tried})
        if verdict.passed:
            return way, verdict
        output.progress(f"{way.decision.strategy.name} is not right")
    output.line("nothing that was tried is right, so nothing was written")
    return None


def _check_call(destination: Destination, dry_run: bool, goes_on: bool) -> None:
    """Check that gates and commit have something to be about.

    Raises:
        UsageError: there is nothing written, or no tree.
    """
    if dry_run and goes_on:
        raise UsageError(
            "--dry-run together with --validate or --commit",
            where="the call",
            expected="either",
            remedy="look at the dry run first, then leave it out",
        )
    if destination.delivery is None and goes_on:
        raise UsageError(
            "--validate or --commit with --placement plugin",
            where="the call",
            expected="a placement in a source tree: gates and commit are about trees",
            remedy="leave them out; install the plugin and serve it",
        )


def _keep_weights_test(output: Output, plan: Plan, workspace: Workspace) -> None:
    """Write the test file of a generated adapter's weight rules into the work directory: it is not committed."""
    if plan.proved is None:
        return
    if plan.proved.decoder is not None and plan.proved.decoder.listed is not None:
        return  # its rules are about names that the checkpoint does not have
    text = test_file(plan.proved.weight_map, plan.spec.architecture)
    path, fresh = workspace.save_weights_test(plan.name, plan.module, text)
    output.document({"weights_test": str(path)})
    output.line(f"weight rules and their tests: {path}")
    if not fresh:
        output.line("  left as it was, which is not what these rules say now; remove it to get it anew")


def _request(
    settings: Settings, checkpoint: Path, workspace: Workspace, destination: Destination, engine: Engine | None
) -> Request:
    name = settings.get("name")
    verdicts: tuple[Verdict, ...] = ()
    ours: tuple[str, ...] = ()
    known = model_name(name, checkpoint)
    edits_trees = PLACEMENTS[destination.placement].edits_trees
    if edits_trees:
        check_name(workspace, known, checkpoint)
    if edits_trees and known in workspace.planned():
        record = workspace.record(known)
        verdicts = gather(workspace, known).current
        if record.vllm == str(destination.vllm) and REGISTRY.as_posix() in record.vllm_files:
            ours = (record.architecture,)
    return Request(
        checkpoint=checkpoint,
        vllm=destination.vllm,
        delivery=destination.delivery,
        placement=destination.placement,
        output=destination.output,
        name=name,
        model_id=settings.get("model_id"),
        strategy=settings.get("strategy") or AUTO,
        same_as=settings.get("same_as"),
        modeling=settings.path("modeling"),
        transformers=engine.transformers if engine else None,
        believe=settings.get("believe"),
        ranks=settings.tensor_parallel_sizes(),
        patches=tuple(settings.get("patches") or ()),
        trust_remote_code=settings.switch("trust_remote_code"),
        generated=workspace.generated,
        earlier=workspace.earlier(force=settings.switch("force")),
        registered_by_us=ours,
        verdicts=verdicts,
    )


def _next_steps(plan: Plan, checkpoint: Path, engine: Engine | None) -> tuple[Step, ...]:
    """Return what to call once a plan is written: the gates, what else a commit asks for, the commit, the way back."""
    undo = step("undo", (), "or take all of it back")
    plugin = plan.subject.site.output
    if plugin is not None:
        install = ("pip", "install", "--no-deps", str(plugin))
        finds = Step(install, "in the environment that serves: vLLM finds it by itself")
        return finds, *_served_with_stand_ins(checkpoint, engine), undo
    what = "serve it: dummy weights, real weights, parity with transformers"
    validate = step("validate", (str(checkpoint),), what, *_python(engine))
    return validate, *_after_gates(checkpoint, engine), undo


def _served_with_stand_ins(checkpoint: Path, engine: Engine | None) -> tuple[Step, ...]:
    """Return how a plugin is served where kernels of the engine answer wrongly, as gates do by themselves."""
    variables = shim_variables(engine.device) if engine is not None else {}
    if not variables:
        return ()
    words = ("env", *(f"{name}={value}" for name, value in variables.items()), "vllm", "serve", str(checkpoint))
    return (Step(words, "kernels of this engine that are known to answer wrongly are stood in for"),)


def _after_gates(checkpoint: Path, engine: Engine | None) -> tuple[Step, ...]:
    """Return what to call once a planned model was served."""
    of_model, python = (str(checkpoint),), _python(engine)
    return (
        step("validate", of_model, "graphs, expert parallel, MTP, pictures", "--stage", "features", *python),
        step("validate", of_model, "the longest length, and how many at once", "--stage", "capacity", *python),
        step("evaluate", of_model, "its accuracy; the task is yours to choose", "--tasks", "gsm8k", *python),
        step("commit", of_model, "one signed-off commit; says what is still missing"),
        step("report", of_model, "report and runbook in Chinese; --lang en: in English"),
    )


def _python(engine: Engine | None) -> tuple[str, ...]:
    return () if engine is not None else ("--python", PYTHON)
