"""Chinese headings of a tutorial: those of the tree's own Chinese template, else what its catalogues call them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from scaffold.common.tables import read_table
from scaffold.delivery.tutorial.form import TEMPLATE
from scaffold.delivery.tutorial.headings import Heading, headings
from scaffold.delivery.tutorial.outline import Section

CHINESE_TEMPLATE = TEMPLATE.with_suffix(".zh.md")
CATALOGUES = Path("docs/source/locale/zh_CN/LC_MESSAGES")
HEADINGS: Mapping[str, str] = {
    "Introduction": "简介",
    "Supported Features": "支持的特性",
    "Feature Matrix": "特性矩阵",
    "Environment Preparation": "环境准备",
    "Prerequisites": "前置准备",
    "Model Weight": "模型权重",
    "Verify Multi-node Communication": "验证多节点通信",
    "Installation": "安装",
    "Docker Image Installation": "Docker 镜像安装",
    "Source Code Installation": "源码安装",
    "Deployment": "部署",
    "Online Service Deployment": "在线服务化部署",
    "Single-node Deployment": "单节点部署",
    "Single-Node Online Deployment": "单机在线部署",
    "Multi-node Deployment": "多节点部署",
    "Multi-Node Online Deployment": "多机在线部署",
    "Multi-Node PD Separation Deployment": "多机 PD 分离部署",
    "Special Deployment Modes": "特殊部署形态",
    "Functional Verification": "功能验证",
    "Accuracy Evaluation": "精度评估",
    "Using AISBench": "使用 AISBench",
    "Using Language Model Evaluation Harness": "使用 Language Model Evaluation Harness",
    "Performance": "性能",
    "Performance Evaluation": "性能评估",
    "Performance Tuning": "性能调优",
    "Best Practices": "最佳实践",
    "Recommended Configurations": "推荐配置",
    "Tuning Guidelines": "调优思路",
    "General Tuning Reference": "通用调优参考",
    "Model-Specific Optimizations": "模型特有优化",
    "FAQ": "常见问题",
}
"""As vllm-ascend's own template and catalogues have them (``docs/source/locale/zh_CN``)."""

SENTENCES: Mapping[str, str] = {
    "It is recommended to download the model weight to a directory that all nodes share.": (
        "建议将模型权重下载到各节点共享的目录。"
    ),
    "The container mounts the directory of the weights that the server is told to load.": (
        "容器会挂载服务所加载权重的目录。"
    ),
    "This is how it is planned to be served on NPUs; the command has not been run yet:": (
        "计划在 NPU 上使用以下命令启动服务，该命令尚未运行："
    ),
    "The parameters are explained as follows:": "参数说明如下：",
    "A deployment on several nodes has not been tried yet.": "尚未验证多机部署。",
    "A deployment that separates prefill and decode has not been tried yet.": "尚未验证 PD 分离部署。",
    "No other way of deployment has been tried.": "尚未验证其他部署形态。",
    "Once the server is started, send a request:": "服务启动后，即可发送请求：",
    "What was verified so far:": "目前的验证情况：",
    "It has not been tried on an NPU yet.": "尚未在 NPU 上验证。",
    "Nothing has been measured for this section yet.": "本节尚无测试数据。",
}
"""Sentences of the sections that say the same of every model (``cookiecutter-model/templates/tutorial/sections``)."""


def catalogue_of(root: Path, tutorials: Path, name: str) -> Path | None:
    """Return a tutorial's catalogue below `CATALOGUES`; None where the tree keeps none for tutorials."""
    folder = tutorials.relative_to("docs/source")
    return folder / f"{name}.po" if (root / CATALOGUES / folder / "index.po").is_file() else None


def messages(
    root: Path, tutorials: Path, sections: Sequence[Section], title: str, page: str
) -> Iterator[tuple[str, str]]:
    """Yield each heading and known sentence of a tutorial with its translation, as the tree's catalogues write them.

    What has no translation is left out: the page shows it in English.

    Args:
        root: of the tree.
        tutorials: their folder.
        sections: of the tutorial.
        title: of the page.
        page: its text.
    """
    marked = _has_marks(root / CATALOGUES / tutorials.relative_to("docs/source"))
    own = _of_template(root)
    written = {(f"# {title}" if marked else title): (f"# {title}" if marked else title)}
    for section in sections:
        heading = section.heading
        chinese = own.get(heading.number, "") if heading.number else ""
        chinese = chinese or HEADINGS.get(heading.title, "")
        if chinese:
            number = f"{heading.number} " if heading.number else ""
            mark = "#" * heading.level + " " if marked else ""
            written.setdefault(f"{mark}{number}{heading.title}", f"{mark}{number}{chinese}")
    yield from written.items()
    lines = dict.fromkeys(line.removeprefix("- ") for line in page.splitlines())
    yield from ((english, chinese) for english in lines if (chinese := chinese_of(english)))


def chinese_of(line: str) -> str:
    """Return a sentence of the sections in Chinese, with its links, names and figures; empty where none is known."""
    if line in SENTENCES:
        return SENTENCES[line]
    for pattern, chinese in _patterns():
        found = pattern.fullmatch(line)
        if found:
            return chinese.format(*found.groups())
    return ""


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = read_table(Path(__file__).with_suffix(".yaml"))
    return tuple((re.compile(pattern), chinese) for pattern, chinese in rows)


def _has_marks(folder: Path) -> bool:
    """Return whether catalogues have headings with their ``#``: since vllm-ascend makes them without Sphinx."""
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.po")))
    return any('msgid "# ' in text for text in texts)


def _of_template(root: Path) -> dict[str, str]:
    """Return number → Chinese heading, of a Chinese template that has the numbers of the English one."""
    texts = []
    for name in (TEMPLATE, CHINESE_TEMPLATE):
        path = root / name
        texts.append(path.read_text(encoding="utf-8", errors="replace") if path.is_file() else "")
    english, chinese = ([h for h in headings(text) if h.number] for text in texts)
    same = [_place(h) for h in english] == [_place(h) for h in chinese]
    return {h.number: h.title for h in chinese} if same else {}


def _place(heading: Heading) -> tuple[int, str]:
    return heading.level, heading.number
