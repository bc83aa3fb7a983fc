"""Every value that a report can have has words in both languages, and the Chinese is set as Chinese is."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import scaffold.report
from scaffold.ascend.fate import Outcome as Fate
from scaffold.delivery.benchmark import FIGURES
from scaffold.delivery.gate.table import REASONABLE
from scaffold.evidence.account import KnownFact
from scaffold.placement.table import PLACEMENTS
from scaffold.report.features import FEATURES
from scaffold.report.layers import merged
from scaffold.report.proofs import SUBJECTS
from scaffold.report.render import COMMENT, REPORT, RUNBOOK, render
from scaffold.report.value import Role, Shown
from scaffold.report.wording import LANGUAGES, words
from scaffold.running.static_stops import KINDS
from scaffold.strategy.table import STRATEGIES
from scaffold_validators.diagnosis.signatures import signatures
from scaffold_validators.outcome import Outcome
from scaffold_validators.results.feature import State
from scaffold_validators.stages.conclude import ANOTHER_LOOK, READ_THE_LOG, SLOW
from scaffold_validators.stages.ladder.climb import STEPS
from scaffold_validators.stages.table import STAGES
from tests.report.samples import empty, full, of_the_commit

PACKAGE = Path(scaffold.report.__file__).parent
TABLES: dict[str, set[str]] = {
    "stage": {stage.name for stage in STAGES},
    "outcome": {*(outcome.value for outcome in Outcome), "not-run", "stale"},
    "state": {*(state.value for state in State), "not-run"},
    "shown": {shown.value for shown in Shown},
    "feature": {feature.name for feature in FEATURES},
    "strategy": {strategy.name for strategy in STRATEGIES},
    "placement": {*PLACEMENTS, "unknown"},
    "role": {role.value for role in Role},
    "subject": {subject.name for subject in SUBJECTS},
    "ladder": {step.name for step in STEPS},
    "kernel": {fate.value for fate in Fate},
    "figure": set(FIGURES),
    "limit": set(re.findall(r'Limit\("([\w-]+)"', (PACKAGE / "limits.py").read_text()))
    | set(re.findall(r'"(stale|not-run)"', (PACKAGE / "limits.py").read_text())),
    "point": set(REASONABLE),
    "signature": set("GUBXYREN"),  # git: Documentation/pretty-formats.adoc, %G?
}
"""Section → keys that it has to have, and no others."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_value_has_words(language: str) -> None:
    sections = words(language).sections
    assert {section: set(sections[section]) for section in TABLES} == TABLES


def test_both_languages_have_the_same_words_with_the_same_fields() -> None:
    chinese, english = (dict(_fields(words(language).sections)) for language in LANGUAGES)
    assert chinese == english


def _fields(sections: Any) -> Iterator[tuple[tuple[str, str], set[str | None]]]:
    for section, table in sections.items():
        for key, text in table.items() if section not in ("said", "fact") else ():
            assert isinstance(text, str), (section, key)
            yield (section, key), {name for _, name, _, _ in string.Formatter().parse(text)} - {None}


def test_no_words_are_left_over() -> None:
    used = "".join(path.read_text() for path in [*PACKAGE.glob("*.py"), *(PACKAGE / "templates").rglob("*.jinja")])
    sections = words("en").sections
    of_tables = {
        *TABLES,
        "said",
        "fact",
        "punctuation",
        "answer",
        "action",
        "holds",
        "mended",
        "yes_no",
        "root",
        "step",
    }
    left = [
        (section, key)
        for section in sorted(set(sections) - of_tables)
        for key in sections[section]
        if not re.search(rf'"{re.escape(key)}"', used) and not key.startswith("stage_")
    ]
    assert left == []


FACTS = re.compile(r"\b(?:Fact|sized)\(\s*f?\"([^\"{]+)")


def test_every_fact_of_this_tool_has_a_chinese_name() -> None:
    sources = (path.read_text(encoding="utf-8") for path in PACKAGE.parent.rglob("*.py"))
    names = {name.strip() for text in sources for name in FACTS.findall(text)}
    assert len(names) > 30
    table = words("zh").sections["fact"]
    assert sorted(names - set(table)) == []


