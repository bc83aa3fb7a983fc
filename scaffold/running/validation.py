"""Runs the gates for a planned model and keeps their verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import CheckFailed, UsageError
from scaffold.disagreements.finding import joined
from scaffold.evidence.gather import gather
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.running.model_facts import model_facts
from scaffold.running.parity import settings_of
from scaffold.strategy.table import strategy_named
from scaffold.vocabulary.lookup import value_of
from scaffold_validators.device import find_device
from scaffold_validators.engine import Engine, check_command, check_import_path
from scaffold_validators.gates import run_stages
from scaffold_validators.parity.overrides import OPTION, overrides_in
from scaffold_validators.parity.settings import LIMIT_SECONDS
from scaffold_validators.serve import Patience, ServePlan, check_port
from scaffold_validators.stages.stage import Gate, Stage
from scaffold_validators.stages.table import PARITY_STAGE, SLICE_STAGE
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class ServeOptions:
    """How the user wants the server started."""

    port: int = 8000
    dtype: str = "auto"
    max_model_len: int | None = None
    max_num_seqs: int = 16
    tensor_parallel_sizes: tuple[int, ...] = (1,)
    enforce_eager: bool = False
    trust_remote_code: bool = False
    extra: tuple[str, ...] = ()


@dataclass(frozen=True)
class GateOptions:
    """How the gates are run.

    Attributes:
        device: ``npu`` or ``cpu`` where the user says which; None for what is found.
        patience: how long is waited.
        allow: ids of findings that are taken for harmless, on record.
        climbs: whether the ladder is climbed where a server fails.
        search: whether stage capacity looks for the largest length that serves.
        sums: whether verdicts hold for the content of the weight files, which is read as a whole.
        hear: gets each line of a server's log, in another thread.
    """

    device: str | None = None
    patience: Patience = field(default_factory=Patience)
    allow: tuple[str, ...] = ()
    climbs: bool = False
    search: bool = False
    sums: bool = False
    hear: Callable[[str], None] = lambda line: None


@dataclass(frozen=True)
class ParityOptions:
    """How the server is compared with the reference.

    Attributes:
        slice_layers: how many layers stage slice has; None for as many as the reference has means for.
        reference_seconds: the reference's time limit.
    """

    slice_layers: int | None = None
    reference_seconds: float = LIMIT_SECONDS


def validate(
    workspace: Workspace,
    name: str,
    checkpoint: Checkpoint,
    engine: Engine,
    options: ServeOptions,
    stages: Sequence[Stage],
    report: Callable[[str], None],
    parity: ParityOptions = ParityOptions(),
    gates: GateOptions = GateOptions(),
) -> list[Verdict]:
    """Run stages and keep their verdicts, until one failed.

    Where both stage parity and stage slice are asked for, parity is run where its reference fits, else slice.

    Raises:
        UsageError: nothing was planned for the model, or its slice cannot be as it is asked for.
        Problem: the environment runs another tree, the port is taken, there is no such device, or another gate runs.
    """
    if gates.sums:
        report("reading all weights, for the digest of what they hold")
    evidence = gather(workspace, name, checkpoint, gates.sums)
    preflight(engine, Path(evidence.record.vllm), options.port)
    device = find_device(engine, gates.device)
    engine = replace(engine, device=device.kind, versions={**engine.versions, **device.versions()})
    gate = Gate(
        plan=serve_plan(workspace.work, checkpoint, engine, options, evidence.record),
        has_chat_template=checkpoint.has_chat_template,
        is_multimodal=checkpoint.is_multimodal,
        digests=evidence.digests,
        logs=workspace.logs(name),
        report=report,
        vocab_size=_vocab_size(checkpoint),
        parity=settings_of(checkpoint, parity.reference_seconds),
        patience=gates.patience,
        hear=gates.hear,
        allow=gates.allow,
        facts=model_facts(checkpoint),
        search=gates.search,
        climbs=gates.climbs,
    )
    chosen = one_comparison(stages, checkpoint, parity)
    verdicts = []
    with workspace.gates_lock():
        for verdict in _run(gate, chosen, checkpoint, options, parity, workspace.slice(name)):
            verdicts.append(workspace.keep(name, verdict))
    return verdicts


def one_comparison(stages: Sequence[Stage], checkpoint: Checkpoint, parity: ParityOptions) -> tuple[Stage, ...]:
    """Return the stages without one of parity and slice, where both are asked for: one of them is enough."""
    if not {PARITY_STAGE, SLICE_STAGE} <= set(stages):
        return tuple(stages)
    from scaffold.running.slice import fits_whole, present_means  # here, as plans need the options alone

    whole = parity.slice_layers is None and fits_whole(checkpoint, present_means(parity.reference_seconds))
    left_out = SLICE_STAGE if whole else PARITY_STAGE
    return tuple(stage for stage in stages if stage is not left_out)


def _run(
    gate: Gate,
    stages: Sequence[Stage],
    checkpoint: Checkpoint,
    options: ServeOptions,
    parity: ParityOptions,
    place: Path,
) -> Iterator[Verdict]:
    """Yield the verdicts of the stages; the slice is made when it is its turn, and serves in place of the whole."""
    failed = False
    for verdict in run_stages(gate, [s for s in stages if s is not SLICE_STAGE], options.tensor_parallel_sizes):
        yield verdict
        failed = failed or verdict.failed
    if failed or SLICE_STAGE not in stages:
        return
    from scaffold.running.slice import make_slice, of_slice, present_means, without_slice

    gate.report("making the slice: the first layers of the checkpoint")
    try:
        means = present_means(parity.reference_seconds)
        made = make_slice(checkpoint, parity.slice_layers, means, place, gate.plan.engine.transformers)
    except CheckFailed as error:
        yield without_slice(gate, str(error))
        return
    sliced = replace(gate, plan=replace(gate.plan, model=made.path.resolve()))
    for verdict in run_stages(sliced, [SLICE_STAGE], options.tensor_parallel_sizes):
        yield of_slice(verdict, made)


def preflight(engine: Engine, vllm: Path, port: int) -> None:
    """Check what can be known before a server is started.

    Raises:
        Problem: the environment runs another tree or has no ``vllm`` command, or the port is taken.
    """
    check_import_path(engine, vllm)
    check_command(engine)
    check_port(port)


def serve_plan(
    work: Path, checkpoint: Checkpoint, engine: Engine, options: ServeOptions, record: PlanRecord
) -> ServePlan:
    """Return how the model is served: as it was planned, with what was believed of it."""
    told = _told(record.overrides, options.extra)
    return ServePlan(
        engine=engine,
        model=checkpoint.path.resolve(),
        served_model_name=record.name,
        cwd=work,
        port=options.port,
        dtype=options.dtype,
        max_model_len=options.max_model_len,
        max_num_seqs=options.max_num_seqs,
        tensor_parallel_size=options.tensor_parallel_sizes[0],
        enforce_eager=options.enforce_eager,
        trust_remote_code=options.trust_remote_code,
        model_impl=strategy_named(record.strategy).model_impl,
        extra=told,
    )


def _told(overrides: Mapping[str, Any], extra: tuple[str, ...]) -> tuple[str, ...]:
    """Return the user's arguments with what was believed of the config: vLLM takes the last ``--hf-overrides`` alone.

    Raises:
        UsageError: the user's cannot be joined with it.
    """
    if not overrides:
        return extra
    try:
        own = overrides_in(extra)
    except ValueError as error:
        raise UsageError(
            str(error),
            where="the arguments after --",
            expected=f"one object, to be joined with what was believed when it was planned: {json.dumps(overrides)}",
            remedy=f"pass {OPTION} once, as JSON",
        ) from error
    if not own:
        return (OPTION, json.dumps(overrides), *extra)
    return (*extra, OPTION, json.dumps(joined([overrides, own])))


def _vocab_size(checkpoint: Checkpoint) -> int:
    value = value_of("vocab_size", checkpoint.text_config)
    return value if isinstance(value, int) and value > 16 else 256
