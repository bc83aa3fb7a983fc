"""``scaffold weights``: the weight map of a checkpoint, and its proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import Settings, python_option

if TYPE_CHECKING:
    from scaffold.checkpoint.read import Checkpoint
    from scaffold.weights.findings import Proof
    from scaffold.weights.rules import Rule, WeightMap

DEFAULT_SIZES = "1,2,4,8,16"


@click.command("weights")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--tp", default=DEFAULT_SIZES, show_default=True, help="Tensor-parallel sizes to prove it for.")
@click.option("--modeling", type=click.Path(path_type=Path), help="The model's Python source, if it is elsewhere.")
@click.option("--rules", type=click.Path(path_type=Path), help="Your own rules: a Python file, see docs/weights.md.")
@python_option
@reporting
def command(output: Output, checkpoint: Path, rules: Path | None, **given: Any) -> int:
    """Show where each tensor of CHECKPOINT goes, and prove it from the headers: no tensor data is read."""
    from scaffold.checkpoint.read import read_checkpoint
    from scaffold.weights.prove import prove

    settings = Settings(given)
    sizes = settings.tensor_parallel_sizes()
    read = read_checkpoint(checkpoint)
    weight_map = _from_file(rules, read) if rules else _derived(settings, read)
    proof = prove(weight_map, read.tensors, sizes)
    _show(output, read, weight_map, proof)
    output.document(_document(weight_map, proof))
    return 0 if proof.holds else 1


def _derived(settings: Settings, read: Checkpoint) -> WeightMap:
    from scaffold.errors import Refused
    from scaffold.source.locate import find
    from scaffold.spec.read import read_spec
    from scaffold.weights.derive import derive
    from scaffold.weights.quantisation import quantisation_of

    engine = settings.engine()
    transformers = engine.transformers if engine else None
    source = find(
        read.architecture, read.model_type, dict(read.auto_map), read.path, transformers, settings.path("modeling")
    )
    spec = read_spec(read, source)
    if spec.decoder is None:
        raise Refused(
            "; ".join(f"{hole.what} ({hole.evidence})" for hole in spec.holes),
            where=str(read.path),
            expected="a model whose spec could be read, or rules of your own",
            remedy="pass the environment that has the source with --python, or rules with --rules (docs/weights.md)",
        )
    return derive(spec.decoder, read.tensors, quantisation_of(read.config, read.tensors))


def _from_file(path: Path, read: Checkpoint) -> WeightMap:
    """Return what ``weight_map(config)`` of a user's own file returns. It is the user's code, not the checkpoint's."""
    import runpy

    from scaffold.errors import UsageError
    from scaffold.weights.rules import WeightMap

    if not path.is_file():
        raise UsageError("no such file", where=str(path), expected="a Python file", remedy="correct --rules")
    function = runpy.run_path(str(path)).get("weight_map")
    weight_map = function(read.config) if callable(function) else None
    if not isinstance(weight_map, WeightMap):
        raise UsageError(
            "no function weight_map(config) that returns a WeightMap",
            where=str(path),
            expected="one, see docs/weights.md",
            remedy="add it",
        )
    return weight_map


def _show(output: Output, read: Checkpoint, weight_map: WeightMap, proof: Proof) -> None:
    rows = [
        (
            rule.source,
            rule.target or f"– {rule.reason}",
            "+".join(str(part.shard) for part in rule.parts if part.shard is not None),
            rule.transform_text(),
            str(rule.count or ""),
            f"{_bytes(rule, read):,}",
        )
        for rule in weight_map.rules
    ]
    output.table(str(read.path), ("pattern", "target", "shard", "transform", "tensors", "bytes"), rows)
    ranks = [(str(tp), f"{size:,}", f"{size / 2**30:.2f}") for tp, size in proof.bytes_per_rank.items()]
    output.table("Bytes of the fullest rank, as they lie on disk", ("tensor parallel", "bytes", "GiB"), ranks)
    output.line(f"{proof.tensors} tensors: {proof.routed} routed, {proof.ignored} left out with a reason")
    for finding in proof.findings:
        output.line(f"  {finding}")
    output.line("the proof holds" if proof.holds else f"the proof fails: {len(proof.findings)} finding(s)")


def _bytes(rule: Rule, read: Checkpoint) -> int:
    return sum(read.tensors[name].num_bytes for name in rule.names() if name in read.tensors)


def _document(weight_map: WeightMap, proof: Proof) -> dict[str, Any]:
    return {
        "holds": proof.holds,
        "tensors": proof.tensors,
        "routed": proof.routed,
        "ignored": proof.ignored,
        "unrouted": list(proof.unrouted),
        "bytes_per_rank": {str(tp): size for tp, size in proof.bytes_per_rank.items()},
        "rules": [
            {
                "source": rule.source,
                "target": rule.target,
                "shards": [part.shard for part in rule.parts],
                "shape": None if rule.shape is None else list(rule.shape),
                "transform": rule.transform_text(),
                "tensors": rule.count,
                "reason": rule.reason,
            }
            for rule in weight_map.rules
        ],
        "findings": [
            {
                "kind": finding.kind,
                "says": finding.says,
                "mends": finding.mends,
                "tensors": list(finding.tensors),
                "rule": finding.rule,
                "ranks": finding.ranks,
            }
            for finding in proof.findings
        ],
    }
