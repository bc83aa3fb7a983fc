"""Both languages have the same parts, and nothing that others wrote gets out of its place."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.evidence.account import KnownHole
from scaffold.report.commands import runbook_of
from scaffold.report.limits import limits_of
from scaffold.report.markdown import cell, code, fence
from scaffold.report.render import COMMENT, REPORT, RUNBOOK, render
from scaffold.report.value import Identity, Limit, Report, Run
from scaffold.report.wording import LANGUAGES
from tests.report.samples import COMMAND, empty, full, of_the_commit
from tests.verdicts import make_verdict

DOCUMENTS = (REPORT, RUNBOOK, COMMENT)
SAMPLES = (full, empty, of_the_commit)
BAR = re.compile(r"(?<!\\)\|")
CJK = "\u4e00-\u9fff"
TEXT = st.text("`|\n\r\t\\ a\x1b好~#<", max_size=24)
EVIL = "a|b`c``d\n# e <b>f</b> @g ~~~ {{ h }} {% i %} \x1b[31m --> *j* _k_ [l](m)"


def shape(text: str) -> list[str]:
    """Return what each line is: a heading, a row with so many cells, an entry, code, a paragraph."""
    kinds, ticks = [], ""
    for line in text.splitlines():
        mark = re.match(r"(`{3,})[^`]*$", line)  # as CommonMark has it
        if ticks:
            kinds.append(f"code {line}")
            ticks = "" if line == ticks else ticks
        elif mark:
            ticks = mark[1]
            kinds.append(f"code {line}")
        elif line.startswith("#"):
            kinds.append(line.split()[0])
        elif line.startswith("|"):
            kinds.append(f"row of {len(BAR.findall(line)) - 1}")
        else:
            kinds.append(line[:2] if line[:2] in ("- ", "1.", "> ", "**") else "text" if line else "")
    assert not ticks
    return kinds


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_nothing_is_missing_in_one_language(sample: Callable[[], Report], document: str) -> None:
    chinese, english = (render(document, sample(), language) for language in LANGUAGES)
    assert shape(chinese) == shape(english)
    outside = "\n".join(line for line in english.splitlines() if not line.startswith("`"))
    assert not re.search(f"[{CJK}]", outside)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.__name__)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_table_has_as_many_cells_in_each_row(sample: Callable[[], Report], document: str) -> None:
    for language in LANGUAGES:
        before = ""
        for kind in shape(render(document, sample(), language)):
            assert not (kind.startswith("row") and before.startswith("row")) or kind == before
            before = kind


def test_what_others_wrote_stays_where_it_is() -> None:
    report = _with(full(), EVIL)
    for document in DOCUMENTS:
        good, evil = (render(document, one, "en") for one in (_with(full(), "plain"), report))
        marks = ("#", "-", "row", "1.")
        assert [k for k in shape(good) if k.startswith(marks)] == [k for k in shape(evil) if k.startswith(marks)]
        outside = re.sub(
            r"(`+)(?!`).*?(?<!`)\1(?!`)", "", re.sub(r"^(`{3,})[^`\n]*\n.*?^\1$", "", evil, flags=re.M | re.S)
        )
        assert "<b>" not in outside
        assert "@g" not in outside
        assert "\x1b" not in evil


def _with(value: Any, text: str) -> Any:
    """Return a value with each free text in it replaced; words of tables are of their tables."""
    if isinstance(value, Limit) and value.kind in ("not-run", "stale", "feature-fails", "feature-not-tried"):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {"strategy", "placement", "stage", "outcome", "feature", "subject", "root", "origin", "kind", "basis"}
        kept |= {"signature", "date", "device", "hash", "tool", "capacity_outcome"}
        fields = {
            field.name: getattr(value, field.name)
            for field in dataclasses.fields(value)
            if field.init and field.name not in kept
        }
        if "changed" in fields or isinstance(value, Identity):
            del fields["name"]  # of a step of the ladder; of a model, which is that of files
        return replace(value, **{name: _with(one, text) for name, one in fields.items()})
    if isinstance(value, tuple):
        return tuple(_with(one, text) for one in value)
    if isinstance(value, str):
        return text
    return value


@given(TEXT)
def test_any_text_is_one_span_of_code(text: str) -> None:
    shown = code(text)
    assert "\n" not in shown
    ticks = re.match(r"`*", shown)
    assert ticks is not None
    assert shown == "–" or re.findall(r"`+", shown).count(ticks[0]) == 2
    assert not re.search(r"(?<!\\)\|", cell(text))


@given(TEXT)
def test_no_text_ends_its_block(text: str) -> None:
    first, *lines, last = fence(text).split("\n")
    assert first == f"{last}text"
    assert not any(line.startswith(last) for line in lines)


def test_the_runbook_has_the_commands_of_the_record_word_for_word() -> None:
    text = render(RUNBOOK, full(), "zh")
    blocks = re.findall(r"```bash\n(.*?)\n```", text, re.S)
    assert blocks == [
        COMMAND,
        "curl -fsS http://127.0.0.1:8123/v1/models",
        "curl -fsS http://127.0.0.1:8123/v1/completions -H 'Content-Type: application/json' -d "
        """'{"model": "Nova-7B", "prompt": "It'"'"'s", "max_tokens": 16}'""",
        f"{COMMAND} --enforce-eager",
        f"TORCHDYNAMO_DISABLE=1 {COMMAND}",
        "pkill -INT -f '[v]llm serve /models/Nova-7B( |$)'",
    ]
    eager, no_dynamo = text.split("### ")[1:3]
    assert "结果为“通过”" in eager  # the ladder tried it
    assert "尚未实际运行" in no_dynamo


def test_a_command_that_did_not_pass_is_said_to_be_one() -> None:
    text = render(RUNBOOK, of_the_commit(), "zh")
    for said in ("没有通过验证", "随机的 dummy 权重", "之后有变化", "密钥已隐去"):
        assert said in text
    assert "**" not in render(RUNBOOK, full(), "zh")


def test_stand_ins_for_kernels_of_the_cpu_engine_are_explained() -> None:
    place = "/opt/x/scaffold_validators/shims/on_path"
    runs = [Run(1, make_verdict("real", device="cpu", command=f"PYTHONPATH={place} {COMMAND}"), is_current=True)]
    with_them = render(RUNBOOK, replace(full(), runbook=runbook_of(runs)), "zh")
    assert "用 PyTorch 实现代替 CPU 引擎上结果有误的算子" in with_them
    assert "PYTHONPATH" not in render(RUNBOOK, full(), "zh")


PAGE = Path(__file__).parents[2] / "docs" / "report.md"


def test_the_examples_of_the_docs_are_what_is_rendered() -> None:
    rendered = {line for document in (REPORT, RUNBOOK) for lang in LANGUAGES for line in lines(document, lang)}
    examples = re.findall(r"^(`{3,})markdown\n(.*?)^\1$", PAGE.read_text(encoding="utf-8"), flags=re.M | re.S)
    assert len(examples) == 3
    assert [line for _, text in examples for line in text.splitlines() if line not in rendered] == []


def lines(document: str, language: str) -> list[str]:
    return render(document, full(), language).splitlines()


def test_performance_and_hand_edits_are_told() -> None:
    text = render(REPORT, full(), "zh")
    assert "| 完成的请求数 | 200 |" in text
    assert "| 输出吞吐（token/s） | 812.50 |" in text
    assert "vllm bench serve --model /models/Nova-7B --num-prompts 200" in text
    assert text.count("生成后有人工修改") == 1
    old, none = (render(REPORT, sample(), "en") for sample in (of_the_commit, empty))
    assert "earlier state of trees or checkpoint" in old.split("### Performance")[1]
    assert "`scaffold evaluate /m --bench --name Nova-7B`" in none.split("### Performance")[1]


def test_what_to_call_is_the_call_of_this_model() -> None:
    for document in DOCUMENTS:
        assert "CHECKPOINT" not in render(document, empty(), "zh")
    assert "`scaffold validate /m --name Nova-7B`" in render(RUNBOOK, empty(), "zh")
    assert "`scaffold validate /m --stage static --name Nova-7B`" in render(REPORT, empty(), "zh")


def test_a_comment_without_any_run_does_not_speak_of_runs() -> None:
    told = {language: render(COMMENT, empty(), language) for language in LANGUAGES}
    assert "尚未执行任何验证阶段" in told["zh"]
    assert "实际" not in told["zh"]
    assert "no stage was run yet" in told["en"]
    assert "real runs" not in told["en"]
    assert "各步骤的结论均来自实际运行" in render(COMMENT, full(), "zh")


def test_a_hole_and_an_excused_point_are_named_in_the_language_of_the_report() -> None:
    hole = KnownHole("model", "no embedding of the vocabulary", "modeling_nova.py:9")
    made = full()
    account, commit = made.account, made.commit
    assert account is not None
    assert commit is not None
    account = replace(account, holes=(hole,))
    limits = limits_of((), account, (), None, replace(commit, excused=("capacity: one card", "odd: why", "why")), True)
    text = {language: render(REPORT, replace(made, account=account, limits=limits), language) for language in LANGUAGES}
    assert "| 没有词嵌入 | `model` | `modeling_nova.py:9` |" in text["zh"]
    assert "- 模型中有未确定的内容：没有词嵌入（`modeling_nova.py:9`）。" in text["zh"]
    assert "理由、没有验证的项目：长度与并发验证：`one card`；`odd`：`why`；`why`。" in text["zh"]
    assert "- Undetermined: `no embedding of the vocabulary` (`modeling_nova.py:9`)." in text["en"]
    assert "reason that the commit gives: capacity: `one card`; `odd`: `why`; `why`." in text["en"]


def test_what_speaks_against_a_server_and_was_allowed_is_told_apart_from_what_stops_it() -> None:
    made = full()
    assert made.static is not None
    found = replace(made.static, stops=("static-code: a.b",))
    passed = render(REPORT, replace(made, static=found), "zh")
    stopped = render(REPORT, replace(made, static=replace(found, outcome="stopped")), "zh")
    assert "不兼容之处（均由用户确认为无害）：\n\n- " in passed
    assert "不兼容之处：\n\n- " in stopped
