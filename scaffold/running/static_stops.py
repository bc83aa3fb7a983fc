"""What stops stage static: kinds with what each means and what to do; an id each, which ``--allow`` takes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from scaffold_validators.diagnosis import Finding


@dataclass(frozen=True)
class StopKind:
    """A kind of stop.

    Attributes:
        whose: whose matter it is, a word of `Finding.kind`.
        meaning: what it is.
        remedy: what to do.
    """

    whose: str
    meaning: str
    remedy: str


KINDS = {
    "weights": StopKind(
        "checkpoint",
        "the class that serves it does not take these tensors, or is not filled by them",
        "correct the adapter's weight rules, or the files; vLLM's own loader says nothing of some of this",
    ),
    "code": StopKind(
        "model",
        "the model's file uses what this vLLM does not have",
        "correct its imports and calls for the tree that runs",
    ),
    "patches": StopKind(
        "vllm-ascend",
        "a patch module imports what this vLLM does not have, so that vllm-ascend does not start",
        "serve with the vLLM release that this vllm-ascend is made for",
    ),
    "kernels": StopKind(
        "vllm-ascend",
        "a kernel that an NPU does not have is called in any case",
        "replace the operator: an out-of-tree layer or a patch in vllm-ascend, or PyTorch code in the adapter",
    ),
    "limits": StopKind(
        "vllm-ascend",
        "this generation of NPUs does not serve such a model",
        "serve it on another generation (--soc)",
    ),
    "quantisation": StopKind(
        "checkpoint",
        "vllm-ascend does not serve weights that are quantised so",
        "take a checkpoint in a format that it serves, or dequantise the weights while they are loaded",
    ),
}


@dataclass(frozen=True)
class Stop:
    """Why no server needs to be started: a row of `KINDS`, and what was found."""

    kind: str
    says: str

    @property
    def id(self) -> str:
        """Return its name in findings, and for ``--allow``."""
        return f"static-{self.kind}"

    def __str__(self) -> str:
        return f"{self.kind}: {self.says}"

    def finding(self) -> Finding:
        """Return it as a finding of a verdict: there is no log, so it has no line."""
        kind = KINDS[self.kind]
        return Finding(self.id, 0, self.says, kind.meaning, kind.remedy, kind=kind.whose)


def not_allowed(stops: Sequence[Stop], allow: Collection[str]) -> tuple[Stop, ...]:
    """Return the stops that the user has not taken for harmless."""
    return tuple(stop for stop in stops if stop.id not in allow)
