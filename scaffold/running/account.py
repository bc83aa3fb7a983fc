"""What is kept of a plan for reports: all that it found out, as plain values."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.capacity.nodes import ANY
from scaffold.capacity.plan import SEQUENCES, CapacityPlan, Row, plan
from scaffold.checkpoint.about import About, about
from scaffold.checkpoint.ascend_paths import dequantised
from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.length import own_length
from scaffold.common.names import model_id
from scaffold.evidence.account import (
    Account,
    Considered,
    KnownFact,
    KnownHole,
    NearModel,
    OnPaper,
    PaperCapacity,
    RuleLine,
)
from scaffold.mapping.proved import Proved
from scaffold.planning.plan import Plan
from scaffold.running.model_facts import model_facts
from scaffold.strategy.differences import Differences
from scaffold.weights.prove import bytes_of_rank


def account_of(made: Plan) -> Account:
    """Return what a plan found out of its model."""
    checkpoint, decoder, counts = made.checkpoint, made.spec.decoder, made.decision.counts
    known = about(checkpoint, None if decoder is None else decoder.config)
    dequantise = dequantised(known.paths, ANY.generation)
    by_map, longest = _bytes_per_rank(made), _own_length(made)
    paper = plan(checkpoint.text_config, known.patterns, dequantise, by_map, decoder, own_length=longest)
    return Account(
        checkpoint_digest=checkpoint.digest,
        model_id=model_id(made.request.model_id, made.name, made.request.checkpoint, checkpoint.config),
        model_type=made.spec.model_type,
        modalities=tuple(made.spec.modalities),
        placement=made.request.placement,
        facts=tuple(map(_fact, _facts(made, known))),
        holes=tuple(KnownHole(hole.where, hole.what, hole.evidence) for hole in made.spec.holes),
        disagreements=tuple(map(str, made.subject.settled.found)),
        considered=tuple(
            Considered(strategy.name, answer.holds, answer.reason) for strategy, answer in made.decision.answers
        ),
        near=tuple(map(_near, made.near)),
        tensors=len(checkpoint.weights.forms),
        num_bytes=checkpoint.weight_bytes,
        taken=counts.taken if counts else None,
        left_out=counts.left_out if counts else None,
        unknown=tuple(counts.unknown) if counts else (),
        rules=tuple(_rules(made.proved)) if made.proved else (),
        proved_sizes=made.proved_sizes,
        misfits={str(size): why for size, why in sorted(made.decision.misfits.items())},
        feature_facts=model_facts(checkpoint),
        paper=_paper(paper),
        notes=made.notes,
    )


def _facts(made: Plan, known: About) -> Iterator[Fact]:
    """Yield the spec's facts, and those of the checkpoint whose names the spec does not have, as ``inspect`` does."""
    named = {fact.name for fact in made.spec.facts}
    yield from made.spec.facts
    yield from (fact for fact in known.facts if fact.name not in named)


def _fact(fact: Fact) -> KnownFact:
    return KnownFact(fact.name, fact.value, tuple(_evidence(one) for one in fact.evidence if one.where))


def _evidence(one: Evidence) -> str:
    return f"{one.kind}: {one.where}" + (f" ({one.shows})" if one.shows else "")


def _near(one: Differences) -> NearModel:
    return NearModel(
        architecture=one.entry.architecture,
        version=one.version or "",
        likeness=one.near.likeness,
        only_here=one.near.only_here,
        only_there=one.near.only_there,
        spec=one.spec,
        unread=one.unread,
        config_keys=one.config_keys,
    )


def _rules(proved: Proved) -> Iterator[RuleLine]:
    for rule, num_bytes in zip(proved.weight_map.rules, proved.proof.bytes_per_rule, strict=True):
        shards = "+".join(str(part.shard) for part in rule.parts if part.shard is not None)
        yield RuleLine(rule.source, rule.target, shards, rule.transform_text(), rule.count or 0, num_bytes, rule.reason)


def _bytes_per_rank(made: Plan) -> dict[int, int] | None:
    """Return the bytes of the fullest rank at each size that the weights were proved for; None without a proof."""
    if made.proved is None or not made.proved.proof.holds:
        return None
    rules, num_bytes = made.proved.weight_map.rules, made.proved.proof.bytes_per_rule
    return {tp: bytes_of_rank(rules, num_bytes, tp) for tp in made.proved_sizes}


def _own_length(made: Plan) -> int | None:
    read, decoder = made.checkpoint, made.spec.decoder
    return own_length(read.path, read.text_config, made.spec.model_type, None if decoder is None else decoder.config)


def _paper(found: CapacityPlan) -> PaperCapacity:
    return PaperCapacity(
        basis=found.basis,
        tokens=found.tokens,
        sequences=SEQUENCES,
        kv_per_token=found.kv.per_token if found.kv else None,
        kv_arithmetic=found.kv.arithmetic if found.kv else "",
        kv_missing=found.kv_missing,
        rows=tuple(map(_row, found.rows)),
        nodes=tuple(f"{answer.node.name}: {answer.arithmetic}" for answer in found.nodes),
        assumptions=found.assumptions,
    )


def _row(row: Row) -> OnPaper:
    return OnPaper(row.ranks, row.weights, row.kv, row.sequences, row.fits, row.why_not)
