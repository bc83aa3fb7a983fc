"""The main job up to the change set: read, decide, generate. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codemods import ChangeSet, edit
from scaffold.adapter.context import LICENCE_HEADER, adapter_context, module_name
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.common.errors import CheckFailed, EnvironmentLacks
from scaffold.common.names import model_name
from scaffold.delivery.commit import check_delivery_repo
from scaffold.delivery.documents import Delivery, delivery_context, verdict_context
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS, Layout, detect
from scaffold.mapping.of_checkpoint import weight_map_of
from scaffold.placement.patches import add_worker_patch
from scaffold.placement.registration import (
    ASCEND,
    ASCEND_MODELS,
    MODELS_PACKAGE,
    STANDALONE,
    VLLM,
    Registration,
    absolute_imports,
    dotted,
    plugin_package,
    register_in_ascend,
    register_in_vllm,
    write_plugin,
)
from scaffold.reading.model import read_model
from scaffold.rendering.formatting import format_python
from scaffold.rendering.template import render
from scaffold.roots.vllm_api import vllm_api
from scaffold.roots.vllm_tree import (
    MODELS,
    MULTIMODAL_DICT,
    PROCESSORS,
    TEXT_DICT,
    Registered,
    VllmTree,
    read_vllm_tree,
)
from scaffold.source.locate import ModelingSource, find
from scaffold.source.python.errors import NotUnderstood
from scaffold.spec.facts import DecoderSpec, Hole, ModelSpec
from scaffold.strategy.candidates import comparable
from scaffold.strategy.decide import Strategy, decide
from scaffold.weights.findings import Proof
from scaffold.weights.prove import prove
from scaffold.weights.quantisation import quantisation_of
from scaffold.weights.rules import WeightMap
from scaffold_validators.calls import misfit_calls
from scaffold_validators.imports import unresolved_imports
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        vllm: the tree that the adapter is for. It is read in any case, and edited with the placement ``vllm``.
        delivery: the vllm-ascend repo; a plugin has none.
        placement: a row of ``PLACEMENTS``.
        output: where a plugin's package goes; other placements have none.
        transformers: the package directory of the target environment.
        generated: file → SHA-256 of what this tool wrote there last, None if it did not; see `ChangeSet.create`.
        registered_by_us: architectures that an earlier run of ours registered: they do not count as known.
        verdicts: what was shown of the model so far, for the tutorial.
    """

    checkpoint: Path
    vllm: Path
    delivery: Path | None
    placement: str = VLLM
    output: Path | None = None
    name: str | None = None
    strategy: str = "auto"
    modeling: Path | None = None
    transformers: Path | None = None
    patches: Sequence[str] = ()
    trust_remote_code: bool = False
    generated: Callable[[Path], str | None] = lambda path: None
    registered_by_us: Sequence[str] = ()
    verdicts: Sequence[Verdict] = ()


@dataclass(frozen=True)
class Plan:
    """What will be done: the change set, and all that explains it."""

    name: str
    request: Request
    checkpoint: Checkpoint
    spec: ModelSpec
    strategy: Strategy
    proof: Proof | None
    changes: ChangeSet
    notes: tuple[str, ...]
    documents: Mapping[str, Any]
    """What test config and tutorial are filled from, but for the verdicts."""
    module: str
    adapter: str | None
    """The adapter's text with absolute imports, as it runs outside of any tree; None if no code is written."""
    weight_map: WeightMap | None = None
    """The rules of a generated adapter."""

    def files(self, root: Path) -> tuple[Path, ...]:
        """Return the files below a root that the plan creates or edits, relative to it."""
        root = root.resolve()
        return tuple(p.relative_to(root) for p in self.changes.paths if p.is_relative_to(root))


