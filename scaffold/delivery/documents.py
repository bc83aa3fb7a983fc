"""The delivery's part of the cookiecutter context: test config and tutorial, every value quoted for its place."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold.capacity.nodes import ANY
from scaffold.capacity.plan import MORE_RANKS, CapacityPlan, Row, hardware_sentence, plan
from scaffold.checkpoint.about import about
from scaffold.checkpoint.ascend_paths import dequantised
from scaffold.checkpoint.length import own_length
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.sizes import size_text
from scaffold.delivery.accuracy import Accuracy
from scaffold.delivery.benchmark import Benchmark
from scaffold.delivery.config_form import NEWEST, ConfigForm
from scaffold.delivery.config_schema import check_config
from scaffold.delivery.config_values import ASKED, config_values, kind_of, with_measured
from scaffold.delivery.excuses import NO_EXCUSE, Excuses
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.delivery.measured import accuracy_context, benchmark_context
from scaffold.delivery.tutorial.commands import evaluation, request, serve
from scaffold.delivery.tutorial.form import UNNUMBERED, TutorialForm
from scaffold.delivery.tutorial.shown import cell, inert, served_on_npu, shown
from scaffold.feed_forwards import table as feed_forwards
from scaffold.rendering.formatting import tidy
from scaffold.rendering.template import render
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.model import ModelSpec
from scaffold.strategy.table import strategy_named
from scaffold.vocabulary.lookup import value_of
from scaffold_validators.stages.table import stage_named
from scaffold_validators.verdict import Verdict


@dataclass(frozen=True)
class Delivery:
    """What test config and tutorial are filled from."""

    model_name: str
    checkpoint: Checkpoint
    spec: ModelSpec
    strategy: str
    layout: str
    trust_remote_code: bool
    model_id: str = ""
    """What it is called where it is published, ``org/name``; empty or its name where that is not known."""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    """What the server has to be told of the config."""
    misfits: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Tensor-parallel sizes at which it cannot be served, with the reasons."""
    config_form: ConfigForm = NEWEST
    """How the delivery tree's own tests read test configs."""
    tutorial_form: TutorialForm = UNNUMBERED
    """How the delivery tree's tutorials are written."""
    tutorials: Path = TUTORIALS
    """Where they lie."""
    transcribes: bool = False
    """Whether what serves it answers vLLM's endpoint of transcriptions."""


def delivery_context(delivery: Delivery) -> dict[str, Any]:
    """Return the context of the delivery's documents, but for what was measured: see `measured_context`."""
    checkpoint, decoder = delivery.checkpoint, delivery.spec.decoder
    experts = _num_experts(checkpoint, decoder)
    capacity = _capacity(delivery)
    row = capacity.smallest or capacity.rows[-1]
    size = row.ranks
    length = _max_length(checkpoint, decoder)
    place = _place(delivery)
    kind = kind_of(checkpoint, about(checkpoint).patterns, delivery.transcribes)
    served: dict[str, Any] = {"trust_remote_code": delivery.trust_remote_code}
    served |= {"enable_expert_parallel": True} if experts else {}
    served |= {"hf_overrides": dict(delivery.overrides)} if delivery.overrides else {}
    form = delivery.tutorial_form
    return {
        "layout": delivery.layout,
        "architecture": delivery.spec.architecture,
        "kind": _kind(checkpoint, experts),
        "summary": _summary(delivery.spec),
        "support": strategy_named(delivery.strategy).support,
        "model_yaml": json.dumps(delivery.model_id or delivery.model_name),
        "model_id": delivery.model_id if "/" in delivery.model_id else "",
        "place": place,
        "config": config_values(delivery.config_form, kind, size, length, served, checkpoint.has_chat_template),
        "tutorials": delivery.tutorials.as_posix(),
        "experimental": form.experimental,
        "links": dict(form.links),
        "outline": {
            "rows": [{"heading": s.heading.text, "blocks": {"rows": list(s.blocks)}} for s in form.sections],
        },
        "tensor_parallel_size": size,
        "trust_remote_code": "true" if delivery.trust_remote_code else "false",
        "num_experts": experts,
        "weight_size": size_text(checkpoint.weight_bytes),
        "weight_dtype": ", ".join(sorted({t.dtype for t in checkpoint.tensors.values()})),
        "hardware": hardware_sentence(capacity),
        "max_position_embeddings": length or "an unstated length",
        "serve_command": serve(delivery, place, size, experts, length),
        "curl_command": request(delivery.model_name, checkpoint.has_chat_template),
        "lm_eval_command": evaluation(delivery.model_name, place, ASKED[kind].task),
    }


def _capacity(delivery: Delivery) -> CapacityPlan:
    """Return what ``inspect`` says of capacity, for several nodes, too, without sizes that layers do not allow."""
    read, known = delivery.checkpoint, about(delivery.checkpoint)
    dequantise = dequantised(known.paths, ANY.generation)
    decoder = delivery.spec.decoder
    longest = own_length(
        read.path, read.text_config, delivery.spec.model_type, None if decoder is None else decoder.config
    )
    found = plan(read.text_config, known.patterns, dequantise, None, decoder, ANY, MORE_RANKS, longest)
    misfits = {size: why[0] for size, why in delivery.misfits.items() if why}
    return replace(found, rows=tuple(_unless(row, misfits.get(row.ranks, "")) for row in found.rows))


def _unless(row: Row, why_not: str) -> Row:
    """Return a row that nothing fits on where there is a reason."""
    return replace(row, why_not=why_not, holds_one=False, fits=False) if why_not else row


