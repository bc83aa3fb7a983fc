"""A vLLM plugin: vLLM's own PyTorch path in the place of kernels of the CPU engine that are known to answer wrongly.

An adapter says what its model is. What only the engine at hand cannot do stands here, around the engine on which the
adapter is proved. Each stand-in is a row of ``SHIMS``, and says in the log (standard error) that it stood in. Run by
the *target's* Python; the tool reads the table, too: the standard library alone at import.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

SAID = "scaffold shim in use: "
Function = Callable[..., Any]
StandIn = Callable[[Function, Callable[[], None]], Function]
"""From the function as it is, and what tells that it was stood in for, to the function that is called instead."""


@dataclass(frozen=True)
class Shim:
    """A function of vLLM's that answers wrongly on a platform, and what stands in for it.

    Attributes:
        why: what is wrong with it.
        since: the first vLLM release that was seen to have it.
        before: the first one that no longer has it; empty where none is known.
        module: where it is.
        path: its name there.
    """

    name: str
    why: str
    since: str
    before: str
    module: str
    path: str
    stand_in: StandIn

    def holds_for(self, release: str) -> bool:
        """Return whether a release, such as ``0.32.0+cpu``, has the fault."""
        return _numbers(self.since) <= _numbers(release) and not (
            self.before and _numbers(release) >= _numbers(self.before)
        )


def heads_apart(rotate: Function, stands_in: Callable[[], None]) -> Function:
    """Rotate q ``[tokens, heads, head_dim]`` through PyTorch: the kernel takes ``[tokens, heads * head_dim]`` alone."""

    @wraps(rotate)
    def rotated(self: Any, positions: Any, query: Any, *more: Any, **named: Any) -> Any:
        if query.dim() < 3:
            return rotate(self, positions, query, *more, **named)
        stands_in()
        return self.forward_native(positions, query, *more, **named)

    return rotated


def one_group(route: Function, stands_in: Callable[[], None]) -> Function:
    """Route through the grouped path with one group, which is none: it knows all scorings and the correction bias."""

    @wraps(route)
    def routed(self: Any, *args: Any, **named: Any) -> Any:
        if self.use_grouped_topk or not _is_passed_over(vars(self)):
            return route(self, *args, **named)
        stands_in()
        kept = {name: vars(self)[name] for name in ONE_GROUP | {"routed_scaling_factor": None}}
        vars(self).update(ONE_GROUP, routed_scaling_factor=_factor(kept, self.e_score_correction_bias))
        try:
            return route(self, *args, **named)
        finally:
            vars(self).update(kept)

    return routed


def one_group_called(select: Function, stands_in: Callable[[], None]) -> Function:
    """Do the same where the router is a function that is called with its options by name."""

    @wraps(select)
    def selected(*args: Any, **named: Any) -> Any:
        if named.get("use_grouped_topk") or not _is_passed_over(named):
            return select(*args, **named)
        stands_in()
        factor = _factor(named, named.get("e_score_correction_bias"))
        return select(*args, **{**named, **ONE_GROUP, "routed_scaling_factor": factor})

    return selected


ONE_GROUP = {"use_grouped_topk": True, "num_expert_group": 1, "topk_group": 1}


def _is_passed_over(options: Any) -> bool:
    """Return whether the plain path of the CPU's router passes over something that is asked of it."""
    if options.get("custom_routing_function") is not None:
        return False
    scoring = options.get("scoring_func", "softmax")
    return scoring == "sigmoid" or (scoring == "softmax" and options.get("e_score_correction_bias") is not None)


def _factor(options: Any, correction: Any) -> float:
    """Return by what the plain routers scale the weights: only the one with a correction bias does."""
    return float(options.get("routed_scaling_factor", 1.0)) if correction is not None else 1.0


_ROUTER = "the CPU's plain router knows no sigmoid scores, and passes over a correction bias"
_FUSED_MOE = "vllm.model_executor.layers.fused_moe"
SHIMS = (
    Shim("cpu-router", _ROUTER, "0.30", "", f"{_FUSED_MOE}.router.cpu_router", "CPURouter._compute_routing", one_group),
    Shim(
        "cpu-router-0.28",
        _ROUTER,
        "0.28",
        "0.30",
        f"{_FUSED_MOE}.experts.cpu_moe",
        "select_experts",
        one_group_called,
    ),
    Shim("cpu-router-0.23", _ROUTER, "0.23", "0.28", f"{_FUSED_MOE}.cpu_fused_moe", "select_experts", one_group_called),
    Shim(
        "cpu-rotary-heads",
        "the CPU's rotary kernel does not take heads in a dimension of their own, as vLLM's MLA layer hands them over",
        "0.23",
        "",
        "vllm.model_executor.layers.rotary_embedding.base",
        "RotaryEmbedding.forward_cpu",
        heads_apart,
    ),
)
"""The router: vllm/model_executor/layers/fused_moe/router/cpu_router.py; MLA: vllm/model_executor/layers/mla.py."""

in_use: list[str] = []
"""Names of those that stood in for something in this process."""
_registered: set[str] = set()


def register() -> None:
    """Put the stand-ins of this release in place, on a CPU: vLLM calls it in each process, some more than once."""
    from vllm import __version__
    from vllm.platforms import current_platform

    if not current_platform.is_cpu():
        return
    for shim in SHIMS:
        if shim.name not in _registered and shim.holds_for(__version__):
            _registered.add(shim.name)
            _put_in_place(shim)


def _put_in_place(shim: Shim) -> None:
    try:
        place: Any = importlib.import_module(shim.module)
        *owners, name = shim.path.split(".")
        for owner in owners:
            place = getattr(place, owner)
        setattr(place, name, shim.stand_in(getattr(place, name), _teller(shim.name)))
    except (ImportError, AttributeError) as error:
        print(f"scaffold shim {shim.name} has no place in this vLLM: {error}", file=sys.stderr, flush=True)


def _teller(name: str) -> Callable[[], None]:
    def tell() -> None:
        import torch

        if name not in in_use and not torch.compiler.is_compiling():
            in_use.append(name)
            print(f"{SAID}{name}", file=sys.stderr, flush=True)

    return tell


def _numbers(release: str) -> tuple[int, ...]:
    """Return ``0.32.0rc1+cpu`` as (0, 32, 0)."""
    return tuple(int(number) for number in re.findall(r"\d+", re.split(r"[a-z+]", release)[0])[:3])
