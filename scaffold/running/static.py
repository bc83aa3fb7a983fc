"""Stage static: what can be known of a checkpoint and its implementation before any server is started.

Three questions, none of which runs anything: does the class that will serve the checkpoint take every tensor, and is
every parameter filled; does the target's vLLM have what the model's file imports, and take what it is called with;
which kernels does the model reach, and what becomes of them with this vllm-ascend.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scaffold.ascend.compatibility import Compatibility, check_compatibility
from scaffold.ascend.soc import ASSUMED, Soc
from scaffold.ascend.tables import TRITON
from scaffold.ascend.trees import Site
from scaffold.checkpoint.about import about
from scaffold.checkpoint.ascend_paths import NOT_SUPPORTED, Answer
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import UsageError
from scaffold.disagreements.finding import CONFIG
from scaffold.planning.settle import settle
from scaffold.roots.vllm_tree import BACKEND_DICT, Registered, VllmTree, read_vllm_tree
from scaffold.running.static_stops import Stop, not_allowed
from scaffold.strategy.gate import Gate, prove_class, prove_source
from scaffold.strategy.protocol import Question
from scaffold.vllm_models.adapter import check_adapter
from scaffold.vocabulary.lookup import value_of
from scaffold_validators.calls import misfit_calls
from scaffold_validators.imports import unresolved_imports

MODELS = "vllm.model_executor.models"
REGISTERS = Path("vllm_ascend/models/__init__.py")
"""Where vllm-ascend registers models of its own (``ModelRegistry.register_model``)."""
_REGISTERED = re.compile(r"register_model\(\s*\"(\w+)\",\s*\"([\w.]+):(\w+)\"")
PASSED = "passed"
STOPPED = "stopped"


@dataclass(frozen=True)
class Serving:
    """What will serve an architecture: a class of the tree, or of a file outside of it.

    Attributes:
        module: the class's module, or the file.
        entry: the registry's entry; None for a file outside of the tree.
        through_source: the Transformers backend, which runs the modeling source.
    """

    module: str | Path
    class_name: str
    entry: Registered | None = None
    through_source: bool = False

    @property
    def shown(self) -> str:
        """Return the class with its module."""
        return f"{self.module}:{self.class_name}"


@dataclass(frozen=True)
class StaticReport:
    """What the stage found.

    Attributes:
        weights: what speaks against the class taking this checkpoint, and what could not be told.
        code: imports and calls that the target's vLLM does not have or take.
        compatibility: the kernels that are reached; None where no tree of vllm-ascend was given.
        trees: the roots, to which places are relative when they are shown.
        checkpoint: its directory.
        quantisation: what becomes of quantised weights on that generation of NPUs; None for plain ones.
        allow: ids of stops that the user takes for harmless.
    """

    architecture: str
    serving: Serving
    weights: Gate
    code: tuple[str, ...]
    compatibility: Compatibility | None
    trees: tuple[Path, ...]
    checkpoint: Path
    quantisation: Answer | None = None
    allow: tuple[str, ...] = ()

    @property
    def stops(self) -> tuple[Stop, ...]:
        """Return why no server needs to be started; empty if nothing speaks against one."""
        return not_allowed(self.found, self.allow)

    @property
    def found(self) -> tuple[Stop, ...]:
        """Return all that speaks against starting a server, what was allowed too."""
        against = [Stop("weights", reason) for reason in self.weights.against]
        against += [Stop("code", reason) for reason in self.code]
        return (*against, *self._on_ascend())

    def _on_ascend(self) -> Iterator[Stop]:
        """Yield what speaks against serving it with this vllm-ascend."""
        found, quantised = self.compatibility, self.quantisation
        if found is None:
            return
        for item in found.gone:
            if not item.only_if:
                where = item.site.shown(*self.trees)
                yield Stop("patches", f"{where} imports {item.what}, which this vLLM does not have")
        for k in found.stops:
            lost = "for CUDA alone" if found.soc.has_triton or k.kind != TRITON else f"not there on {found.soc.name}"
            yield Stop("kernels", f"{k.name} ({k.kind}) is {lost}, called in any case at {self._at(k.sites[0])}")
        for limited in found.limits:
            if limited.stops:
                yield Stop("limits", f"{found.soc.name}: {limited.limit.meaning} ({self._at(limited.site)})")
        if quantised is not None and quantised.path == NOT_SUPPORTED:
            yield Stop("quantisation", f"{found.soc.name}: {quantised.why} ({quantised.source})")

    def _at(self, site: Site) -> str:
        return site.shown(*self.trees)

    @property
    def verdict(self) -> str:
        """Return whether the stage was passed."""
        return STOPPED if self.stops else PASSED


def static_check(
    checkpoint: Checkpoint,
    vllm: Path,
    ascend: Path | None = None,
    transformers: Path | None = None,
    *,
    adapter: Path | None = None,
    modeling: Path | None = None,
    believe: str | None = None,
    soc: Soc = ASSUMED,
    ranks: tuple[int, ...] = (1,),
    allow: tuple[str, ...] = (),
    backend: bool = False,
) -> StaticReport:
    """Check a checkpoint and what will serve it. Nothing is imported, run or written.

    Args:
        checkpoint: its names, shapes and config count; no value of a tensor is read.
        vllm: the vLLM source tree that will run.
        ascend: the vllm-ascend source tree that will run; without one the kernels are not looked at.
        transformers: the package in which config classes and modeling source are looked up.
        adapter: a model file outside of vLLM's tree that serves it, such as a plugin's.
        modeling: the modeling source, where it is not the checkpoint's or transformers' own.
        believe: which side is right where config and tensors disagree.
        soc: the generation of NPUs that serves.
        ranks: tensor-parallel sizes that it is served at.
        allow: ids of stops that are none here.
        backend: whether it is served by vLLM's Transformers backend, whatever class of its own vLLM has for it.

    Raises:
        UsageError: a root is no source tree, or nothing is there that serves the architecture.
        CheckpointError: the checkpoint or its source is damaged.
    """
    tree = read_vllm_tree(vllm)
    own = None if ascend is None or adapter is not None else _of_ascend(ascend, checkpoint.architecture)
    served = _backend(checkpoint) if backend else checkpoint.architecture
    serving = own or _serving(tree, served, adapter)
    reading = settle(checkpoint, transformers, modeling, believe).reading
    question = Question(reading, tree.registry, tree, config_counts=believe == CONFIG, ranks=ranks)
    if own is not None:
        weights = Gate(notes=(f"vllm-ascend serves it through {own.shown}, whose tensors were not looked at",))
    elif serving.through_source:
        weights = prove_source(question)
    elif serving.entry is not None:
        weights = prove_class(question, serving.entry)
    else:
        assert adapter is not None
        weights = _of_file(adapter, checkpoint, vllm, transformers)
    file = adapter or _file(ascend if own is not None and ascend is not None else vllm, serving)
    compatibility = quantisation = None
    if ascend is not None:
        config = checkpoint.config
        is_quantised = config.get("quantization_config") is not None
        module, class_name = serving.module, serving.class_name
        compatibility = check_compatibility(vllm, ascend, module, class_name, config, is_quantised, soc)
        quantisation = next((answer for answer in about(checkpoint).paths if answer.device == soc.name), None)
    roots = (vllm,) if ascend is None else (vllm, ascend)
    code = _code(file, vllm)
    return StaticReport(
        checkpoint.architecture, serving, weights, code, compatibility, roots, checkpoint.path, quantisation, allow
    )


def _of_ascend(ascend: Path, architecture: str) -> Serving | None:
    """Return the class that vllm-ascend registers for an architecture, in the place of vLLM's; None if it has none."""
    file = ascend / REGISTERS
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = {match[1]: (match[2], match[3]) for match in _REGISTERED.finditer(text)}.get(architecture)
    return None if found is None else Serving(*found)


