"""What ``inspect`` found, as tables for people and as its JSON document (docs/reading.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.capacity.plan import SEQUENCES, CapacityPlan
from scaffold.checkpoint.about import About
from scaffold.checkpoint.facts import Fact
from scaffold.checkpoint.read import Checkpoint
from scaffold.checkpoint.verify.run import Verification
from scaffold.cli.disagreements import disagreements_document, show_disagreements
from scaffold.cli.modelslim import modelslim_document, show_modelslim
from scaffold.cli.nearest import differences_document
from scaffold.cli.output import Output
from scaffold.common.sizes import size_text
from scaffold.disagreements.finding import Disagreement
from scaffold.roots.registered import RegistryFacts
from scaffold.spec.holes import holes_document
from scaffold.spec.model import ModelSpec
from scaffold.strategy.differences import Differences

if TYPE_CHECKING:
    from scaffold.modelslim.check import ModelSlimCheck

SHOWN_NAMES = 8


@dataclass(frozen=True)
class Registry:
    """What a vLLM tree knows of the architecture."""

    root: Path
    facts: RegistryFacts
    near: tuple[Differences, ...]


@dataclass(frozen=True)
class Inspection:
    """All that was found."""

    checkpoint: Checkpoint
    spec: ModelSpec
    about: About
    capacity: CapacityPlan
    registry: Registry | None
    disagreements: tuple[Disagreement, ...] = ()
    verification: Verification | None = None
    source_notes: tuple[str, ...] = ()
    modelslim: ModelSlimCheck | None = None

    def notes(self) -> tuple[str, ...]:
        """Return what there is to say of the files that were read."""
        return (*self.checkpoint.weights.notes, *self.source_notes)

    def facts(self) -> Iterator[Fact]:
        """Yield the spec's facts, and those of the checkpoint whose names the spec does not have."""
        named = {fact.name for fact in self.spec.facts}
        yield from self.spec.facts
        yield from (fact for fact in self.about.facts if fact.name not in named)


def document(found: Inspection) -> dict[str, Any]:
    """Return the JSON document, without its schema number."""
    read, spec = found.checkpoint, found.spec
    return {
        "path": str(read.path),
        "architecture": spec.architecture,
        "model_type": spec.model_type,
        "modalities": list(spec.modalities),
        "digest": read.digest,
        "facts": [
            {
                "name": fact.name,
                "value": fact.value,
                "evidence": [{"kind": e.kind, "where": e.where, "shows": e.shows} for e in fact.evidence],
            }
            for fact in found.facts()
        ],
        "disagreements": [str(one) for one in found.disagreements],
        "disagreement_details": disagreements_document(found.disagreements),
        "holes": holes_document(spec.holes),
        "parts": [
            {
                "kind": part.kind,
                "name": part.name,
                "tensors": part.num_tensors,
                "bytes": part.num_bytes,
                "left_out": part.left_out,
            }
            for part in spec.others
        ],
        "notes": list(found.notes()),
        "tensors": {
            "count": len(read.weights.forms),
            "bytes": read.weight_bytes,
            "shards": list(read.weights.shards),
            "patterns": [
                {"name": p.name, "dtype": p.dtype, "shape": list(p.shape), "count": p.count, "bytes": p.total_bytes}
                for p in found.about.patterns
            ],
        },
        "quantization": _quantization(found.about),
        "modelslim": modelslim_document(found.modelslim),
        "capacity": _capacity(found.capacity),
        "registry": _registry(found.registry),
        "verification": _verification(found.verification),
    }


def _quantization(about: About) -> dict[str, Any] | None:
    if about.quantization is None:
        return None
    return {
        "kind": about.quantization.kind,
        "scheme": list(about.quantization.scheme),
        "parts": [asdict(part) for part in about.quantization.parts],
        "unquantized": about.quantization.plain,
        "ascend": [asdict(answer) for answer in about.paths],
    }


def _capacity(plan: CapacityPlan) -> dict[str, Any]:
    return {
        "basis": plan.basis,
        "dequantised_at_load": plan.dequantised,
        "tokens": plan.tokens,
        "sequences": SEQUENCES,
        "kv_bytes_per_token": plan.kv.per_token if plan.kv else None,
        "kv_arithmetic": plan.kv.arithmetic if plan.kv else plan.kv_missing,
        "kv_evidence": plan.kv.evidence if plan.kv else None,
        "kv_indexer_bytes_per_token": plan.kv.indexer_per_token if plan.kv else None,
        "device": plan.device.generation,
        "npu_bytes": plan.device.npu_bytes,
        "ranks": [asdict(row) for row in plan.rows],
        "nodes": [
            {
                "name": answer.node.name,
                "npus": answer.node.npus,
                "smallest": answer.smallest,
                "smallest_for_load": answer.smallest_for_load,
                "arithmetic": answer.arithmetic,
            }
            for answer in plan.nodes
        ],
        "assumptions": list(plan.assumptions),
    }


def _registry(registry: Registry | None) -> dict[str, Any] | None:
    if registry is None:
        return None
    facts = registry.facts
    return {
        "root": str(registry.root),
        "registered": facts.entry is not None,
        "how": facts.how,
        "form": facts.form,
        "version": facts.version,
        "where": facts.where,
        "nearest": [differences_document(one) for one in registry.near],
    }


