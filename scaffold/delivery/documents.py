"""The delivery's part of the cookiecutter context: test config and tutorial, every value quoted for its place."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold.capacity.nodes import ANY, size_text
from scaffold.capacity.plan import MORE_RANKS, CapacityPlan, Row, hardware_sentence, plan
from scaffold.checkpoint.about import about
from scaffold.checkpoint.ascend_paths import dequantised
from scaffold.checkpoint.read import Checkpoint
from scaffold.delivery.accuracy import DIGITS, Accuracy, Task
from scaffold.delivery.excuses import NO_EXCUSE, Excuses
from scaffold.delivery.layout import TEST_CONFIGS, TUTORIALS
from scaffold.delivery.sign_off import NPU
from scaffold.feed_forwards import table as feed_forwards
from scaffold.rendering.formatting import tidy
from scaffold.rendering.template import render
from scaffold.spec.decoder import DecoderSpec
from scaffold.spec.model import ModelSpec
from scaffold.strategy.table import strategy_named
from scaffold.vocabulary.lookup import value_of
from scaffold_validators.stages.table import stage_named
from scaffold_validators.verdict import Verdict

TEST_LENGTH = 4096
"""What the existing test configs of text models use."""
TEXT_TASK = ("gsm8k", ("exact_match,strict-match", "exact_match,flexible-extract"), 5)
IMAGE_TASK = ("mmmu_val", ("acc,none",), 0)
"""Task, metrics and number of shots, as vllm-ascend's existing configs have them."""


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


def delivery_context(delivery: Delivery) -> dict[str, Any]:
    """Return the context of the delivery's documents, but for what the gates showed: see `verdict_context`."""
    checkpoint, decoder = delivery.checkpoint, delivery.spec.decoder
    experts = _num_experts(checkpoint, decoder)
    capacity = _capacity(delivery)
    row = capacity.smallest or capacity.rows[-1]
    size = row.ranks
    length = _max_length(checkpoint, decoder)
    task, metrics, shots = IMAGE_TASK if checkpoint.is_multimodal else TEXT_TASK
    return {
        "layout": delivery.layout,
        "architecture": delivery.spec.architecture,
        "kind": _kind(checkpoint, experts),
        "summary": _summary(delivery.spec),
        "support": strategy_named(delivery.strategy).support,
        "model_yaml": json.dumps(delivery.model_id or delivery.model_name),
        "model_id": delivery.model_id if "/" in delivery.model_id else "",
        "test_type": json.dumps("vllm-vlm" if checkpoint.is_multimodal else "vllm"),
        "test_length": min(TEST_LENGTH, length or TEST_LENGTH),
        "tensor_parallel_size": size,
        "trust_remote_code": "true" if delivery.trust_remote_code else "false",
        "num_experts": experts,
        "hf_overrides": json.dumps(delivery.overrides) if delivery.overrides else "",
        "task": json.dumps(task),
        "task_metrics": {"shown": f"{task}: {'; '.join(metrics)}"},
        "num_fewshot": shots,
        "apply_chat_template": "true" if checkpoint.has_chat_template else "false",
        "weight_size": size_text(checkpoint.weight_bytes),
        "weight_dtype": ", ".join(sorted({t.dtype for t in checkpoint.tensors.values()})),
        "hardware": hardware_sentence(capacity),
        "max_position_embeddings": length or "an unstated length",
        "serve_command": _serve_command(delivery, size, experts, length),
        "curl_command": _curl(delivery),
        "lm_eval_command": _lm_eval(delivery, task),
    }


def _capacity(delivery: Delivery) -> CapacityPlan:
    """Return what ``inspect`` says of capacity, for several nodes, too, without sizes that layers do not allow."""
    read, known = delivery.checkpoint, about(delivery.checkpoint)
    dequantise = dequantised(known.paths, ANY.generation)
    decoder = delivery.spec.decoder
    found = plan(read.text_config, known.patterns, dequantise, None, decoder, ANY, MORE_RANKS)
    misfits = {size: why[0] for size, why in delivery.misfits.items() if why}
    return replace(found, rows=tuple(_unless(row, misfits.get(row.ranks, "")) for row in found.rows))