def _serving(tree: VllmTree, architecture: str, adapter: Path | None) -> Serving:
    if adapter is not None:
        return Serving(adapter, architecture)
    entry = tree.registry.get(architecture)
    if entry is None:
        raise UsageError(
            f"{architecture} is not registered",
            where=str(tree.root),
            expected="a class that serves it",
            remedy="run scaffold new-model first, or name the file that serves it with --adapter",
        )
    module = entry.module if "." in entry.module else f"{MODELS}.{entry.module}"
    backend = {other.module for other in tree.registry.values() if other.table == BACKEND_DICT}
    return Serving(module, entry.class_name, entry, entry.module in backend)


def _backend(checkpoint: Checkpoint) -> str:
    """Return the backend's class for a checkpoint (vllm/config/model.py, ``_get_transformers_backend_cls``)."""
    experts = value_of("num_experts", checkpoint.text_config)
    sees = "MultiModal" if checkpoint.text_key else ""
    return f"Transformers{sees}{'MoE' if type(experts) is int and experts > 1 else ''}ForCausalLM"


def _of_file(adapter: Path, checkpoint: Checkpoint, vllm: Path, transformers: Path | None) -> Gate:
    check = check_adapter(adapter, checkpoint, vllm, transformers)
    against = [f"{check.class_name} has no parameter for {item.name}" for item in check.refused]
    against += [f"nothing fills {name} of {check.class_name}" for name in check.empty]
    against += [
        f"{item.parameter} is asked to be {list(item.asked)}, and {item.name} is {list(item.found)}"
        for item in check.misshapen
    ]
    against += [f"{check.class_name} cannot be made of this config: {fault}" for fault in check.faults]
    notes = sorted({*check.unsure.values(), *check.brought.values()})
    return Gate(tuple(against), tuple(f"not known: {why}" for why in notes))


def _file(root: Path, serving: Serving) -> Path | None:
    place = root.joinpath(*str(serving.module).split("."))
    return next((file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()), None)


def _code(file: Path | None, vllm: Path) -> tuple[str, ...]:
    """Return the imports and calls of a model file that the tree does not have or take."""
    if file is None:
        return ()
    text = file.read_text(encoding="utf-8")
    return tuple(str(found) for found in (*unresolved_imports(text, vllm), *misfit_calls(text, vllm)))
