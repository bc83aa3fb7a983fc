"""The main job up to the change set: read, decide, generate. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemods import ChangeSet, find_codemod, target_file
from scaffold.adapter.context import adapter_context, module_name
from scaffold.candidates import comparable
from scaffold.checkpoint.read import Checkpoint, read_checkpoint
from scaffold.delivery.commit import check_delivery_repo
from scaffold.delivery.documents import Delivery, delivery_context, verdict_context
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS, Layout, detect
from scaffold.errors import EnvironmentLacks, Refused
from scaffold.formatting import format_python
from scaffold.names import model_name
from scaffold.patches import add_worker_patch
from scaffold.roots.vllm_tree import (
    MODELS,
    MULTIMODAL_DICT,
    PROCESSORS,
    REGISTRY,
    TEXT_DICT,
    VllmTree,
    read_vllm_tree,
)
from scaffold.source.errors import NotUnderstood
from scaffold.source.locate import find
from scaffold.spec.facts import Hole, ModelSpec
from scaffold.spec.read import read_spec
from scaffold.strategy import Strategy, decide
from scaffold.template import render
from scaffold.weights.derive import derive
from scaffold.weights.findings import Proof
from scaffold.weights.prove import prove
from scaffold.weights.quantisation import quantisation_of
from scaffold.weights.rules import WeightMap


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        transformers: the package directory of the target environment.
        generated: file → SHA-256 of what this tool wrote there last, None if it did not; see `ChangeSet.create`.
        registered_by_us: architectures that an earlier run of ours registered: they do not count as known.
        verdicts: what was shown of the model so far, for the tutorial.
    """

    checkpoint: Path
    vllm: Path
    delivery: Path
    name: str | None = None
    strategy: str = "auto"
    modeling: Path | None = None
    transformers: Path | None = None
    patches: Sequence[str] = ()
    trust_remote_code: bool = False
    generated: Callable[[Path], str | None] = lambda path: None
    registered_by_us: Sequence[str] = ()
    verdicts: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Plan:
    """What will be done: the change set, and all that explains it."""

    name: str
    request: Request
    checkpoint: Checkpoint
    spec: ModelSpec
    strategy: Strategy
    proof: Proof | None
    layout: Layout
    changes: ChangeSet
    notes: tuple[str, ...]
    documents: Mapping[str, Any]
    """What test config and tutorial are filled from, but for the verdicts."""
    weight_map: WeightMap | None = None
    """The rules of a generated adapter."""

    def files(self, root: Path) -> tuple[Path, ...]:
        """Return the files below a root that the plan creates or edits, relative to it."""
        root = root.resolve()
        return tuple(p.relative_to(root) for p in self.changes.paths if p.is_relative_to(root))


def make_plan(request: Request) -> Plan:
    """Plan the adaptation of a checkpoint.

    Raises:
        ScaffoldError: the checkpoint, a root or the call is wrong, or the strategy asked for does not hold.
        Refusal: a codemod or the change set refuses an edit.
    """
    checkpoint = read_checkpoint(request.checkpoint)
    name = model_name(request.name, request.checkpoint)
    tree = read_vllm_tree(request.vllm)
    layout = detect(request.delivery)
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
    if source is None and request.transformers is None and checkpoint.architecture not in registry:
        raise EnvironmentLacks(
            f"no modeling source of {checkpoint.architecture}: no environment with transformers to look in",
            where=str(request.checkpoint),
            expected="the environment that will serve the model, or the source itself",
            remedy="pass its Python with --python, or the file with --modeling",
        )
    spec = read_spec(checkpoint, source)
    candidates = lambda: comparable(checkpoint, request.transformers, registry)  # noqa: E731
    strategy = decide(spec, registry, candidates, request.strategy)
    return _Work(request, name, checkpoint, spec, strategy, tree, layout).plan()


