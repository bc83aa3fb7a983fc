"""``scaffold weights``: the weight map of a checkpoint, and its proof."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.cli.adapter_check import show_adapter
from scaffold.cli.disagreements import disagreements_document, show_disagreements
from scaffold.cli.modelslim import modelslim_document, modelslim_of, show_modelslim
from scaffold.cli.one_core import one_core
from scaffold.cli.output import Output, reporting
from scaffold.cli.roots import Settings, believe_option, python_option
from scaffold.common.sizes import size_text
from scaffold_validators.counted import counted

if TYPE_CHECKING:
    from scaffold.checkpoint.read import Checkpoint
    from scaffold.disagreements.finding import Disagreement
    from scaffold.planning.settle import Settled
    from scaffold.reading.of_checkpoint import Reading
    from scaffold.weights.findings import Proof
    from scaffold.weights.rules import WeightMap

USUAL_SIZES = (1, 2, 4, 8, 16)


@click.command("weights")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--tp", help="Tensor-parallel sizes to prove it for (default: those of 1, 2, 4, 8, 16 that fit).")
@click.option("--modeling", type=click.Path(path_type=Path), help="The model's Python source, if it is elsewhere.")
@click.option(
    "--rules", type=click.Path(path_type=Path), help="A Python file with your own rules; see docs/weights.md."
)
@click.option("--emit", type=click.Path(path_type=Path), help="Write rules and their tests to this Python file.")
@click.option("--adapter", type=click.Path(path_type=Path), help="Check an existing vLLM model file instead.")
@click.option(
    "--vllm", type=click.Path(path_type=Path), help="A vLLM source tree, for --adapter and ModelSlim's names."
)
@click.option(
    "--vllm-ascend",
    type=click.Path(path_type=Path),
    help="The vllm-ascend source tree; shows how it resolves ModelSlim's names.",
)
@believe_option
@python_option
@reporting
@one_core()
def command(
    output: Output, checkpoint: Path, rules: Path | None, emit: Path | None, adapter: Path | None, **given: Any
) -> int:
    """Show where each tensor of CHECKPOINT goes, and prove it from the headers: no tensor data is read.

    With --adapter: show which tensors an existing vLLM model file would not take, which have a shape other than it
    asks for, which of its parameters would stay empty, and at which sizes it cannot be split. The file is read, not
    run.
    """
    from scaffold.checkpoint.read import read_checkpoint
    from scaffold.mapping.of_checkpoint import tensors_of
    from scaffold.weights.prove import prove
    from scaffold.weights.ranks import fitting_sizes

    settings = Settings(given)
    asked = settings.tensor_parallel_sizes() if settings.get("tp") else None
    read = read_checkpoint(checkpoint)
    if adapter is not None:
        return show_adapter(output, settings, read, adapter, USUAL_SIZES, asked)
    found: tuple[Disagreement, ...] = ()
    if rules:
        weight_map, decoder = _from_file(rules, read), None
    else:
        settled = _settled(settings, read)
        read, found = settled.reading.checkpoint, settled.found
        show_disagreements(output, found)
        for note in settled.notes:
            output.line(f"  {note}")
        weight_map, decoder = _derived(settled.reading), settled.reading.spec.decoder
    sizes = asked or fitting_sizes(weight_map, USUAL_SIZES)
    proof = prove(weight_map, read.tensors if rules else tensors_of(read, decoder), sizes)
    _show(output, read, weight_map, proof)
    described = modelslim_of(settings, read, ranks=sizes)
    show_modelslim(output, described)
    output.document({
        **_document(weight_map, proof),
        "disagreements": disagreements_document(found),
        "modelslim": modelslim_document(described),
    })  # fmt: skip
    if emit is not None:
        _emit(output, emit, read, weight_map, decoder is None or decoder.listed is None)
    return 0 if proof.holds and (described is None or described.holds) else 1


def _emit(output: Output, path: Path, read: Checkpoint, weight_map: WeightMap, as_named: bool) -> None:
    from scaffold.common.errors import UsageError
    from scaffold.weights.written import test_file

    if not as_named:
        raise UsageError(
            "rules about names that the checkpoint does not have: its layers lie in one list with other modules",
            where=str(read.path),
            expected="tensors under the names that rules are about",
            remedy="leave --emit out; the adapter's loader renames them (apart_from_layers)",
        )
    if path.exists():
        raise UsageError("it is there already", where=str(path), expected="a new file", remedy="remove or rename it")
    path.write_text(test_file(weight_map, read.architecture), encoding="utf-8")
    output.document({"emitted": str(path)})
    output.line(f"written: {path}; run it with: SCAFFOLD_CHECKPOINT={read.path} pytest {path}")


def _settled(settings: Settings, read: Checkpoint) -> Settled:
    from scaffold.planning.settle import settle

    engine = settings.engine()
    transformers = engine.transformers if engine else None
    return settle(read, transformers, settings.path("modeling"), settings.get("believe"))


def _derived(reading: Reading) -> WeightMap:
    """Return the rules that follow from what the model is.

    Raises:
        CheckFailed: that could not be read.
    """
    from scaffold.common.errors import CheckFailed
    from scaffold.mapping.of_checkpoint import weight_map_of
    from scaffold.spec.holes import listed

    read = reading.checkpoint
    if reading.spec.decoder is None:
        raise CheckFailed(
            listed(reading.spec.holes),
            where=str(read.path),
            expected="a model whose spec could be read, or rules of your own",
            remedy="pass the environment that has the source with --python, or rules with --rules (docs/weights.md)",
        )
    return weight_map_of(reading.spec.decoder, read, reading.source)


def _from_file(path: Path, read: Checkpoint) -> WeightMap:
    """Return what ``weight_map(config)`` of a user's own file returns. It is the user's code, not the checkpoint's."""
    import runpy

    from scaffold.common.errors import UsageError
    from scaffold.weights.rules import WeightMap

    if not path.is_file():
        raise UsageError("no such file", where=str(path), expected="a Python file", remedy="correct --rules")
    try:
        function = runpy.run_path(str(path)).get("weight_map")
        weight_map = function(read.config) if callable(function) else None
    except Exception as error:  # whatever the user's own code raises
        raise UsageError(
            f"{type(error).__name__}: {error}",
            where=str(path),
            expected="rules for this checkpoint's config",
            remedy="correct the file, or pass the rules of this model",
        ) from error
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
            f"{size:,}",
        )
        for rule, size in zip(weight_map.rules, proof.bytes_per_rule)
    ]
    output.table(str(read.path), ("pattern", "target", "shard", "transform", "tensors", "bytes"), rows)
    ranks = [(str(tp), f"{size:,}", size_text(size)) for tp, size in proof.bytes_per_rank.items()]
    output.table("Bytes of the fullest rank, as they lie on disk", ("tensor parallel", "bytes", "size"), ranks)
    output.line(f"{proof.tensors} tensors: {proof.routed} routed, {proof.ignored} left out with a reason")
    for finding in proof.findings:
        output.line(f"  {finding}")
    output.line("the proof holds" if proof.holds else f"the proof fails: {counted(len(proof.findings), 'finding')}")


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
                "ranges": {name: [numbers.start, numbers.stop] for name, numbers in rule.ranges.items()},
                "shape": None if rule.shape is None else list(rule.shape),
                "axis": rule.axis,
                "parts": [{"shard": part.shard, "size": part.size, "split": str(part.split)} for part in rule.parts],
                "transform": rule.transform_text(),
                "scale": rule.scale.name if rule.scale else None,
                "tensors": rule.count,
                "bytes": size,
                "required": rule.required,
                "reason": rule.reason,
            }
            for rule, size in zip(weight_map.rules, proof.bytes_per_rule)
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
