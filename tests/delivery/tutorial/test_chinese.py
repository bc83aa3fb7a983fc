"""Sentences of a tutorial in Chinese: whole lines, with their links and figures as they are."""

from __future__ import annotations

import re
from pathlib import Path

import scaffold.delivery.tutorial.chinese as module
from scaffold.delivery.tutorial.chinese import chinese_of
from scaffold.strategy.table import STRATEGIES
from tests.rows import each

SECTIONS = Path(__file__).parents[3] / "cookiecutter-model/templates/tutorial/sections"
VALUE = re.compile(r"\{\{[^}]*\}\}")
IN_ENGLISH = (
    "{% if",
    "{{ delivery.support }}",
    "is a {{ delivery.kind }}",
    "{{ delivery.weight_size }} of weights",
    "Measured with lm_eval",
)
"""What says something else of each model, or is said in several ways: `MEASURED` has those."""
SHOTS = "Measured with lm_eval 0.4.13 (`local-completions`) on 2026-11-28T02:29, 0 shots,"
MEASURED = {
    "It was verified on NPUs with vllm 0.32.0.": "已在 NPU 上验证，版本为 vllm 0.32.0。",
    "It has not been tried on an NPU yet: what is shown here was measured on the device CPU with torch 2.13.0, "
    "vllm 0.32.0. Until then, take it for evaluation only.": "尚未在 NPU 上验证：本文内容在设备 CPU 上测得，版本为 "
    "torch 2.13.0, vllm 0.32.0。在此之前仅供评估。",
    "No feature has been tried yet: no NPU. Yet. `scaffold a` tries each, and fills in the table.": "尚未验证特性，"
    "原因：no NPU. Yet。运行 `scaffold a` 可逐项验证，结果会写入表格。",
    "No configuration has been measured yet: 无 NPU. `scaffold a` measures the lengths and the numbers of requests "
    "that are served.": "尚未测试任何配置，原因：无 NPU。运行 `scaffold a` 可测出能够支持的长度与并发数。",
    "No accuracy has been measured: no NPU.": "尚未评估精度，原因：no NPU。",
    "No accuracy has been measured: no NPU. It is measured against the running server, for example:": "尚未评估精度，"
    "原因：no NPU。可对运行中的服务进行评估，例如：",
    f"{SHOTS} without the chat template:": "使用 lm_eval 0.4.13（`local-completions`）评估，时间为 2026-11-28T02:29，"
    "few-shot 数为 0，不使用对话模板：",
    f"{SHOTS} with the chat template; only 6 of 9 questions of count:": "使用 lm_eval 0.4.13（`local-completions`）"
    "评估，时间为 2026-11-28T02:29，few-shot 数为 0，使用对话模板；只评估了部分题目（6 of 9 questions of count）：",
}


def prose() -> list[str]:
    """Return the lines of the sections that are sentences, with a number in place of each value."""
    found = []
    for path in sorted(SECTIONS.glob("*.jinja")):
        text = re.sub(r"^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
        lines = [line.removeprefix("- ") for line in text.splitlines() if re.match(r"(?:- )?[A-Z`]", line)]
        lines = [re.sub(r"\{\{ \": \" ~ [^}]*\}\}", "", line) for line in lines]
        kept = [line for line in lines if not VALUE.fullmatch(line) and not any(word in line for word in IN_ENGLISH)]
        found += [VALUE.sub("7", line) for line in kept]
    return found


@each("line", prose())
def test_a_sentence_that_says_the_same_of_every_model_is_there_in_chinese(line: str) -> None:
    assert re.search("[\u4e00-\u9fff]", chinese_of(line)), line


@each("english, chinese", MEASURED.items())
def test_a_sentence_of_what_was_measured_is_there_in_chinese(english: str, chinese: str) -> None:
    assert chinese_of(english) == chinese


@each("support", [strategy.support for strategy in STRATEGIES])
def test_how_it_is_served_is_told_in_chinese(support: str) -> None:
    assert re.search("[\u4e00-\u9fff]", chinese_of(support)), support


def test_what_a_sentence_quotes_stays_as_it_is() -> None:
    line = "Please refer to [a](b.md) for tuning methods, and to the [c](d.md) for detailed feature descriptions."
    assert chinese_of(line) == "调优方法请参考 [a](b.md)，特性的详细说明请参考 [c](d.md)。"
    assert chinese_of("Nova is a dense language model.") == ""
    assert len(module._patterns()) > 30