def _verification(verification: Verification | None) -> dict[str, Any] | None:
    if verification is None:
        return None
    return {
        "holds": verification.holds,
        "tensors": verification.tensors,
        "bytes": verification.num_bytes,
        "findings": [{**asdict(f), "damage": f.is_damage} for f in verification.findings],
        "sums": [
            {
                "shard": s.shard,
                "sha256": s.sha256,
                "expected": s.expected.sha256 if s.expected else None,
                "where": s.expected.where if s.expected else None,
                "wrong": s.is_wrong,
            }
            for s in verification.sums
        ],
    }


def show(output: Output, found: Inspection) -> None:
    """Show it as tables; with ``--json`` only with ``-v`` as well, as the document has all of it."""
    if output.as_json and not output.verbose:
        return
    rows = [(fact.name, fact.value, _evidence(fact)) for fact in found.facts()]
    title = f"{found.checkpoint.path}"
    if output.verbose:
        output.table(title, ("fact", "value", "evidence"), rows)
    else:
        output.table(title, ("fact", "value"), [row[:2] for row in rows])
    if found.spec.holes:
        output.table("Holes", ("what", "where"), [(hole.what, hole.evidence) for hole in found.spec.holes])
    show_disagreements(output, found.disagreements)
    show_modelslim(output, found.modelslim)
    for note in found.notes():
        output.line(f"note: {note}")
    _show_capacity(output, found.capacity)
    if found.registry is not None:
        _show_registry(output, found.registry)
    if found.verification is not None:
        _show_verification(output, found.verification)


def _evidence(fact: Fact) -> str:
    shown = []
    for entry in fact.evidence:
        if entry.where:
            shown.append(f"{entry.where} ({entry.shows})" if entry.shows else entry.where)
    return ", ".join(shown)


def _show_capacity(output: Output, plan: CapacityPlan) -> None:
    expert_parallel = any(row.weights_expert_parallel is not None for row in plan.rows)
    length = f"{plan.tokens // 1024}k" if plan.tokens % 1024 == 0 and plan.tokens > 1024 else f"{plan.tokens:,}"
    columns = [
        "tp",
        "weights per rank",
        f"KV of {SEQUENCES} × {length} per rank",
        f"sequences of {length} that fit",
        "",
    ]
    if expert_parallel:
        columns.insert(2, "with expert parallel")
    rows = []
    for row in plan.rows:
        cells = [
            str(row.ranks),
            size_text(row.weights),
            "unknown" if row.kv is None else size_text(row.kv),
            "unknown" if row.kv is None else "any number" if row.sequences is None else str(row.sequences),
            row.why_not or ("fits" if row.fits else ""),
        ]
        if expert_parallel:
            cells.insert(2, size_text(row.weights_expert_parallel or 0))
        rows.append(cells)
    output.table(f"Capacity, by {plan.basis}", columns, rows)
    if plan.kv is not None:
        output.line(f"KV cache: {plan.kv.per_token:,} B per token = {plan.kv.arithmetic}")
        output.line(f"  by {plan.kv.evidence}")
        if plan.kv.indexer_per_token:
            output.line(f"indexer: {plan.kv.indexer_per_token:,} B per token more, on every rank")
    else:
        output.line(f"KV cache: unknown, {plan.kv_missing}")
    for answer in plan.nodes:
        output.line(f"{answer.node.name}: {answer.arithmetic}")
    if output.verbose:
        for assumption in plan.assumptions:
            output.line(f"  assumed: {assumption}")


def _show_registry(output: Output, registry: Registry) -> None:
    facts = registry.facts
    version = f" {facts.version}" if facts.version else ""
    form = f", as {facts.form}" if facts.form else ""
    output.line(f"vLLM{version} in {registry.root}: {facts.how}{form}")
    near = [one.near for one in registry.near]
    rows = [
        (one.entry.architecture, f"{one.likeness:.0%}", _names(one.only_here), _names(one.only_there)) for one in near
    ]
    if rows:
        output.table("Nearest by tensor names", ("architecture", "alike", "only here", "only there"), rows)
    for differences in registry.near:
        for line in differences.lines():
            output.line(line)


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
    return ", ".join(names[:SHOWN_NAMES]) + more


def _show_verification(output: Output, verification: Verification) -> None:
    rows = [(f.kind, f.tensor, f.shard, f"{f.byte:,}", f.says) for f in verification.findings]
    if rows:
        output.table("Tensor data", ("what", "tensor", "shard", "first at byte", "how much"), rows)
    read = f"{verification.tensors:,} tensors, {size_text(verification.num_bytes)} read"
    damage = sum(1 for f in verification.findings if f.is_damage)
    output.line(f"{read}: {damage} damaged, {len(verification.findings) - damage} suspicious")
    for entry in verification.sums:
        if entry.is_wrong and entry.expected is not None:
            output.line(
                f"wrong sum: {entry.shard} is {entry.sha256}, {entry.expected.where} has {entry.expected.sha256}"
            )
        elif output.verbose:
            compared = f"as in {entry.expected.where}" if entry.expected else "nothing to compare with"
            output.line(f"  {entry.sha256}  {entry.shard} ({compared})")
    if verification.sums:
        compared_count = sum(1 for entry in verification.sums if entry.expected)
        output.line(f"{len(verification.sums)} sums, {compared_count} compared")
