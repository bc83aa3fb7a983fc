"""What becomes of each kernel that vLLM has for a model: where the way to it ends on Ascend, and by what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from scaffold.ascend.frames import Findings, Reached, Step
from scaffold.ascend.patched import Patch
from scaffold.ascend.tables import ASCEND_OPERATOR, TRITON
from scaffold.ascend.trees import Site, Trees


class Outcome(Enum):
    """What becomes of a kernel."""

    REPLACED = "replaced"
    """Something of vllm-ascend's stands in the way to it."""
    NATIVE = "runs as it is"
    """vLLM's own dispatch takes another way on an out-of-tree platform: PyTorch code."""
    TRITON = "Triton"
    """It is launched; whether triton-ascend compiles it is to be seen on the device."""
    CUDA_ONLY = "CUDA-only"
    """It is called, and there is nothing of that name on an NPU."""


@dataclass(frozen=True)
class Kernel:
    """A kernel, and what becomes of it.

    Attributes:
        kind: custom operator, Triton, or the package that brings it.
        tree: the package whose code calls it.
        sites: the lines that call it.
        by: what decides: the layer, patch or condition; where it is called, the first call of the way there.
        by_site: where that is.
        only_if: the condition under which it is called on Ascend; empty if it is called in any case, or not at all.
        condition: where that is.
        path: the way to it: what is called, and the line that calls it.
    """

    outcome: Outcome
    kind: str
    name: str
    tree: str
    sites: tuple[Site, ...]
    by: str
    by_site: Site | None
    only_if: str = ""
    condition: Site | None = None
    path: tuple[tuple[str, Site], ...] = ()


Key = tuple[str, str, str]


def kernels(
    on_cuda: Findings, on_ascend: Findings, patches: Mapping[tuple[str, str, str], Patch], trees: Trees
) -> tuple[Kernel, ...]:
    """Return all kernels that are reached on either platform, each with what becomes of it on Ascend."""
    there, left = _grouped(on_cuda, trees), _grouped(on_ascend, trees)
    found = [_called(key, ways, trees) for key, ways in left.items()]
    found += [_ended(key, ways, on_ascend, patches) for key, ways in there.items() if key not in left]
    order = list(Outcome)
    return tuple(sorted(found, key=lambda k: (order.index(k.outcome), k.kind, k.name, k.tree)))


def _grouped(findings: Findings, trees: Trees) -> dict[Key, list[Reached]]:
    grouped: dict[Key, list[Reached]] = {}
    for reached in findings.reached.values():
        if reached.kind != ASCEND_OPERATOR:
            tree = next((name for name, root in trees.roots.items() if reached.site.path.is_relative_to(root)), "")
            grouped.setdefault((reached.kind, reached.name, tree), []).append(reached)
    return grouped


def _called(key: Key, ways: list[Reached], trees: Trees) -> Kernel:
    way = min(ways, key=lambda reached: bool(reached.only_if))
    outcome = Outcome.TRITON if key[0] == TRITON else Outcome.CUDA_ONLY
    caller = way.path[-1].called if way.path else ""
    own = trees.triton_kernels(key[1]) if key[0] == TRITON and key[2] != "vllm_ascend" else ()
    by, site = f"called by {caller}" if caller else "", way.site
    if key[0] == TRITON and key[2] == "vllm_ascend":
        by = f"vllm-ascend's own, {by}"
    elif own:
        by, site = f"{by}; vllm-ascend has a kernel of that name, which does not take its place", own[0]
    return Kernel(outcome, *key, _sites(ways), by, site, way.only_if, way.condition, _path(way))


def _ended(key: Key, ways: list[Reached], on_ascend: Findings, patches: Mapping[tuple[str, str, str], Patch]) -> Kernel:
    """Say where the ways to a kernel end that is not called on Ascend."""
    targets = {patch.target: patch for patch in patches.values() if patch.target is not None}
    ends = [(_end(way, on_ascend, targets), way) for way in sorted(ways, key=lambda reached: len(reached.path))]
    (outcome, by, site), way = next((end for end in ends if end[0][0] is Outcome.REPLACED), ends[0])
    return Kernel(outcome, *key, _sites(ways), by, site, path=_path(way))


End = tuple[Outcome, str, Site]


def _end(way: Reached, on_ascend: Findings, targets: Mapping[Site, Patch]) -> End:
    """Return what ends a way: what stands in for the next call, a condition, or what stands in further up."""
    replaced = [_replaced(step, on_ascend, targets) for step in way.path]
    legs = list(_legs(way))
    last = max((n for n, (step, _) in enumerate(legs) if _is_followed(step, on_ascend)), default=-1)
    for end in replaced[max(last, 0) : last + 2]:
        if end is not None:
            return end
    if last >= 0:
        decided = _decided(way, last, *legs[last], on_ascend)
        if decided is not None:
            return decided
    above = [end for end in replaced if end is not None]
    if above:
        return above[-1]
    if last < 0:
        return Outcome.NATIVE, "nothing on the way to it is called", way.site
    step, at = legs[last]
    return Outcome.NATIVE, f"{step.called} goes another way", at


def _is_followed(step: Step, on_ascend: Findings) -> bool:
    return step.function is not None and (step.function.node, step.of) in on_ascend.functions


def _replaced(step: Step, on_ascend: Findings, targets: Mapping[Site, Patch]) -> End | None:
    layer = on_ascend.built.get(step.of) if step.of is not None else None
    if layer is not None and not layer.only_if:
        return Outcome.REPLACED, f"{layer.by}, an out-of-tree layer", layer.by_site
    if step.function is not None:
        patch = targets.get(step.function.module.site(step.function.node))
        if patch is not None and patch.key in on_ascend.patches_used:
            return Outcome.REPLACED, f"a patch of {patch.shown}", patch.site
    return None


def _decided(way: Reached, number: int, step: Step, at: Site, on_ascend: Findings) -> End | None:
    """Return the condition or dispatch that decides in a function that is followed."""
    for skipped in on_ascend.skipped:
        if skipped.site.path == at.path and skipped.first <= at.line <= skipped.last:
            return Outcome.NATIVE, f"not taken: {skipped.test}", skipped.site
    following = way.path[number + 1].function if number + 1 < len(way.path) else None
    if following is not None and following.name.endswith(".forward_cuda"):
        return Outcome.NATIVE, "CustomOp.dispatch_forward gives forward_oot, which is forward_native", at
    return None


def _legs(way: Reached) -> Iterator[tuple[Step, Site]]:
    """Yield each function on the way, and the line in it that goes on."""
    for number, step in enumerate(way.path):
        after = way.path[number + 1].site if number + 1 < len(way.path) else way.site
        yield step, after


def _sites(ways: list[Reached]) -> tuple[Site, ...]:
    return tuple(sorted({reached.site for reached in ways}, key=lambda site: (str(site.path), site.line)))


def _path(way: Reached) -> tuple[tuple[str, Site], ...]:
    return tuple((step.called, step.site) for step in way.path)