@pytest.mark.parametrize(
    ("name", "layers", "chinese", "english"),
    [
        ("attention", (), "注意力", "attention"),
        ("attention", ("0-3",), "注意力（第 0-3 层）", "attention, layers 0-3"),
        ("q/k norm", ("5", "7, 9 … (4)"), "q/k norm（第 5；7, 9 … (4) 层）", "q/k norm, layers 5; 7, 9 … (4)"),
        ("part vision_tower", (), "部分 <vision_tower>", "<part vision_tower>"),
        ("attentional|x", (), "<attentional|x>", "<attentional|x>"),
    ],
)
def test_a_fact_is_called_by_its_name_and_its_layers(
    name: str, layers: tuple[str, ...], chinese: str, english: str
) -> None:
    found = [words(language).fact(name, layers, lambda text: f"<{text}>") for language in LANGUAGES]
    assert found == [chinese, english]


def test_what_kinds_of_layers_have_in_common_is_told_once() -> None:
    facts = [
        KnownFact("layers", "5", ()),
        KnownFact("attention, layers 0-2", "4 heads", ("config: a",)),
        KnownFact("rope, layers 0-2", "neox", ()),
        KnownFact("attention, layer 3", "4 heads", ("config: a",)),
        KnownFact("rope, layer 3", "none", ()),
        KnownFact("attention, layer 4", "4 heads", ("config: a",)),
        KnownFact("rope, layer 4", "neox", ()),
        KnownFact("window, layer 4", "8", ()),
    ]
    assert [(told.name, told.layers, told.value) for told in merged(facts)] == [
        ("layers", (), "5"),
        ("attention", (), "4 heads"),
        ("rope", ("0-2", "4"), "neox"),
        ("rope", ("3",), "none"),
        ("window", ("4",), "8"),
    ]
    assert [told.layers for told in merged([KnownFact("layers", "5", ())])] == [()]


SAID = [
    ("3 requests answered, log clean", "3 个请求均有响应，日志无异常"),
    (
        "3 requests answered, log clean; stood in for kernels of this engine that answer wrongly: cpu-router: the "
        "CPU's plain router knows no sigmoid scores, and passes over a correction bias",
        "3 个请求均有响应，日志无异常；该引擎的以下算子结果有误，由 PyTorch 实现代替：<cpu-router>（CPU 的普通路由"
        "不支持 sigmoid 打分，并忽略 correction bias）",
    ),
    (
        "float32 log probabilities of 1325 tokens differ from the float32 reference by "
        "median 3.8e-06 (at most 1.0e-04), p95 1.4e-05 (at most 1.0e-03); 319 of 320 sure greedy tokens agree",
        "1325 个 token 的对数概率（<float32>）与 float32 参考值的差异：中位数 <3.8e-06>（上限 <1.0e-04>），"
        "p95 <1.4e-05>（上限 <1.0e-03>）；可判定的 320 个贪心 token 中有 319 个一致",
    ),
    ("the first 2 of 9 layers: 1 request answered, log clean", "共 9 层，取前 2 层：1 个请求有响应，日志无异常"),
    ("1 verified, 3 not-applicable, 1 not-tried", "1 项已验证，3 项不适用，1 项未测试"),
    ("NovaForCausalLM is not in the registry", "<NovaForCausalLM> 未在 vLLM 中注册"),
    ("theoretical length 128; practical length 64, in 2 starts; 32 of 32 at once answered; 64 of 64 at once answered",
     "理论最大长度为 128，实测最大长度为 64（启动 2 次）；32 个并发请求中有 32 个响应；64 个并发请求中有 64 个响应"),
    ("8: 4 heads of 8 cannot be shared evenly by 8 ranks", "8（4 个大小为 8 的注意力头无法均分到 8 卡）"),
    ("tensors, imports and calls of a.b:C hold; no kernel stops it on A2",
     "<a.b:C> 的张量、导入和调用均符合要求；在 <A2> 上没有发现不可用的算子"),
    ("Nova is registered (nova.Nova), but Nova asks a.b to be [1], and c.d is [2]; nothing fills e.f of Nova",
     "<Nova> 已注册（<nova.Nova>），但不适用：<Nova> 要求 <a.b> 的形状为 <[1]>，而 <c.d> 的形状为 <[2]>；"
     "<Nova> 的 <e.f> 没有权重填充"),
    ("tied embeddings: tie_word_embeddings is not stated, so that the class's default, true, counts, and lm_head"
     ".weight is there and differs from a.weight: vLLM ties the head to the embeddings, and drops lm_head.weight",
     "共享词嵌入：没有声明 <tie_word_embeddings>，按类的默认值 <true> 计；存在 <lm_head.weight>，且与 <a.weight> 不同。"
     "vLLM 会让 lm_head 与词嵌入共享权重，丢弃 lm_head.weight"),
    ("VLLM::Worker (pid 7) died, killed by SIGTERM before it was ready (engine-dead: RuntimeError: x)",
     "<VLLM::Worker (pid 7)> 在就绪之前被 <SIGTERM> 终止（<engine-dead: RuntimeError: x>）"),
    ("stage real: the same failure at each step (again): the cause is in none of what they change; " + READ_THE_LOG,
     "针对 <real> 阶段的失败：各步骤（<again>）的失败都相同：原因与这些改动无关；从根因所在的行开始查看日志"),
    ("1 verified, 1 unsupported; mtp: no draft; 3 of 4 draft tokens accepted (75.0 %)",
     "1 项已验证，1 项不支持；<mtp: no draft>；4 个草稿 token 中接受了 3 个（75.0%）"),
    ("static-patches: a.py:1 imports b.c, which this vLLM does not have",
     "<static-patches>：<a.py:1> 导入了 <b.c>，而当前 vLLM 中没有"),
    ("4 heads, 2 KV heads of 32", "4 个注意力头，2 个 KV 头，head size 为 32"),
    ("q/k/v False, output True", "<q/k/v>：否，输出：是"),
    ("layers[0].mixer.o_bias: False here, config.use_bias there",
     "<layers[0].mixer.o_bias>：本模型为否，该架构为 <config.use_bias>"),
]  # fmt: skip


