"""The Ascend compatibility check: the kernels that a model reaches, and what becomes of each with this vllm-ascend.

The model is followed twice: on CUDA, without vllm-ascend, which gives the kernels that vLLM has for it; and on
Ascend, with vllm-ascend's platform, layers and patches, which gives what is left of them, and what is there instead.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scaffold.ascend import (
    classes,
)
from scaffold.ascend.fate import Kernel, Outcome, kernels
from scaffold.ascend.frames import Findings, NotFollowed, Replacement
from scaffold.ascend.patched import Gone, Patch
from scaffold.ascend.platform import ASCEND, CUDA, PlatformFacts
from scaffold.ascend.soc import ASSUMED, Limited, Soc, limits
from scaffold.ascend.target import Target, read_target, undisturbed
from scaffold.ascend.trees import Module, Site, Trees, parse_file
from scaffold.ascend.values import Function
from scaffold.ascend.walk import Walker
from scaffold.common.errors import UsageError


@dataclass(frozen=True)
class TouchingPatch:
    """A patch of vllm-ascend's in a module that the model uses.

    Attributes:
        target: the full name that it sets.
        site: the line that sets it.
        there: where vLLM has that name; None if vLLM has nothing of that name, and the patch adds it.
        only_if: the condition under which it is set, where that could not be decided.
        used: whether the model's calls come past it.
    """

    target: str
    site: Site
    there: Site | None
    only_if: str
    used: bool


@dataclass(frozen=True)
class Compatibility:
    """What the check found.

    Attributes:
        kernels: by outcome.
        layers: vLLM's layers in whose place vllm-ascend builds its own.
        native_layers: layers with a dispatch that run their PyTorch code, and where that is.
        backends: the attention backends that the platform may choose, and where it does.
        operators: operators of torch-npu and vllm-ascend that are called instead: name → first line.
        patches: the patches in modules that the model uses.
        gone: what patch modules import that this vLLM does not have, so that vllm-ascend fails to start.
        unread: patch modules in which no target was found, as they find it at run time.
        not_followed: calls of which it is not known what they call.
        soc: the generation of NPUs that all of it is said of.
        limits: what that generation cannot do and this model meets, with the line of vllm-ascend that says so.
    """

    model: str
    vllm_version: str
    kernels: tuple[Kernel, ...]
    layers: tuple[Replacement, ...]
    native_layers: tuple[tuple[str, Site], ...]
    backends: tuple[tuple[str, Site], ...]
    operators: tuple[tuple[str, Site], ...]
    patches: tuple[TouchingPatch, ...]
    gone: tuple[Gone, ...]
    unread: tuple[str, ...]
    not_followed: tuple[NotFollowed, ...]
    soc: Soc = ASSUMED
    limits: tuple[Limited, ...] = ()

    def of(self, outcome: Outcome) -> tuple[Kernel, ...]:
        """Return the kernels of which that becomes."""
        return tuple(kernel for kernel in self.kernels if kernel.outcome is outcome)

    @property
    def stops(self) -> tuple[Kernel, ...]:
        """Return the kernels that are reached in any case and are not there: for CUDA alone, Triton without Triton."""
        lost = (Outcome.CUDA_ONLY,) if self.soc.has_triton else (Outcome.CUDA_ONLY, Outcome.TRITON)
        return tuple(kernel for outcome in lost for kernel in self.of(outcome) if not kernel.only_if)


def check_compatibility(
    vllm: Path,
    ascend: Path,
    module: str | Path,
    class_name: str,
    config: Mapping[str, object] | None = None,
    is_quantised: bool | None = None,
    soc: Soc = ASSUMED,
) -> Compatibility:
    """Follow a model through both trees. Nothing is imported or run.

    Args:
        vllm: a vLLM source tree.
        ascend: a vllm-ascend source tree.
        module: the module of the model's class in either tree, or a file outside of them.
        class_name: the class that the registry names.
        config: the checkpoint's config, for the conditions over it; without one both branches are followed.
        is_quantised: whether the checkpoint is; None if that is not known.
        soc: the generation of NPUs.

    Raises:
        UsageError: a tree or the class is not there.
    """
    return check_model(read_target(vllm, ascend, soc), module, class_name, config, is_quantised)


def check_model(
    target: Target,
    module: str | Path,
    class_name: str,
    config: Mapping[str, object] | None = None,
    is_quantised: bool | None = None,
) -> Compatibility:
    """Do the same for one of several models of the same trees.

    Raises:
        UsageError: the class is not there.
    """
    home = _module(target.trees, module)
    if not home.binding(class_name):
        raise UsageError(
            f"no class {class_name}", where=str(home.path), expected="the model's class", remedy="check the file"
        )
    walkers = {facts: target.walker(facts, config, is_quantised) for facts in (CUDA, ASCEND)}
    with undisturbed():
        found = {facts: walker.model(home, class_name) for facts, walker in walkers.items()}
    return _compatibility(home, class_name, target, walkers[ASCEND], found)


def _compatibility(
    home: Module, class_name: str, target: Target, walker: Walker, found: Mapping[PlatformFacts, Findings]
) -> Compatibility:
    on_ascend = found[ASCEND]
    modules = {**found[CUDA].modules, **on_ascend.modules, home.name: None}
    return Compatibility(
        model=f"{home.name}:{class_name}",
        vllm_version=target.version,
        kernels=kernels(found[CUDA], on_ascend, target.patches, target.trees),
        layers=tuple(on_ascend.built.values()),
        native_layers=tuple(_native(walker)),
        backends=tuple(on_ascend.backends.items()),
        operators=_operators(on_ascend),
        patches=tuple(_touching(target.patches, modules, on_ascend)),
        gone=target.gone,
        unread=target.unread,
        not_followed=tuple(on_ascend.not_followed.values()),
        soc=target.soc,
        limits=tuple(limits(target.soc, target.trees.roots["vllm_ascend"], _built(walker, on_ascend))),
    )


def _built(walker: Walker, findings: Findings) -> dict[str, str]:
    """Return the name of each class that the model builds → the condition under which it does.

    Of a layer that another is built instead of it is vLLM's name.
    """
    found = {cls.name: condition[0] if condition else "" for cls, condition in walker.uncertain.items()}
    return found | {layer.what: layer.only_if for layer in findings.built.values()}


def _operators(findings: Findings) -> tuple[tuple[str, Site], ...]:
    first: dict[str, Site] = {}
    for reached in findings.reached.values():
        if reached.kind == "Ascend operator":
            first.setdefault(reached.name, reached.site)
    return tuple(sorted(first.items()))


def _native(walker: Walker) -> Iterator[tuple[str, Site]]:
    """Yield the layers with a dispatch that are built as they are, and the method that then computes."""
    for cls in walker.uncertain:
        if cls.module.name.startswith("vllm.") and classes.is_a(walker, cls, "CustomOp"):
            method, owner = classes.of_class(walker, cls, "forward_oot")
            if getattr(owner, "name", "") == "CustomOp":
                method, owner = classes.of_class(walker, cls, "forward_native")
            if isinstance(method, Function) and isinstance(method.node, ast.FunctionDef):
                yield f"{cls.name}.{method.node.name}", method.module.site(method.node)


def _touching(
    patches: Mapping[tuple[str, str, str], Patch], modules: Mapping[str, None], findings: Findings
) -> Iterator[TouchingPatch]:
    for patch in patches.values():
        used = patch.key in findings.patches_used
        if used or patch.module in modules:
            yield TouchingPatch(patch.shown, patch.site, patch.target, patch.only_if, used)


def _module(trees: Trees, module: str | Path) -> Module:
    if isinstance(module, Path):
        found = parse_file(module.stem, module) if module.is_file() else None
        if found is not None:
            trees.add(found)
    else:
        found = trees.module(module)
    if found is None:
        raise UsageError(
            "a model file that is not there, or does not parse",
            where=str(module),
            expected="a Python file",
            remedy="check the path and the trees",
        )
    return found
