"""The weight map of a planned model, read again from the checkpoint: records keep its rules as lines alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from scaffold.capacity.plan import RANKS
from scaffold.checkpoint.read import read_checkpoint
from scaffold.evidence.account import Account
from scaffold.evidence.plan_record import PlanRecord
from scaffold.mapping.of_checkpoint import tensors_of
from scaffold.planning.settle import settle
from scaffold.report.page.weights import Weights, tensors_alone, weights_of
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.strategy.protocol import Question
from scaffold.weights.packed import Unpacked
from scaffold.weights.ranks import fitting_sizes
from scaffold.weights.rules import WeightMap

OTHER_RULES = "the rules that follow now are not those of the plan: run scaffold new-model for this model again"


def weights_of_plan(
    record: PlanRecord, account: Account | None, transformers: Path | None = None, modeling: Path | None = None
) -> Weights:
    """Return where the tensors of a planned model go; without rules where that cannot be told.

    Args:
        record: the plan.
        account: what it found out; the rules of a module that it adds have to be the same again.
        transformers: the package in which modeling source is looked up.
        modeling: the modeling source, where it is not the checkpoint's or transformers' own.

    Raises:
        CheckpointError: the checkpoint cannot be read any more.
        UsageError: the vLLM tree is gone.
    """
    checkpoint = read_checkpoint(Path(record.checkpoint))
    reading = settle(checkpoint, transformers, modeling, record.believe or None).reading
    found = Question(reading, {}, read_vllm_tree(Path(record.vllm))).weights
    if isinstance(found, str):
        holes = "; ".join(f"{hole.what} ({hole.where})" for hole in reading.spec.holes)
        return tensors_alone(checkpoint.tensors, f"{found}: {holes}" if holes else found)
    planned = account.rules if account is not None else ()
    if planned and [(line.source, line.target) for line in planned] != _lines(found.weight_map):
        return tensors_alone(checkpoint.tensors, OTHER_RULES)
    proof = found.at(reading.checkpoint, fitting_sizes(found.weight_map, RANKS)).proof
    tensors = tensors_of(reading.checkpoint, reading.spec.decoder)
    is_packed = any(isinstance(one, Unpacked) for one in tensors.values())
    made = weights_of(found.weight_map, proof, tensors, stand_for=is_packed)
    return replace(made, is_of_plan=bool(planned))


def _lines(weight_map: WeightMap) -> list[tuple[str, str]]:
    return [(rule.source, rule.target) for rule in weight_map.rules]