def verdict_context(verdicts: Sequence[Verdict], without_parity: str = "") -> dict[str, Any]:
    """Return the part of the context that comes from the gates, and why parity was not shown, if so."""
    rows = [_row(verdict) for verdict in verdicts] or [NOT_VERIFIED]
    if without_parity:
        rows.append({**NOT_VERIFIED, "stage": "parity", "result": cell(f"not shown: {without_parity}")})
    return {
        "verdicts": {"rows": rows},
        "on_npu": served_on_npu(verdicts),
    }


def measured_context(
    values: Mapping[str, Any],
    verdicts: Sequence[Verdict] = (),
    excuses: Excuses = NO_EXCUSE,
    accuracy: Accuracy | None = None,
    benchmark: Benchmark | None = None,
) -> dict[str, Any]:
    """Return the whole context of the documents: what was planned, with what was measured.

    Args:
        values: see `delivery_context`.
        verdicts: what the gates showed so far.
        excuses: what was not shown, and why.
        accuracy: what an evaluation measured.
        benchmark: what ``vllm bench serve`` measured.
    """
    return {
        **values,
        "config": with_measured(values["config"], verdicts),
        **verdict_context(verdicts, excuses.without_parity),
        **shown(verdicts, values["place"]),
        "reasons": {stage: cell(excuses.reason(stage)).rstrip(".") for stage in ("features", "capacity")},
        **accuracy_context(accuracy, values["place"], excuses.accuracy_pending),
        **benchmark_context(benchmark, values["place"]),
    }


def document_paths(name: str, values: Mapping[str, Any]) -> tuple[Path, Path]:
    """Return where a model's test config and tutorial lie, below the delivery's root."""
    return TEST_CONFIGS / f"{name}.yaml", Path(values["tutorials"]) / f"{name}.md"


def render_documents(
    name: str,
    values: Mapping[str, Any],
    verdicts: Sequence[Verdict] = (),
    excuses: Excuses = NO_EXCUSE,
    accuracy: Accuracy | None = None,
    benchmark: Benchmark | None = None,
) -> dict[Path, str]:
    """Return path below the delivery's root → text, of test config and tutorial.

    Args:
        name: the model's.
        values: see `delivery_context`.
        verdicts: what the gates showed so far.
        excuses: what was not shown, and why.
        accuracy: what an evaluation measured.
        benchmark: what ``vllm bench serve`` measured.

    Raises:
        CheckFailed: the test config is not in the form that the tree's tests read.
    """
    delivery = measured_context(values, verdicts, excuses, accuracy, benchmark)
    context = {"model_name": name, "module": "unused", "adapter": False, "delivery": delivery}
    files = render(context, without=("vllm",))
    config, tutorial = document_paths(name, values)
    texts = [
        tidy(files[(folder / path.name).as_posix()])
        for folder, path in zip((TEST_CONFIGS, TUTORIALS), (config, tutorial))
    ]
    check_config(texts[0], str(config))
    page = inert(texts[1]) if values["layout"] == "mkdocs" else texts[1]
    return {config: texts[0], tutorial: page}


_OF_EXPERTS = re.compile(r"(?<![^.\n])experts\.([^.\n]+)")
NOT_VERIFIED = {"stage": "–", "weights": "–", "device": "–", "result": "nothing yet"}


def _row(verdict: Verdict) -> dict[str, str]:
    stage = stage_named(verdict.stage)
    serves = bool(verdict.device)
    return {
        "stage": f"{stage.title}, tensor-parallel {verdict.tensor_parallel_size}" if serves else stage.title,
        "weights": stage.starts.weights,
        "device": verdict.device.upper() or "–",
        "result": cell(f"{verdict.outcome.word}: {verdict.reason}"),
    }


def _kind(checkpoint: Checkpoint, experts: int) -> str:
    form = "mixture-of-experts" if experts else "dense"
    return f"multimodal {form} model" if checkpoint.is_multimodal else f"{form} language model"


def _num_experts(checkpoint: Checkpoint, decoder: DecoderSpec | None) -> int:
    if decoder is not None:  # the first layers of many models of experts are dense
        blocks = dict.fromkeys(block for layer in decoder.layers for block in layer.feed_forwards)
        return max(feed_forwards.kind_of(block).num_experts(block) for block in blocks)
    text = "\n".join(checkpoint.weights.forms)  # searched at once: there may be hundreds of thousands of names
    numbers = {part for part in _OF_EXPERTS.findall(text) if part.isdigit()}
    return len(numbers)


def _summary(spec: ModelSpec) -> str:
    shown = {fact.name: fact.value for fact in spec.facts}
    wanted = ("layers", "hidden size", "attention", "rope", "MLP", "experts", "router", "shared experts")
    parts = [f"{name} {shown[name]}" if name != "attention" else shown[name] for name in wanted if name in shown]
    return "; ".join(parts) or f"model type `{spec.model_type}`"


def _max_length(checkpoint: Checkpoint, decoder: DecoderSpec | None) -> int:
    """Return the longest sequence: of the config, or the default of its class; 0 where none is known."""
    value = value_of("max_position_embeddings", checkpoint.text_config)
    if value is None and decoder is not None:
        value = value_of("max_position_embeddings", decoder.config)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _place(delivery: Delivery) -> str:
    """Return what the server is told to load: as the tree's template has it, what is published, or a folder."""
    if delivery.tutorial_form.place:
        return delivery.tutorial_form.place
    return delivery.model_id if "/" in delivery.model_id else f"/models/{delivery.model_name}"