def _unless(row: Row, why_not: str) -> Row:
    """Return a row that nothing fits on where there is a reason."""
    return replace(row, why_not=why_not, holds_one=False, fits=False) if why_not else row


def verdict_context(verdicts: Sequence[Verdict], without_parity: str = "") -> dict[str, Any]:
    """Return the part of the context that comes from the gates, and why parity was not shown, if so."""
    rows = [_row(verdict) for verdict in verdicts] or [NOT_VERIFIED]
    if without_parity:
        rows.append({**NOT_VERIFIED, "stage": "parity", "result": _cell(f"not shown: {without_parity}")})
    return {
        "verdicts": {"rows": rows},
        "on_npu": any(verdict.device == NPU and verdict.passed for verdict in verdicts),
    }


def accuracy_context(accuracy: Accuracy | None, pending: str = "") -> dict[str, Any]:
    """Return the part of the context that comes from an evaluation, or why there is none."""
    if accuracy is None:
        empty: dict[str, Any] = {"tasks": {"rows": []}, "lines": {"rows": []}}
        return {"accuracy": {**empty, "pending": _cell(" ".join(pending.split())).rstrip(".")}}
    shots = {task.num_fewshot for task in accuracy.tasks}
    partly = [f"{task.samples} of {task.of} questions of {task.name}" for task in accuracy.tasks if task.is_sampled]
    template = "with" if accuracy.chat_template else "without"
    return {
        "accuracy": {
            "tasks": {"rows": [_task(task) for task in accuracy.tasks if task.metrics]},
            "lines": {"rows": list(accuracy_rows(accuracy))},
            "num_fewshot": max(shots),
            "chat_template": json.dumps(accuracy.chat_template),
            "fewshot_as_multiturn": json.dumps(accuracy.fewshot_as_multiturn),
            "model": _cell(accuracy.model),
            "lm_eval_version": _cell(accuracy.lm_eval_version),
            "date": accuracy.date,
            "how": f"{', '.join(map(str, sorted(shots)))} shots, {template} the chat template",
            "sampled": f"; only {', '.join(partly)}" if partly else "",
            "pending": "",
        }
    }


TABLE_HEAD = (
    "| Task | Metric | Shots | Value | Standard error |",
    "|------|--------|-------|-------|----------------|",
)


def accuracy_rows(accuracy: Accuracy | None) -> tuple[str, ...]:
    """Return the lines of the tutorial's table of accuracy; none without an evaluation."""
    if accuracy is None:
        return ()
    rows = [
        f"| {_cell(task.name)} | {_cell(metric.name)} | {task.num_fewshot} | {round(metric.value, DIGITS)} | "
        f"{'–' if metric.stderr is None else f'± {metric.stderr:.4f}'} |"
        for task in accuracy.tasks
        for metric in task.metrics
    ]
    return (*TABLE_HEAD, *rows)


def _task(task: Task) -> dict[str, Any]:
    metrics = [{"name": json.dumps(m.name), "value": round(m.value, DIGITS)} for m in task.metrics]
    return {"name": json.dumps(task.name), "metrics": metrics}


def render_documents(
    name: str,
    values: Mapping[str, Any],
    verdicts: Sequence[Verdict] = (),
    excuses: Excuses = NO_EXCUSE,
    accuracy: Accuracy | None = None,
) -> dict[Path, str]:
    """Return path below the delivery's root → text, of test config and tutorial.

    Args:
        name: the model's.
        values: see `delivery_context`.
        verdicts: what the gates showed so far.
        excuses: what was not shown, and why.
        accuracy: what an evaluation measured.
    """
    delivery = {
        **values,
        **verdict_context(verdicts, excuses.without_parity),
        **accuracy_context(accuracy, excuses.accuracy_pending),
    }
    context = {"model_name": name, "module": "unused", "adapter": False, "delivery": delivery}
    files = render(context, without=("vllm",))
    paths = (TEST_CONFIGS / f"{name}.yaml", TUTORIALS / f"{name}.md")
    return {path: tidy(files[path.as_posix()]) for path in paths}