class NotPlanned(CheckFailed):
    """The model was read, and cannot be adapted as asked: ``spec`` and ``proof`` say how far it got."""

    kind = "Refused"
    """What the JSON document calls it: a refusal like any other."""

    def __init__(
        self, cause: CheckFailed, name: str, checkpoint: Checkpoint, spec: ModelSpec, proof: Proof | None
    ) -> None:
        super().__init__(cause.found, where=cause.where, expected=cause.expected, remedy=cause.remedy)
        self.name, self.checkpoint, self.spec, self.proof = name, checkpoint, spec, proof


def make_plan(request: Request) -> Plan:
    """Plan the adaptation of a checkpoint.

    Raises:
        ScaffoldError: the checkpoint, a root or the call is wrong, or the strategy asked for does not hold.
        Refusal: a codemod or the change set refuses an edit.
    """
    checkpoint = read_checkpoint(request.checkpoint)
    name = model_name(request.name, request.checkpoint)
    tree = read_vllm_tree(request.vllm)
    layout = None if request.delivery is None else detect(request.delivery)
    if request.delivery is not None:
        check_delivery_repo(request.delivery)
    source = find(
        checkpoint.architecture,
        checkpoint.model_type,
        dict(checkpoint.auto_map),
        checkpoint.path,
        request.transformers,
        request.modeling,
    )
    registry = {key: entry for key, entry in tree.registry.items() if key not in request.registered_by_us}
    spec = read_model(checkpoint, source)
    is_read = source is not None or spec.decoder is not None
    if not is_read and request.transformers is None and checkpoint.architecture not in registry:
        raise EnvironmentLacks(
            f"no modeling source of {checkpoint.architecture}: no environment with transformers to look in",
            where=str(request.checkpoint),
            expected="the environment that will serve the model, or the source itself",
            remedy="pass its Python with --python, or the file with --modeling",
        )
    candidates = lambda: comparable(checkpoint, source, request.transformers, registry)  # noqa: E731
    try:
        strategy = decide(spec, registry, candidates, request.strategy)
    except CheckFailed as error:
        raise NotPlanned(error, name, checkpoint, spec, None) from error
    return _Work(request, name, checkpoint, source, spec, strategy, tree, layout).plan()


