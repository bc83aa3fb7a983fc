"""Read: the checkpoint, its model, and the trees, before anything is decided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.adapter.context import LICENCE_HEADER, class_prefix, module_name
from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import EnvironmentLacks, UsageError
from scaffold.common.names import model_name
from scaffold.delivery.commit import check_delivery_repo
from scaffold.delivery.layout import Layout, detect
from scaffold.placement.plugin import distribution
from scaffold.placement.protocol import Site
from scaffold.placement.table import PLACEMENTS
from scaffold.planning.request import Request
from scaffold.planning.settle import Settled, settle
from scaffold.reading.of_checkpoint import Reading
from scaffold.roots.vllm_tree import Registered, VllmTree, read_vllm_tree


@dataclass(frozen=True)
class Subject:
    """What a plan is about.

    Attributes:
        reading: the checkpoint, and what its model is.
        tree: the vLLM that the plan is for.
        registry: the tree's, without what an earlier run of this tool registered.
        layout: of the delivery repo; None where nothing is delivered.
        site: where things go.
        settled: where config and tensors disagree, and which side counts.
    """

    reading: Reading
    tree: VllmTree
    registry: Mapping[str, Registered]
    layout: Layout | None
    site: Site
    settled: Settled


def read(request: Request) -> Subject:
    """Read what the request names; the model comes last, as that takes longest.

    Raises:
        CheckpointError: the checkpoint or its source is damaged.
        UsageError: a root is no source tree, or the name cannot be that of a file.
        EnvironmentLacks: there is no place to look for the source of an architecture that vLLM does not know.
    """
    checkpoint = read_checkpoint(request.checkpoint)
    name = model_name(request.name, request.checkpoint)
    tree = read_vllm_tree(request.vllm)
    layout = None if request.delivery is None else detect(request.delivery)
    if request.delivery is not None:
        check_delivery_repo(request.delivery)
    registry = {key: entry for key, entry in tree.registry.items() if key not in request.registered_by_us}
    module = module_name(checkpoint.model_type) or module_name(class_prefix(checkpoint.architecture))
    site = Site(
        name=name,
        module=module,
        vllm=request.vllm,
        delivery=request.delivery,
        output=None if PLACEMENTS[request.placement].edits_trees else _plugin_folder(request.output, module),
        licence_header=tree.licence_header() or LICENCE_HEADER,
        generated=request.generated,
        earlier=request.earlier,
    )
    settled = settle(checkpoint, request.transformers, request.modeling, request.believe)
    _check_source(settled.reading, registry)
    return Subject(settled.reading, tree, registry, layout, site, settled)


def _plugin_folder(asked: Path | None, module: str) -> Path:
    """Return where a plugin goes: as asked, or into the current directory, by the name of its distribution."""
    folder = asked or Path.cwd() / distribution(module)
    if folder.is_file():
        raise UsageError(f"the file {folder}", where="--output", expected="a directory", remedy="name another")
    return folder.resolve()


def _check_source(reading: Reading, registry: Mapping[str, Registered]) -> None:
    is_read = reading.source is not None or reading.spec.decoder is not None
    architecture = reading.checkpoint.architecture
    if is_read or reading.transformers is not None or architecture in registry:
        return
    raise EnvironmentLacks(
        f"no modeling source of {architecture}: no environment with transformers to look in",
        where=str(reading.checkpoint.path),
        expected="the environment that will serve the model, or the source itself",
        remedy="pass its Python with --python, or the file with --modeling",
    )
