"""``scaffold inspect``: what a checkpoint is, fact by fact, and what fits where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scaffold.capacity.nodes import DEVICES, Device, planned_for
from scaffold.cli.modelslim import modelslim_of
from scaffold.cli.one_core import one_core
from scaffold.cli.output import Output, reporting
from scaffold.cli.reading import read_asked
from scaffold.cli.roots import Settings, python_option

if TYPE_CHECKING:
    from scaffold.checkpoint.read import Checkpoint
    from scaffold.checkpoint.verify.run import Verification
    from scaffold.cli.inspection import Inspection, Registry
    from scaffold.reading.of_checkpoint import Reading


@click.command("inspect")
@click.argument("checkpoint", type=click.Path(path_type=Path))
@click.option("--modeling", type=click.Path(path_type=Path), help="The model's Python source, if it is elsewhere.")
@click.option(
    "--vllm", type=click.Path(path_type=Path), help="A vLLM source tree; shows what its registry knows about the model."
)
@click.option(
    "--vllm-ascend",
    type=click.Path(path_type=Path),
    help="The vllm-ascend source tree; shows how it resolves ModelSlim's names.",
)
@click.option(
    "--device", type=click.Choice(tuple(DEVICES)), help="The NPUs to plan for (default: A2 and A3 with 64 GB)."
)
@click.option("--memory", type=click.IntRange(1, 4096), metavar="GIB", help="Memory of one NPU, if it differs.")
@click.option("--verify", is_flag=True, help="Read all tensor data; look for NaN, infinity, zeros, absurd numbers.")
@click.option(
    "--sums", is_flag=True, help="With --verify: take each shard's SHA-256 and compare it with published sums."
)
@python_option
@reporting
def command(
    output: Output, checkpoint: Path, verify: bool, sums: bool, device: str | None, memory: int | None, **given: Any
) -> int:
    """Show what the model of CHECKPOINT is, what could not be determined, and on how many NPUs it fits.

    With -v each fact is shown with its evidence. With --verify, exit code 1 means NaN, infinity, or a wrong sum.
    """
    from scaffold.checkpoint.shards import without_collection
    from scaffold.cli.inspection import document, show

    with without_collection():
        found = _inspect(Settings(given), checkpoint, planned_for(device, memory))
        if verify or sums:
            found = replace(found, verification=_verify(output, found.checkpoint, sums))
        output.document(document(found))
        show(output, found)
    return 0 if found.verification is None or found.verification.holds else 1


@one_core()
def _inspect(settings: Settings, path: Path, device: Device) -> Inspection:
    from scaffold.capacity.plan import plan
    from scaffold.checkpoint.about import about
    from scaffold.checkpoint.ascend_paths import dequantised
    from scaffold.checkpoint.length import own_length
    from scaffold.checkpoint.read import read_checkpoint
    from scaffold.cli.inspection import Inspection
    from scaffold.disagreements.table import disagreements

    read = read_checkpoint(path)
    engine = settings.engine()
    reading = read_asked(settings, read, engine)
    decoder = reading.spec.decoder
    known = about(read, None if decoder is None else decoder.config)
    dequantise = dequantised(known.paths, device.generation)
    by_map, misread = by_the_map(reading)
    longest = own_length(path, read.text_config, read.model_type, None if decoder is None else decoder.config)
    capacity = plan(
        read.text_config, known.patterns, dequantise, by_map, decoder, device, own_length=longest, misread=misread
    )
    registry = _registry(settings, reading)
    differences = disagreements(read, decoder, reading.source)
    completed = None if decoder is None else decoder.config
    described = modelslim_of(settings, read, reading.transformers, completed)
    notes = (*reading.notes, *_method_notes(read, registry, settings.path("vllm_ascend")))
    return Inspection(
        read, reading.spec, known, capacity, registry, differences, source_notes=notes, modelslim=described
    )


OTHER_ATTENTION = (
    "the files lack {} of the source that was read instead of their own, so that their attention is another one"
)


def by_the_map(reading: Reading) -> tuple[Mapping[int, int] | None, str]:
    """Return the bytes per rank by the weight map, if one can be derived and proved for the sizes of a node.

    Parts around the decoder are counted by their names and shapes.

    Returns:
        The bytes, and why the files are not those of the attention that was read; empty where nothing says so.
    """
    decoder, checkpoint = reading.spec.decoder, reading.checkpoint
    if decoder is None:
        return None, ""
    from scaffold.capacity.plan import RANKS
    from scaffold.capacity.sizes import sizes_of
    from scaffold.capacity.weights import per_rank, weight_bytes
    from scaffold.common.errors import ScaffoldError
    from scaffold.mapping.proved import prove_weights
    from scaffold.source.python.errors import NotUnderstood
    from scaffold.vllm_models.adapter import is_quantised

    try:
        proof = prove_weights(decoder, checkpoint, reading.source, RANKS).proof
    except (ScaffoldError, NotUnderstood):
        return None, ""
    if any(finding.ranks in (None, 1) for finding in proof.findings):
        instead = bool(checkpoint.auto_map) and reading.source is not None and reading.source.library is not None
        if not instead or is_quantised(checkpoint):
            return None, ""
        mixers = {f".{mixer.name}." for layer in decoder.layers for mixer in layer.mixers}
        missing = (name for one in proof.findings if one.kind == "missing" for name in one.tensors)
        lost = next((name for name in missing if any(mixer in name for mixer in mixers)), "")
        return None, OTHER_ATTENTION.format(lost) if lost else ""
    tensors = [pattern for part in reading.spec.others for pattern in part.tensors]
    around, sizes = weight_bytes(tensors, dequantise=False, tied=False), sizes_of(reading.checkpoint.text_config)
    fitting = proof.bytes_per_rank.keys() - {finding.ranks for finding in proof.findings}
    return {tp: proof.bytes_per_rank[tp] + per_rank(around, sizes, tp).tensor_parallel for tp in sorted(fitting)}, ""


def _registry(settings: Settings, reading: Reading) -> Registry | None:
    from scaffold.cli.inspection import Registry
    from scaffold.cli.settings import container_root
    from scaffold.roots.registered import registry_facts
    from scaffold.roots.vllm_tree import read_vllm_tree
    from scaffold.strategy.differences import nearest_models

    root = settings.path("vllm") or container_root("vllm")
    if root is None:
        return None
    tree = read_vllm_tree(root)
    return Registry(root, registry_facts(tree, reading.checkpoint.architecture), nearest_models(reading, tree))


def _method_notes(read: Checkpoint, registry: Registry | None, ascend: Path | None) -> tuple[str, ...]:
    """Return what the trees that are named say of the method of quantisation."""
    from scaffold.common.errors import CheckFailed
    from scaffold.strategy.quantised import check_method, method_notes

    if registry is None:
        return ()
    try:
        check_method(read, registry.root, ascend)
    except CheckFailed as error:
        return (error.found,)
    return method_notes(read, registry.root)


def _verify(output: Output, read: Checkpoint, sums: bool) -> Verification:
    from scaffold.checkpoint.verify.run import verify
    from scaffold.cli.progress import bar

    total = sum((read.path / shard).stat().st_size for shard in read.weights.shards)
    with bar(output, "verifying", total) as advance:
        return verify(read.path, read.weights.shards, sums, advance)
