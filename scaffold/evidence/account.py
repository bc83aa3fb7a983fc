"""What a plan found out, kept as plain values: what a report tells of a model without reading it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from scaffold_validators.model_facts import ModelFacts
from scaffold_validators.records import Kind


@dataclass(frozen=True)
class KnownFact:
    """A fact of the model, with its evidence as ``kind: where (shows)``."""

    name: str
    value: str
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class KnownHole:
    """What the evidence does not determine."""

    where: str
    what: str
    evidence: str


@dataclass(frozen=True)
class NearModel:
    """A registered model that is near, and in what this one differs.

    Attributes:
        version: of the vLLM that has it; empty where its tree does not say.
        likeness: of the names of modules, 0 to 1.
        only_here: names of modules that this checkpoint alone has; ``only_there`` likewise.
        spec: fields of the spec with both values; None where they could not be compared, and ``unread`` says why.
        config_keys: keys of the config that the other's config class does not know.
    """

    architecture: str
    version: str
    likeness: float
    only_here: tuple[str, ...]
    only_there: tuple[str, ...]
    spec: tuple[str, ...] | None
    unread: str
    config_keys: tuple[str, ...]


@dataclass(frozen=True)
class Considered:
    """A strategy that was asked, and its answer."""

    strategy: str
    holds: bool
    reason: str


@dataclass(frozen=True)
class RuleLine:
    """A weight rule as a line: pattern → parameter, shards, transform; ``reason`` where the tensors are left out."""

    source: str
    target: str
    shards: str
    transform: str
    tensors: int
    num_bytes: int
    reason: str


@dataclass(frozen=True)
class OnPaper:
    """What one tensor-parallel size needs on each rank, in bytes, by arithmetic; None where it is not known.

    Attributes:
        sequences: how many sequences of ``tokens`` fit beside the weights.
        why_not: why that size cannot be served at all; empty where it can.
    """

    ranks: int
    weights: int
    kv: int | None
    sequences: int | None
    fits: bool
    why_not: str


@dataclass(frozen=True)
class PaperCapacity:
    """Capacity by arithmetic, before anything was served.

    Attributes:
        tokens: of the load's sequences, of which there are ``sequences``.
        kv_per_token: bytes of all ranks together; None where it is not known, and ``kv_missing`` says why.
        nodes: a sentence of arithmetic for each sort of node.
    """

    basis: str
    tokens: int
    sequences: int
    kv_per_token: int | None
    kv_arithmetic: str
    kv_missing: str
    rows: tuple[OnPaper, ...]
    nodes: tuple[str, ...]
    assumptions: tuple[str, ...]


@dataclass(frozen=True)
class Account:
    """What the newest plan of a model found out.

    Attributes:
        checkpoint_digest: of the checkpoint that was read.
        considered: the strategies in the order in which they were asked; the last one was chosen.
        near: registered models that are near, nearest first; empty where the target serves it as it is.
        tensors: of the checkpoint; ``taken``, ``left_out`` and ``unknown`` are None or empty where nothing was proved.
        rules: the weight rules of a module that the plan adds.
        proved_sizes: tensor-parallel sizes at which the weights were proved.
        misfits: size → why it cannot be served at that.
        feature_facts: what decides which features the model has, and the longest sequence by its config.
    """

    checkpoint_digest: str
    model_id: str
    model_type: str
    modalities: tuple[str, ...]
    placement: str
    facts: tuple[KnownFact, ...]
    holes: tuple[KnownHole, ...]
    disagreements: tuple[str, ...]
    considered: tuple[Considered, ...]
    near: tuple[NearModel, ...]
    tensors: int
    num_bytes: int
    taken: int | None
    left_out: int | None
    unknown: tuple[str, ...]
    rules: tuple[RuleLine, ...]
    proved_sizes: tuple[int, ...]
    misfits: Mapping[str, tuple[str, ...]]
    feature_facts: ModelFacts
    paper: PaperCapacity
    notes: tuple[str, ...] = field(default=())


ACCOUNT = Kind("account", 1, Account, remedy="run scaffold new-model for this model again, which writes it anew")