class _Work:
    """One planning in progress; each step returns the next change set."""

    def __init__(
        self,
        request: Request,
        name: str,
        checkpoint: Checkpoint,
        spec: ModelSpec,
        strategy: Strategy,
        tree: VllmTree,
        layout: Layout,
    ) -> None:
        self.request, self.name, self.checkpoint, self.spec = request, name, checkpoint, spec
        self.strategy, self.tree, self.layout = strategy, tree, layout
        self.documents = delivery_context(
            Delivery(name, checkpoint, spec, strategy.name, layout.name, request.trust_remote_code)
        )
        self.notes: list[str] = []
        self.proof: Proof | None = None
        self.weight_map: WeightMap | None = None

    def plan(self) -> Plan:
        changes = ChangeSet(roots=(self.request.vllm, self.request.delivery))
        module = module_name(self.checkpoint.model_type)
        rendered = render({**self._context(module), "model_name": self.name, "module": module})
        if self.strategy.name == "native":
            changes = self._adapter(changes, rendered, module)
        elif self.strategy.name == "alias" and self.strategy.entry is not None:
            entry = self.strategy.entry
            changes = self._register(changes, entry.module, entry.class_name, entry.table)
        if not self.checkpoint.is_multimodal:
            self.notes.append("no processor stub: the checkpoint has no vision config and no image processor files")
        elif self.strategy.name != "native":
            self.notes.append(f"no processor stub: with the strategy {self.strategy.name} vLLM has the processor")
        changes = self._documents(changes, rendered)
        for target in self.request.patches:
            changes = add_worker_patch(changes, self.request.vllm, self.request.delivery, self.name, target)
        return Plan(
            name=self.name,
            request=self.request,
            checkpoint=self.checkpoint,
            spec=self.spec,
            strategy=self.strategy,
            proof=self.proof,
            layout=self.layout,
            changes=changes,
            notes=tuple(self.notes),
            documents=self.documents,
            weight_map=self.weight_map,
        )

    def _context(self, module: str) -> dict[str, Any]:
        context: dict[str, Any] = {
            "delivery": {**self.documents, **verdict_context(self.request.verdicts)},
            "processor_files": ", ".join(self.checkpoint.processor_files),
            "adapter": False,
        }
        if self.strategy.name != "native" or self.spec.decoder is None:
            return context
        quantisation = quantisation_of(self.checkpoint.config, self.checkpoint.tensors)
        rules = derive(self.spec.decoder, self.checkpoint.tensors, quantisation)
        self.weight_map = rules
        self.proof = prove(rules, self.checkpoint.tensors)
        if not self.proof.holds:
            raise Refused(
                "; ".join(map(str, self.proof.findings)),
                where=f"weights of {self.name}",
                expected="rules that take every tensor once and fill every parameter",
                remedy="see scaffold inspect for the spec; a tensor that no rule takes is a part that was not read",
            )
        try:
            adapter = adapter_context(
                self.spec.architecture,
                self.spec.config_class or "PretrainedConfig",
                self.spec.decoder,
                rules,
                self.checkpoint.tensors,
                self.tree.licence_header(),
                quantisation,
            )
        except NotUnderstood as error:
            raise _no_idiom(error) from error
        return {**context, **adapter, "adapter": True}

    def _adapter(self, changes: ChangeSet, rendered: Mapping[str, str], module: str) -> ChangeSet:
        path = MODELS / f"{module}.py"
        text = format_python(rendered[path.as_posix()], self.request.vllm, path)
        changes = self._create(changes, self.request.vllm / path, text)
        table = MULTIMODAL_DICT if self.checkpoint.is_multimodal else TEXT_DICT
        changes = self._register(changes, module, self.spec.architecture, table)
        if self.checkpoint.is_multimodal:
            stub = PROCESSORS / f"{module}.py"
            text = format_python(rendered[stub.as_posix()], self.request.vllm, stub)
            changes = self._create(changes, self.request.vllm / stub, text)
            self.notes.append(f"{stub} is a stub: how images are turned into tokens has to be written")
        return changes

    def _register(self, changes: ChangeSet, module: str, class_name: str, table: str) -> ChangeSet:
        arguments = {
            "architecture": self.spec.architecture,
            "module": module,
            "class_name": class_name,
            "registry": table,
        }
        codemod = find_codemod("vllm-registry-entry")
        return changes.edit(self.request.vllm / REGISTRY, lambda text: codemod.run(text, arguments))

    def _documents(self, changes: ChangeSet, rendered: Mapping[str, str]) -> ChangeSet:
        root = self.request.delivery
        for path in (TEST_CONFIGS / f"{self.name}.yaml", TUTORIALS / f"{self.name}.md"):
            changes = self._create(changes, root / path, tidy(rendered[path.as_posix()]))
        page = f"tutorials/models/{self.name}.md"
        if self.layout.name == "mkdocs":
            edits = [("mkdocs-nav-entry", {"page": page})]
            if self.layout.titles is not None:
                edits.append(("nav-title", {"page": page, "english": self.name, "chinese": self.name}))
        else:
            edits = [("toctree-entry", {"page": f"{self.name}.md"})]
        for name, arguments in edits:
            codemod = find_codemod(name)
            file = target_file(codemod, root, arguments)
            changes = changes.edit(file, lambda text, c=codemod, a=arguments: c.run(text, a))  # type: ignore[misc]
        return changes

    def _create(self, changes: ChangeSet, path: Path, text: str) -> ChangeSet:
        return changes.create(path, text, generated=self.request.generated(path))


def tidy(text: str) -> str:
    """Return the text without runs of blank lines and blanks at line ends, which templates leave behind."""
    lines: list[str] = []
    for line in (line.rstrip() for line in text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines) + "\n"


def _no_idiom(error: NotUnderstood) -> Refused:
    hole = Hole("adapter", error.what, error.where)
    return Refused(
        hole.what,
        where=hole.evidence,
        expected="a form that adapters have an idiom for",
        remedy="serve it with --strategy transformers until there is one",
    )
