"""The features that are tried: when each applies, how it is switched on, what proves it, what failing looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from scaffold_validators.model_facts import Fact, ModelFacts
from scaffold_validators.results.feature import State
from scaffold_validators.stages.features.proofs import (
    Proof,
    answered,
    drafts_accepted,
    logged,
    pictures_counted,
)

Applies = Callable[[ModelFacts], "tuple[State, str] | None"]
"""A state that needs no server, with its evidence; None where it has to be tried."""


@dataclass(frozen=True)
class Feature:
    """One row.

    Attributes:
        name: in results.
        title: in documents.
        applies: whether the model has it at all.
        devices: those that can show it; on another it is not tried.
        elsewhere: why the others cannot.
        ranks: the smallest tensor-parallel size at which it does anything.
        arguments: of ``vllm serve``, that switch it on.
        env: variables that switch it on.
        graphs: whether it needs graphs, so that ``--enforce-eager`` is left out.
        proof: of log, metrics and answers.
        failing: what failing looks like.
        source: where the switch and the proof stand.
    """

    name: str
    title: str
    applies: Applies
    devices: tuple[str, ...]
    elsewhere: str
    proof: Proof
    failing: str
    source: str
    ranks: int = 1
    arguments: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    graphs: bool = False


def always(facts: ModelFacts) -> None:
    """Every model has it."""


def with_experts(facts: ModelFacts) -> tuple[State, str] | None:
    """Only models with routed experts have it."""
    return _unless(facts.experts)


def with_pictures(facts: ModelFacts) -> tuple[State, str] | None:
    """Only models that see have it."""
    return _unless(facts.sees)


def with_drafts(facts: ModelFacts) -> tuple[State, str] | None:
    """Only models with layers that predict further tokens have it, and checkpoints may lack these layers."""
    if facts.draft_promised.holds and facts.draft_there.holds is False:
        return State.CHECKPOINT_LACKS, f"{facts.draft_promised.evidence}; {facts.draft_there.evidence}"
    return None if facts.draft_there.holds else _unless(facts.draft_promised)


def _unless(fact: Fact) -> tuple[State, str] | None:
    return (State.NOT_APPLICABLE, fact.evidence) if fact.holds is False else None


FEATURES = (
    Feature(
        name="aclgraph",
        title="ACLGraph",
        applies=always,
        devices=("npu",),
        elsewhere="graphs are captured on NPUs; the CPU engine has none",
        graphs=True,
        proof=logged(r"Replaying aclgraph|run_fullgraph with num_tokens", r"Graph capturing finished in \d+ secs"),
        failing="no line of a replay: capture fails, or the server fell back to eager mode",
        source="vllm-ascend: vllm_ascend/compilation/acl_graph.py, worker/v2/aclgraph_utils.py",
    ),
    Feature(
        name="expert-parallel",
        title="Expert parallel",
        applies=with_experts,
        devices=("npu",),
        elsewhere="the worker of vLLM's CPU engine crashes with it, whatever the model",
        ranks=2,
        arguments=("--enable-expert-parallel",),
        proof=logged(r"Expert parallelism is enabled"),
        failing="an error of the expert map or of the all-to-all at the first request; no line of it: it was ignored",
        source="vLLM: fused_moe/expert_map_manager.py; vllm-ascend: vllm_ascend/ops/fused_moe",
    ),
    Feature(
        name="flashcomm1",
        title="FlashComm1",
        applies=with_experts,
        devices=("npu",),
        elsewhere="a switch of vllm-ascend",
        ranks=2,
        arguments=("--enable-expert-parallel",),
        env={"VLLM_ASCEND_ENABLE_FLASHCOMM1": "1"},
        proof=answered("vllm-ascend writes no line of it: what is shown is that the model answers with it"),
        failing="shapes of the reduce-scattered hidden states do not fit, at the first request",
        source="vllm-ascend: vllm_ascend/envs.py, ascend_config.py",
    ),
    Feature(
        name="mtp",
        title="MTP",
        applies=with_drafts,
        devices=("npu", "cpu"),
        elsewhere="",
        arguments=("--speculative-config", '{"method": "mtp", "num_speculative_tokens": 1}'),
        proof=drafts_accepted,
        failing="no draft is made, or none is accepted: wrong weights of the draft head; equal answers prove nothing",
        source="vLLM: v1/spec_decode/metrics.py",
    ),
    Feature(
        name="multimodal",
        title="Multimodal",
        applies=with_pictures,
        devices=("npu", "cpu"),
        elsewhere="",
        proof=pictures_counted,
        failing="400 for a picture, no more prompt tokens with it than without, or an error of the processor",
        source="vLLM: docs/features/multimodal_inputs.md",
    ),
)
