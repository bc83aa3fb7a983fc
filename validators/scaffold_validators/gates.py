"""Runs stages: those that ask a server share it where they can, others start their own; on a failure the ladder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from scaffold_validators.stages.ladder.climb import climb, is_worth_climbing
from scaffold_validators.stages.stage import Gate, Stage
from scaffold_validators.stages.table import LADDER_STAGE, gates
from scaffold_validators.stages.visit import Part, visit
from scaffold_validators.verdict import Verdict


def run_stages(gate: Gate, stages: Sequence[Stage], sizes: Sequence[int] = (1,)) -> Iterator[Verdict]:
    """Run stages in the order given, and yield each verdict; nothing is started after one that failed.

    Where a server fails and the gate climbs, the verdict of the ladder follows that of the stage.

    Args:
        gate: what they share.
        stages: rows of the table, see `with_needs`; those that start no server are not run here.
        sizes: tensor-parallel sizes; a start that is not for every size takes the first.

    Raises:
        Problem: the port is taken, there is no ``vllm`` command, or something that a stage needs cannot be had.
    """
    for start, group in groupby(gates(stages), key=lambda stage: stage.starts):
        rows = tuple(group)
        parts = _parts(gate, rows)
        for size in sizes if start.every_size else sizes[:1]:
            plan = replace(
                gate.plan,
                tensor_parallel_size=size,
                load_format=start.load_format or gate.plan.load_format,
                stage=rows[0].name,
            )
            sized = replace(gate, plan=plan)
            failed = None
            for verdict in _run(sized, rows, parts):
                yield verdict
                failed = failed or (verdict if verdict.failed else None)
            if failed is not None:
                if gate.climbs and failed.stage == rows[0].name and is_worth_climbing(failed):
                    yield _climbed(sized, rows[0], failed)
                return


def _run(gate: Gate, rows: Sequence[Stage], parts: Sequence[Part]) -> Iterator[Verdict]:
    """Yield the verdicts of stages with one start."""
    for row in rows:
        if row.running is not None:
            yield row.running(gate, row)
    if parts:
        yield from visit(gate, parts)


def _parts(gate: Gate, rows: Sequence[Stage]) -> list[Part]:
    asking = [(stage, stage.asking) for stage in rows if stage.asking is not None]
    return [Part(stage, how.prepare(gate), how.judge) for stage, how in asking]


def _climbed(gate: Gate, stage: Stage, failed: Verdict) -> Verdict:
    """Return the verdict of the ladder: that of the failure that it is about, with each step and what they tell."""
    steps, tells = climb(gate, failed, lambda changed, name: next(visit(changed, _parts(changed, [stage]), name)))
    return replace(
        failed,
        stage=LADDER_STAGE.name,
        reason=f"stage {failed.stage}: {tells}",
        seconds={},
        exchanges=(),
        numbers={},
        steps=steps,
        next_step=f"{tells}; {failed.next_step}",
    )
