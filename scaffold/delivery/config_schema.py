"""What a test config of vllm-ascend may hold, as rows: every config of every release passes, and so has ours to.

The rows follow from what the trees' own tests read (``tests/e2e/models/test_*_correctness.py`` of 0.13 to 0.30) and
from all configs beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from scaffold.common.errors import CheckFailed
from scaffold.delivery.config_form import ALL_KINDS, KIND, OLDER_KIND, REWARD, SERVE, SPEECH

Fits = Callable[[Any], bool]


@dataclass(frozen=True)
class Row:
    """One key.

    Attributes:
        expected: what its value is, in words.
        fits: whether a value is that.
    """

    key: str
    expected: str
    fits: Fits
    required: bool = False


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_shots(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 < value <= 1


def _is_batch(value: Any) -> bool:
    return value == "auto" or _is_count(value)


def _is_variables(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(v, str) and isinstance(k, str) for k, v in value.items())


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


SERVED = (
    Row("tensor_parallel_size", "a number of NPUs", _is_count),
    Row("dtype", "the name of a dtype, or auto", _is_text),
    Row("max_model_len", "a number of tokens", _is_count),
    Row("gpu_memory_utilization", "a share of the memory, up to 1", _is_share),
    Row("trust_remote_code", "true or false", _is_switch),
    Row("enable_expert_parallel", "true or false", _is_switch),
    Row("enforce_eager", "true or false", _is_switch),
    Row("enable_thinking", "true or false", _is_switch),
    Row("quantization", "the name of a quantisation", _is_text),
    Row("max_images", "a number of images", _is_count),
    Row("block_size", "a number of tokens", _is_count),
    Row("hf_overrides", "a mapping", _is_mapping),
)
"""What the server is told: below ``serve``, or at the top of an older config."""
TOP = (
    Row("model_name", "what the model is published as, such as org/name", _is_text, required=True),
    Row("hardware", "a product line, such as Atlas A2 Series", _is_text, required=True),
    Row(KIND, f"one of {', '.join(ALL_KINDS)}", lambda value: value in ALL_KINDS),
    Row(OLDER_KIND, f"one of {', '.join(ALL_KINDS)}", lambda value: value in ALL_KINDS),
    Row(SERVE, "a mapping", _is_mapping),
    Row("envs", "variables, each a text", _is_variables),
    Row("tasks", "at least one task", lambda value: isinstance(value, list) and bool(value), required=True),
    Row("num_fewshot", "a number of examples, 0 or more", _is_shots),
    Row("limit", "a number of questions", _is_count),
    Row("apply_chat_template", "true or false", _is_switch),
    Row("fewshot_as_multiturn", "true or false", _is_switch),
    Row("batch_size", "auto, or a number of requests", _is_batch),
    Row("language", "a language, such as en", _is_text),
    Row("system_prompt", "a text", _is_text),
)
TASK = (
    Row("name", "the name of a task", _is_text, required=True),
    Row("metrics", "a list of metrics", lambda value: isinstance(value, list), required=True),
)
DATASET = (
    Row("dataset", "a data set of ModelScope, such as org/name", _is_text, required=True),
    Row("split", "the name of a split", _is_text, required=True),
    Row("dataset_config", "the name of a subset", _is_text),
    *(
        Row(f"{column}_column", "the name of a column", _is_text)
        for column in ("audio", "text", "problem", "solution", "prompt", "chosen", "rejected")
    ),
    Row("task_type", "correctness or pairwise", lambda value: value in ("correctness", "pairwise")),
)
"""What a task of speech or of reward models has besides: those tests fetch their data themselves."""
METRIC = (
    Row("name", "the name of a metric, with its filter", _is_text, required=True),
    Row("value", "the figure that was measured", _is_number, required=True),
)


def check_config(text: str, where: str) -> None:
    """Check a test config.

    Raises:
        CheckFailed: it is no YAML, or not in the form that the tests read.
    """
    faults = tuple(faults_of(text))
    if faults:
        raise CheckFailed(
            "; ".join(faults),
            where=where,
            expected="a test config in the form that vllm-ascend's own tests read",
            remedy="correct it, or remove it and run scaffold new-model again",
        )


def faults_of(text: str) -> Iterator[str]:
    """Yield what is wrong with a test config, in its order."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        yield f"no YAML ({' '.join(str(error).split())})"
        return
    if not isinstance(document, Mapping):
        yield "no mapping"
        return
    kind = document.get(KIND, document.get(OLDER_KIND))
    served = document.get(SERVE)
    yield from _faults(document, TOP if SERVE in document else (*TOP, *SERVED), "")
    if isinstance(served, Mapping):
        yield from _faults(served, SERVED, f"{SERVE}.")
    tasks = document.get("tasks")
    rows = (*TASK, *DATASET) if kind in (SPEECH, REWARD) else TASK
    for number, task in enumerate(tasks if isinstance(tasks, list) else ()):
        below = f"tasks[{number}]"
        if not isinstance(task, Mapping):
            yield f"{below} is no mapping"
            continue
        yield from _faults(task, rows, f"{below}.")
        metrics = task.get("metrics")
        for place, metric in enumerate(metrics if isinstance(metrics, list) else ()):
            if not isinstance(metric, Mapping):
                yield f"{below}.metrics[{place}] is no mapping"
                continue
            yield from _faults(metric, METRIC, f"{below}.metrics[{place}].")


def _faults(values: Mapping[Any, Any], rows: tuple[Row, ...], below: str) -> Iterator[str]:
    known = {row.key: row for row in rows}
    for key, value in values.items():
        row = known.get(key)
        if row is None:
            yield f"{below}{key} is a key that no test reads"
        elif not row.fits(value):
            yield f"{below}{key} is {value!r}, not {row.expected}"
    for row in rows:
        if row.required and row.key not in values:
            yield f"no {below}{row.key}"
