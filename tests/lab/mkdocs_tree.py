"""A vllm-ascend tree of the kind that mkdocs makes a site of, made up by us: what a delivery reads and edits of it."""

from __future__ import annotations

from pathlib import Path

from tests.lab.commands import git_commit_all

TEMPLATE = """\
# How a tutorial is written

Models that were not tried on a device are called `NAME (Experimental)`.

## 1 Introduction

```markdown
# No heading
## 7 No heading either
```

## 2 Supported Features

#### Table 1: an example

## 3 Prerequisites

### 3.1 Model Weight

### 3.2 Verify Multi-node Communication (Optional)

## 4 Installation

### 4.1 Docker Image Installation

## 5 Online Service Deployment {: #5-online-service-deployment }

Commands have `<YOUR_MODEL_PATH>` in place of a path.

### 5.1 Single-Node Online Deployment

### 5.2 Multi-Node Online Deployment

## 6 Functional Verification

## 7 Accuracy Evaluation

### 7.1 Using AISBench

### 7.2 Using Language Model Evaluation Harness

## 8 Performance Evaluation

## 9 Performance Tuning

### 9.1 Recommended Configurations

### 9.2 Growing Conditions

## 10 FAQ
"""
CHINESE_TEMPLATE = """\
# 教程的写法

## 1 简介

## 2 支持的特性

## 3 前置准备

### 3.1 模型权重

### 3.2 验证多节点通信（可选）

## 4 安装

### 4.1 Docker镜像安装

## 5 在线服务化部署 {: #5-online-service-deployment }

### 5.1 单机在线部署

### 5.2 多机在线部署

## 6 功能验证

## 7 精度评估

### 7.1 AISBench的使用

### 7.2 Language Model Evaluation Harness的使用

## 8 性能评估

## 9 性能调优

### 9.1 推荐配置

### 9.2 生长条件

## 10 FAQ
"""
MATRIX = """\
# Supported Models

- 🔵 = Experimental supported model/feature
- 🟡 = Not tested or verified

## Text-Only Language Models

### Generative Models

#### Core Supported Models

| Model | Support |
|-------|---------|
| Birch | ✅ |

#### Extended Compatible Models

| Model | Support | Note |
|-------|---------|------|
| Alder | 🔵 | |

## Multimodal Language Models

### Generative Models

#### Extended Compatible Models

| Model | Support | Note |
|-------|---------|------|
| Owl | 🔵 | |
"""
READS = """\
import yaml


def test_what_is_asked(path):
    config = yaml.safe_load(path.read_text())
    serve = config.get("serve", {})
    assert config.get("model_type", "vllm") != "vllm-asr"
    return serve.get("max_model_len")
"""
MODELS = """\
from vllm import ModelRegistry


def register_model():
    ModelRegistry.register_model("AlderForCausalLM", "vllm_ascend.models.alder:AlderForCausalLM")
"""
FILES = {
    "mkdocs.yml": "site_name: !ENV [SITE, 'Trees']\n\nnav:\n  - index.md\n  - Models:\n"
    "      - tutorials/models/index.md\n      - tutorials/models/Birch.md\n",
    "pyproject.toml": '[tool.ruff]\nline-length = 120\n\n[tool.ruff.lint]\nselect = ["E", "F", "I", "UP", "B"]\n',
    ".markdownlint.yaml": "MD007:\n  indent: 4\nMD013: false\nMD024:\n  siblings_only: true\n"
    "MD033: false\nMD046: false\n",
    "docs/hooks/nav_titles.py": 'TITLES = {\n    "tutorials/models/Birch.md": {"en": "Birch", "zh": "桦树"},\n}\n',
    "docs/source/index.md": "# Trees\n",
    "docs/source/faqs.md": "# FAQs\n",
    "docs/source/getting_started/installation.md": "# Installation\n\n"
    "## Using Docker {: #docker }\n\n## Verify inter-node connectivity {: #connectivity }\n",
    "docs/source/_templates/Model-Deployment-Tutorial-Template.md": TEMPLATE,
    "docs/source/_templates/Model-Deployment-Tutorial-Template.zh.md": CHINESE_TEMPLATE,
    "docs/source/tutorials/models/index.md": "# Models\n",
    "docs/source/tutorials/models/Birch.md": "# Birch\n",
    "docs/source/user_guide/support_matrix/supported_models.md": MATRIX,
    "docs/source/locale/zh_CN/LC_MESSAGES/tutorials/models/index.po": 'msgid ""\nmsgstr ""\n"Language: zh_CN\\n"\n'
    '\nmsgid "# Models"\nmsgstr "# 模型"\n',
    ".github/workflows/misc/model_dataset_list.json": '{\n    "models": {\n        "a2": [\n            "trees/Birch"\n'
    '        ],\n        "a3": [\n            "trees/Birch"\n        ]\n    }\n}\n',
    "tests/e2e/models/test_lm_eval_correctness.py": READS,
    "tests/e2e/models/configs/accuracy.txt": "Birch.yaml\n",
    "vllm_ascend/__init__.py": "",
    "vllm_ascend/models/__init__.py": MODELS,
}


def mkdocs_tree(root: Path) -> Path:
    """Write the tree, and make it a git repository of one commit."""
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git_commit_all(root, "trees")
    return root
