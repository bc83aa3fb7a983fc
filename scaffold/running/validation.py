"""Runs the gates for a planned model and keeps their verdicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint
from scaffold.evidence.gather import gather
from scaffold.evidence.plan_record import PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.strategy.table import strategy_named
from scaffold.vocabulary.lookup import value_of
from scaffold_validators.engine import Engine, check_command, check_import_path
from scaffold_validators.gates import run_stages
from scaffold_validators.serve import ServePlan, check_port
from scaffold_validators.stages.stage import Gate, Stage
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


def validate(
    workspace: Workspace,
    name: str,
    checkpoint: Checkpoint,
    engine: Engine,
    options: ServeOptions,
    stages: Sequence[Stage],
    report: Callable[[str], None],
) -> list[Verdict]:
    """Run stages and keep their verdicts, until one has not passed.

    Raises:
        UsageError: nothing was planned for the model.
        Problem: the environment runs another tree, the port is taken, there is no reference.
    """
    evidence = gather(workspace, name, checkpoint)
    preflight(engine, Path(evidence.record.vllm), options.port)
    gate = Gate(
        plan=serve_plan(workspace.work, checkpoint, engine, options, evidence.record),
        has_chat_template=checkpoint.has_chat_template,
        is_multimodal=checkpoint.is_multimodal,
        digests=evidence.digests,
        logs=workspace.logs(name),
        report=report,
        vocab_size=_vocab_size(checkpoint),
    )
    verdicts = []
    for verdict in run_stages(gate, stages, options.tensor_parallel_sizes):
        workspace.save_verdict(name, verdict)
        verdicts.append(verdict)
    return verdicts


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
    overrides = ("--hf-overrides", json.dumps(record.overrides)) if record.overrides else ()
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
        extra=(*overrides, *options.extra),
    )


def _vocab_size(checkpoint: Checkpoint) -> int:
    value = value_of("vocab_size", checkpoint.text_config)
    return value if isinstance(value, int) and value > 16 else 256