class _Work:
    """One planning in progress; each step returns the next change set."""

    def __init__(
        self,
        request: Request,
        name: str,
        checkpoint: Checkpoint,
        source: ModelingSource | None,
        spec: ModelSpec,
        strategy: Strategy,
        tree: VllmTree,
        layout: Layout | None,
    ) -> None:
        self.request, self.name, self.checkpoint, self.source = request, name, checkpoint, source
        self.spec = spec
        self.strategy, self.tree, self.layout = strategy, tree, layout
        layout_name = layout.name if layout else "none"
        self.documents = delivery_context(
            Delivery(name, checkpoint, spec, strategy.name, layout_name, request.trust_remote_code)
        )
        self.notes: list[str] = []
        self.proof: Proof | None = None
        self.weight_map: WeightMap | None = None

    def plan(self) -> Plan:
        roots = (self.request.vllm, self.request.delivery, self.request.output)
        changes = ChangeSet(roots=tuple(root for root in roots if root is not None))
        module = module_name(self.checkpoint.model_type)
        try:
            rendered = render({**self._context(module), "model_name": self.name, "module": module})
        except CheckFailed as error:
            raise NotPlanned(error, self.name, self.checkpoint, self._with_hole(error), self.proof) from error
        adapter = None
        if self.strategy.name == "native":
            text = absolute_imports(rendered[_adapter_path(module)])
            adapter = format_python(text, self.request.vllm, Path(f"{module}.py"))  # imports of no use go here
            self._check_imports(adapter, module)
            changes = self._native(changes, rendered, adapter, module)
        elif self.strategy.name == "alias" and self.strategy.entry is not None:
            changes = self._alias(changes, self.strategy.entry)
        elif self.request.placement == STANDALONE:
            self.notes.append(f"no plugin: the strategy {self.strategy.name} needs no code")
        if not self.checkpoint.is_multimodal:
            self.notes.append("no processor stub: the checkpoint has no vision config and no image processor files")
        elif self.strategy.name != "native":
            self.notes.append(f"no processor stub: with the strategy {self.strategy.name} vLLM has the processor")
        if self.request.delivery is not None:
            changes = self._documents(changes, self.request.delivery, rendered)
            for target in self.request.patches:
                changes = add_worker_patch(changes, self.request.vllm, self.request.delivery, self.name, target)
        return Plan(
            name=self.name,
            request=self.request,
            checkpoint=self.checkpoint,
            spec=self.spec,
            strategy=self.strategy,
            proof=self.proof,
            changes=changes,
            notes=tuple(self.notes),
            documents=self.documents,
            module=module,
            adapter=adapter,
            weight_map=self.weight_map,
        )

    def _with_hole(self, error: CheckFailed) -> ModelSpec:
        """Return the spec with what the adapter has no form for among its holes; a proof that fails is none."""
        if self.proof is not None and not self.proof.holds:
            return self.spec
        return replace(self.spec, holes=(*self.spec.holes, Hole("adapter", error.found, error.where)))

    def _context(self, module: str) -> dict[str, Any]:
        context: dict[str, Any] = {
            "delivery": {**self.documents, **verdict_context(self.request.verdicts)},
            "processor_files": ", ".join(self.checkpoint.processor_files),
            "adapter": False,
        }
        if self.strategy.name != "native" or self.spec.decoder is None:
            return context
        try:
            return {
                **context,
                **self._adapter_context(self.spec.decoder),
                "adapter": True,
                "api": vllm_api(self.tree.root),
            }
        except NotUnderstood as error:
            raise _no_idiom(error) from error

    def _adapter_context(self, decoder: DecoderSpec) -> Mapping[str, Any]:
        quantisation = quantisation_of(self.checkpoint.config, self.checkpoint.tensors)
        cached = self.checkpoint.model_type in self.tree.latent_model_types()
        rules = self.weight_map = weight_map_of(decoder, self.checkpoint, self.source, fused_latents=cached)
        self.proof = prove(rules, self.checkpoint.tensors)
        if not self.proof.holds:
            raise CheckFailed(
                "; ".join(map(str, self.proof.findings)),
                where=f"weights of {self.name}",
                expected="rules that take every tensor once and fill every parameter",
                remedy="see scaffold inspect for the spec; a tensor that no rule takes is a part that was not read",
            )
        return adapter_context(
            self.spec.architecture,
            self._config_class(),
            decoder,
            rules,
            self.checkpoint.tensors,
            self.tree.licence_header(),
            quantisation,
            cached_latents=cached,
        )

    def _check_imports(self, adapter: str, module: str) -> None:
        """Check that the target's tree has all that the adapter imports, and takes what it is called with.

        Raises:
            NotPlanned: it has not, so that the adapter would not even load.
        """
        missing = [f"{m.module}.{m.name}" for m in unresolved_imports(adapter, self.request.vllm)]
        missing += [f"{m.callee} {m.what}" for m in misfit_calls(adapter, self.request.vllm)]
        if missing:
            error = CheckFailed(
                f"imports or arguments that this vLLM has nothing for: {', '.join(missing)}",
                where=str(self.request.vllm),
                expected=f"a tree that has all that the adapter of {module} needs",
                remedy="serve it with another vLLM, or with --strategy transformers",
            )
            raise NotPlanned(error, self.name, self.checkpoint, self.spec, self.proof)

    def _config_class(self) -> str:
        """Return the adapter's type of the config: a checkpoint's own class cannot be imported from transformers.

        Without source only a plain family has a config class, and that is transformers'.
        """
        in_transformers = self.source is None or self.source.library is not None
        return (self.spec.config_class if in_transformers else None) or "PretrainedConfig"

    def _native(self, changes: ChangeSet, rendered: Mapping[str, str], adapter: str, module: str) -> ChangeSet:
        """Place the adapter and register it: with absolute imports outside of vLLM's tree."""
        request, path = self.request, MODELS / f"{module}.py"
        text = rendered[_adapter_path(module)]
        table = MULTIMODAL_DICT if self.checkpoint.is_multimodal else TEXT_DICT
        registration = Registration(self.spec.architecture, module, self.spec.architecture, table)
        if request.placement == VLLM:
            changes = self._python(changes, request.vllm / path, text, request.vllm, path)
            changes = register_in_vllm(changes, request.vllm, registration)
            return self._processor_stub(changes, rendered, module)
        if self.checkpoint.is_multimodal:
            self.notes.append("no processor stub: it belongs into vLLM's tree, see --placement vllm")
        if request.placement == ASCEND and request.delivery is not None:
            path = ASCEND_MODELS / f"{module}.py"
            changes = self._python(changes, request.delivery / path, adapter, request.delivery, path)
            return register_in_ascend(changes, request.delivery, registration, ".".join(ASCEND_MODELS.parts))
        assert request.output is not None
        package = plugin_package(module)
        path = Path("src") / package / f"{module}.py"
        changes = self._python(changes, request.output / path, adapter, request.vllm, path)
        return self._plugin(changes, request.output, replace(registration, module=f"{package}.{module}"))

    def _alias(self, changes: ChangeSet, entry: Registered) -> ChangeSet:
        """Register the architecture as the implementation that serves it already."""
        request = self.request
        registration = Registration(self.spec.architecture, entry.module, entry.class_name, entry.table)
        if request.placement == VLLM:
            return register_in_vllm(changes, request.vllm, registration)
        if request.placement == ASCEND and request.delivery is not None:
            return register_in_ascend(changes, request.delivery, registration, MODELS_PACKAGE)
        assert request.output is not None
        return self._plugin(changes, request.output, replace(registration, module=dotted(entry.module, MODELS_PACKAGE)))

    def _plugin(self, changes: ChangeSet, output: Path, registration: Registration) -> ChangeSet:
        package = plugin_package(module_name(self.checkpoint.model_type))
        header = self.tree.licence_header() or LICENCE_HEADER
        return write_plugin(changes, output, self.name, registration, package, header, self._create)

    def _processor_stub(self, changes: ChangeSet, rendered: Mapping[str, str], module: str) -> ChangeSet:
        if not self.checkpoint.is_multimodal:
            return changes
        stub = PROCESSORS / f"{module}.py"
        self.notes.append(f"{stub} is a stub: how images are turned into tokens has to be written")
        return self._python(changes, self.request.vllm / stub, rendered[stub.as_posix()], self.request.vllm, stub)

    def _python(self, changes: ChangeSet, file: Path, text: str, settings: Path, path: Path) -> ChangeSet:
        """Add a Python file, laid out by the ``ruff`` settings of a tree as if it lay at ``path`` in it."""
        return self._create(changes, file, format_python(text, settings, path))

    def _documents(self, changes: ChangeSet, root: Path, rendered: Mapping[str, str]) -> ChangeSet:
        for path in (TEST_CONFIGS / f"{self.name}.yaml", TUTORIALS / f"{self.name}.md"):
            changes = self._create(changes, root / path, tidy(rendered[path.as_posix()]))
        return edit(changes, "list-tutorial", root, tutorial=self.name)

    def _create(self, changes: ChangeSet, path: Path, text: str) -> ChangeSet:
        return changes.create(path, text, generated=self.request.generated(path))


def _adapter_path(module: str) -> str:
    """Return where the template has the adapter."""
    return (MODELS / f"{module}.py").as_posix()


def tidy(text: str) -> str:
    """Return the text without runs of blank lines and blanks at line ends, which templates leave behind."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _no_idiom(error: NotUnderstood) -> CheckFailed:
    hole = Hole("adapter", error.what, error.where)
    return CheckFailed(
        hole.what,
        where=hole.evidence,
        expected="a form that adapters have an idiom for",
        remedy="serve it with --strategy transformers until there is one",
    )