NOT_VERIFIED = {"stage": "–", "weights": "–", "device": "–", "result": "nothing yet"}


def _row(verdict: Verdict) -> dict[str, str]:
    stage = stage_named(verdict.stage)
    serves = bool(verdict.device)
    return {
        "stage": f"{stage.title}, tensor-parallel {verdict.tensor_parallel_size}" if serves else stage.title,
        "weights": stage.starts.weights,
        "device": verdict.device.upper() or "–",
        "result": _cell(f"{verdict.outcome.word}: {verdict.reason}"),
    }


def _cell(text: str) -> str:
    """Return a text for one cell of a table."""
    return text.replace("|", "/").replace("\n", " ")


def _kind(checkpoint: Checkpoint, experts: int) -> str:
    form = "mixture-of-experts" if experts else "dense"
    return f"multimodal {form} model" if checkpoint.is_multimodal else f"{form} language model"


def _num_experts(checkpoint: Checkpoint, decoder: DecoderSpec | None) -> int:
    if decoder is not None:  # the first layers of many models of experts are dense
        blocks = dict.fromkeys(block for layer in decoder.layers for block in layer.feed_forwards)
        return max(feed_forwards.kind_of(block).num_experts(block) for block in blocks)
    numbers = {
        part
        for name in checkpoint.tensors
        for before, part in zip(name.split("."), name.split(".")[1:])
        if before == "experts" and part.isdigit()
    }
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


def _serve_command(delivery: Delivery, size: int, experts: int, length: int) -> str:
    lines = [
        "export HCCL_OP_EXPANSION_MODE=AIV",
        "",
        f"vllm serve {shlex.quote(_place(delivery))} \\",
        f"    --served-model-name {shlex.quote(delivery.model_name)} \\",
        f"    --tensor-parallel-size {size} \\",
    ]
    if experts:
        lines.append("    --enable-expert-parallel \\")
    if delivery.trust_remote_code:
        lines.append("    --trust-remote-code \\")
    if delivery.overrides:
        lines.append(f"    --hf-overrides {shlex.quote(json.dumps(delivery.overrides))} \\")
    model_impl = strategy_named(delivery.strategy).model_impl
    if model_impl is not None:
        lines.append(f"    --model-impl {model_impl} \\")
    if length:
        lines.append(f"    --max-model-len {min(length, 131072)} \\")
    return "\n".join([*lines, "    --max-num-seqs 16 \\", "    --port 8000"])


def _curl(delivery: Delivery) -> str:
    name = delivery.model_name
    if delivery.checkpoint.has_chat_template:
        path, body = "chat/completions", {"model": name, "messages": [{"role": "user", "content": "Who are you?"}]}
    else:
        path, body = "completions", {"model": name, "prompt": "The future of AI is"}
    text = json.dumps({**body, "max_tokens": 64, "temperature": 0}, indent=4, ensure_ascii=False)
    return (
        f"curl http://localhost:8000/v1/{path} \\\n"
        "    -H 'Content-Type: application/json' \\\n"
        f"    -d {shlex.quote(text)}"
    )


def _place(delivery: Delivery) -> str:
    """Return what the server is told to load: what is published, else a folder that the container mounts."""
    return delivery.model_id if "/" in delivery.model_id else f"/models/{delivery.model_name}"


def _lm_eval(delivery: Delivery, task: str) -> str:
    name, tokenizer = delivery.model_name, _place(delivery)
    arguments = f"model={name},base_url=http://127.0.0.1:8000/v1/completions,tokenizer={tokenizer}"
    return (
        "lm_eval \\\n"
        "    --model local-completions \\\n"
        f"    --model_args {shlex.quote(arguments)} \\\n"
        f"    --tasks {task} \\\n"
        "    --output_path ./"
    )