@pytest.mark.parametrize(("english", "chinese"), SAID, ids=lambda text: text[:30])
def test_what_the_tool_says_is_said_in_chinese(english: str, chinese: str) -> None:
    assert words("zh").said(english, lambda text: f"<{text}>") == chinese
    assert words("en").said(english, str) is None


def test_what_tables_say_is_said_in_chinese() -> None:
    texts = [*(step.tells for step in STEPS), *(feature.elsewhere for feature in FEATURES if feature.elsewhere)]
    texts += [text for kind in KINDS.values() for text in (kind.meaning, kind.remedy)]
    texts += [f"{KINDS['code'].remedy}; where it is harmless, pass --allow static-code", READ_THE_LOG]
    texts += [f"{ANOTHER_LOOK}; {SLOW}"]
    texts += [f"stage real: with step eager it passes: {STEPS[0].tells}"]
    assert [text for text in texts if words("zh").said(text, str) is None] == []


def test_advice_of_the_diagnosis_is_said_in_chinese_and_its_options_are_code() -> None:
    (row,) = (row for row in signatures() if row.id == "no-kv-memory")
    said = words("zh").said(row.remedy, lambda text: f"<{text}>")
    assert said is not None
    assert "增大 TP，减小 <--max-num-batched-tokens> 或 <--max-model-len>" in said
    assert words("en").said(row.remedy, str) is None


@pytest.mark.parametrize("text", ["a line of a log", "RuntimeError: 1 request answered, log clean\n", ""])
def test_what_is_not_the_tools_own_stays_as_it_is(text: str) -> None:
    assert words("zh").said(text, str) is None


CJK = "\u4e00-\u9fff"
WRONG = (
    (re.compile(f"[{CJK}][A-Za-z0-9]|[A-Za-z0-9%][{CJK}]"), "no space between Chinese and Latin"),
    (re.compile(f"[{CJK}] [{CJK}]"), "a space inside of Chinese"),
    (re.compile(f"[{CJK}][,;:?!()]|[,;?!()][{CJK}]"), "punctuation of half width in Chinese"),
    (re.compile(f"[{CJK}]\\.(?:\\s|$)"), "a full stop of half width"),
    (re.compile("[，。：；、（）“”] | [，。：；、（）]"), "a space beside punctuation of full width"),
    (re.compile("。。|，，|：：|、、|[，：；、]。"), "punctuation twice"),
)


@pytest.mark.parametrize("sample", [full, empty, of_the_commit], ids=lambda sample: sample.__name__)
@pytest.mark.parametrize("document", [REPORT, RUNBOOK, COMMENT])
def test_chinese_is_set_as_chinese_is(sample: Any, document: str) -> None:
    text = re.sub(r"^(`{3,}).*?^\1$", "", render(document, sample(), "zh"), flags=re.M | re.S)
    text = re.sub(r"(`+)[^`\n]+\1", "code", text)
    found = [(why, line) for line in text.splitlines() for pattern, why in WRONG if pattern.search(_plain(line))]
    assert found == []


def _plain(line: str) -> str:
    """Return a line without the marks of tables and lists, which are set apart by spaces."""
    return (
        re.sub(r"^[>#\-\d. *]+|\*\*|^\| *| *\|$", "", line.replace(" | ", "\n")).replace("✅ ", "").replace("❌ ", "")
    )
