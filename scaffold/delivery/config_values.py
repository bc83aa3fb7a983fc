"""What a test config is filled from: the tests that its tree has, the plan's sizes, and those that gates showed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scaffold.capacity.nodes import A2
from scaffold.checkpoint.modalities import facts as modality_facts
from scaffold.checkpoint.patterns import Pattern
from scaffold.checkpoint.purpose import other_purpose
from scaffold.checkpoint.read import Checkpoint
from scaffold.delivery.config_form import REWARD, SPEECH, TEXT, VISION, ConfigForm
from scaffold.delivery.sign_off import NPU
from scaffold_validators.stages.stage import Start
from scaffold_validators.stages.table import stage_named
from scaffold_validators.verdict import Verdict

TEST_LENGTH = 4096
"""What the existing test configs of text models use."""
SCORES = "scores answers"
"""What `other_purpose` says of a reward model."""


@dataclass(frozen=True)
class Asked:
    """What models of a kind are asked, as vllm-ascend's existing configs have it.

    Attributes:
        task: of ``lm_eval``; for speech and reward models a name of the test's own.
        metrics: of the task, with their filters.
        dataset: what the task names besides, for tests that fetch their data themselves.
        settings: keys at the top of the config.
    """

    task: str
    metrics: tuple[str, ...]
    dataset: Mapping[str, str]
    settings: Mapping[str, Any]


ASKED: Mapping[str, Asked] = {
    TEXT: Asked(
        "gsm8k",
        ("exact_match,strict-match", "exact_match,flexible-extract"),
        {},
        {"num_fewshot": 5, "batch_size": "auto"},
    ),
    VISION: Asked("mmmu_val", ("acc,none",), {}, {"num_fewshot": 0, "batch_size": "auto"}),
    SPEECH: Asked(
        "librispeech_test_clean",
        ("wer",),
        {"dataset": "openslr/librispeech_asr", "split": "test", "dataset_config": "clean"},
        {"limit": 500},
    ),
    REWARD: Asked(
        "gsm8k_correctness",
        ("accuracy",),
        {"dataset": "AI-ModelScope/gsm8k", "split": "test", "dataset_config": "main"},
        {"limit": 200, "batch_size": 4},
    ),
}


def kind_of(checkpoint: Checkpoint, patterns: Sequence[Pattern], transcribes: bool = False) -> str:
    """Return which kind of test a model takes: one that hears and writes is asked for text, if it does not transcribe.

    Args:
        checkpoint: what was read.
        patterns: of its tensors' names.
        transcribes: whether what serves it takes part in vLLM's endpoint of transcriptions.
    """
    if other_purpose(checkpoint.architecture) == SCORES:
        return REWARD
    if transcribes:
        return SPEECH
    named = set(next(iter(modality_facts(checkpoint.path, checkpoint.config, patterns))).value.split(", "))
    sees = bool({"image", "video"} & named) or (checkpoint.is_multimodal and "audio" not in named)
    return VISION if sees else TEXT


def config_values(
    form: ConfigForm, kind: str, ranks: int, length: int, served: Mapping[str, Any], chat: bool
) -> dict[str, Any]:
    """Return the context of a test config, but for what was measured.

    Args:
        form: of the tree's configs.
        kind: see `kind_of`.
        ranks: tensor-parallel size, by the plan.
        length: the longest sequence of the model; 0 where none is known.
        served: what the server is told besides.
        chat: whether the model has a chat template.
    """
    asked = ASKED[kind]
    settings = dict(asked.settings)
    if kind in (TEXT, VISION):
        settings["apply_chat_template"] = chat
        settings["fewshot_as_multiturn"] = chat and kind == TEXT
    told = {
        "tensor_parallel_size": ranks,
        "dtype": "auto",
        "max_model_len": min(TEST_LENGTH, length or TEST_LENGTH),
        "gpu_memory_utilization": 0.8,
        **served,
    }
    return {
        "nested": "yes" if form.nested else "",
        "kind_key": form.kind_key,
        "kind": kind,
        "tested": "yes" if kind in form.kinds else "",
        "served": {"rows": _rows(told)},
        "task": json.dumps(asked.task),
        "metrics": "; ".join(asked.metrics),
        "dataset": {"rows": _rows(asked.dataset)},
        "settings": {"rows": _rows(settings)},
    }


def with_measured(config: Mapping[str, Any], verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the context with sizes that gates showed in place of planned ones, and the hardware for them.

    What counts is what was served with real weights on an NPU, at the smallest tensor-parallel size; and the length
    that was seen to serve there, where that is below what tests use.
    """
    real = [v for v in verdicts if v.passed and v.device == NPU and stage_named(v.stage).starts in _whole()]
    rows = {row["key"]: row["value"] for row in config["served"]["rows"]}
    if real:
        rows["tensor_parallel_size"] = str(min(v.tensor_parallel_size for v in real))
    lengths = [v.capacity.practical_len for v in real if v.capacity is not None and v.capacity.practical_len]
    rows["max_model_len"] = str(min([int(rows["max_model_len"]), *lengths]))
    series = "A2" if int(rows["tensor_parallel_size"]) <= A2.npus else "A3"
    served = {"rows": [{"key": key, "value": value} for key, value in rows.items()]}
    return {**config, "served": served, "hardware": f"Atlas {series} Series"}


def _whole() -> tuple[Start, ...]:
    """Return the starts that load a whole checkpoint with its own weights."""
    return stage_named("real").starts, stage_named("capacity").starts


def _rows(values: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"key": key, "value": json.dumps(value)} for key, value in values.items()]
