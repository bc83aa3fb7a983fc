"""The lists that are replayed: a row each, with the codemod, its file, its reader, and an entry as arguments."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.replay.readers import Reader, Row, calls, dicts, json_lists, nav, plain_lines, tables, toctree

Arguments = dict[str, str]


@dataclass(frozen=True)
class Replayed:
    """A list: ``arguments`` makes of an entry what its codemod takes, None if that cannot be said by arguments.

    ``is_per_table``: each of the file's tables is a list of its own. ``has_classes``: an entry's value is a class
    of the file, which is written before it is listed.
    """

    codemod: str
    file: str
    read: Reader
    arguments: Callable[[Row], Arguments | None]
    is_per_table: bool = False
    has_classes: bool = False


def _registry(row: Row) -> Arguments | None:
    value = ast.literal_eval(row.value)
    if isinstance(value, tuple) and len(value) == 2:
        found = {"architecture": row.key, "module": value[0], "class_name": value[1], "registry": row.table}
        return {**found, "section": row.section}
    return None


def _retired(row: Row) -> Arguments | None:
    return {"architecture": row.key, "version": ast.literal_eval(row.value)}


def _plugin(row: Row) -> Arguments | None:
    return {"architecture": row.key, "page": ast.literal_eval(row.value)}


def _tested(row: Row) -> Arguments | None:
    call = ast.parse(row.value, mode="eval").body
    if not isinstance(call, ast.Call) or len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
        return None
    try:
        [ast.literal_eval(keyword.value) for keyword in call.keywords]
    except ValueError:
        return None
    options = ", ".join(ast.unparse(keyword) for keyword in call.keywords)
    found = {"architecture": row.key, "checkpoint": str(call.args[0].value), "options": options}
    return {**found, "registry": row.table, "section": row.section}


def _config_type(row: Row) -> Arguments | None:
    return {"model_type": row.key, "class_name": ast.literal_eval(row.value)}


def _config_class(row: Row) -> Arguments | None:
    module = ast.literal_eval(row.value).removeprefix("vllm.transformers_utils.configs.")
    return {"class_name": row.key, "module": module}


def _class_of(key: str) -> Callable[[Row], Arguments | None]:
    return lambda row: {key: row.key, "class_name": row.value}


def _parser(row: Row) -> Arguments | None:
    module, class_name = ast.literal_eval(row.value)
    return {"parser": row.key, "module": module, "class_name": class_name}


def _supported(row: Row) -> Arguments | None:
    cells = json.loads(row.value)
    models, examples = cells.pop("Models", ""), cells.pop("Example HF Models", "")
    further = "; ".join(f"{name}={cell}" for name, cell in cells.items() if cell)
    if "`" in row.key or ";" in "".join(cells.values()):  # a row of several, a cell that reads like two
        return None
    return {"architecture": row.key, "models": models, "examples": examples, "cells": further, "table": row.table}


def _matrix(row: Row) -> Arguments | None:
    cells = json.loads(row.value)
    if ";" in "".join(cells.values()):
        return None
    further = "; ".join(f"{name}={cell}" for name, cell in cells.items() if cell)
    return {"model": row.key, "table": row.table, "cells": further}


def _model(row: Row) -> Arguments | None:
    module, _, class_name = row.value.partition(":")
    return {"architecture": row.key, "module": module, "class_name": class_name}


def _title(row: Row) -> Arguments | None:
    titles = ast.literal_eval(row.value)
    return {"page": row.key, "english": titles["en"], "chinese": titles["zh"]}


REGISTRY = "vllm/model_executor/models/registry.py"
VLLM = (
    Replayed("vllm-registry-entry", REGISTRY, dicts(r"_(?!VLLM|PREV|OOT)\w+_MODELS"), _registry),
    Replayed("vllm-retired-model", REGISTRY, dicts("_PREVIOUSLY_SUPPORTED_MODELS"), _retired),
    Replayed("vllm-plugin-model", REGISTRY, dicts("_OOT_SUPPORTED_MODELS"), _plugin),
    Replayed("vllm-test-registry-entry", "tests/models/registry.py", dicts(r"_\w+_EXAMPLE_MODELS"), _tested),
    Replayed("vllm-config-type", "vllm/transformers_utils/config.py", dicts("_CONFIG_REGISTRY"), _config_type),
    Replayed(
        "vllm-config-class", "vllm/transformers_utils/configs/__init__.py", dicts("_CLASS_TO_MODULE"), _config_class
    ),
    Replayed(
        "vllm-model-config",
        "vllm/model_executor/models/config.py",
        dicts("MODELS_CONFIG_MAP"),
        _class_of("architecture"),
        has_classes=True,
    ),
    Replayed(
        "vllm-arch-convertor",
        "vllm/transformers_utils/model_arch_config_convertor.py",
        dicts("MODEL_ARCH_CONFIG_CONVERTORS"),
        _class_of("model_type"),
        has_classes=True,
    ),
    Replayed("vllm-reasoning-parser", "vllm/reasoning/__init__.py", dicts("_REASONING_PARSERS_TO_REGISTER"), _parser),
    Replayed("vllm-tool-parser", "vllm/tool_parsers/__init__.py", dicts("_TOOL_PARSERS_TO_REGISTER"), _parser),
    Replayed("vllm-supported-model", "docs/models/supported_models.md", tables("Architecture"), _supported),
)

ASCEND = (
    Replayed(
        "ascend-model-registration", "vllm_ascend/models/__init__.py", calls("ModelRegistry.register_model"), _model
    ),
    Replayed(
        "ascend-packed-modules",
        "vllm_ascend/quantization/modelslim_config.py",
        dicts("packed_modules_model_mapping"),
        lambda row: None if row.value.isidentifier() else {"model_type": row.key, "modules": row.value},
    ),
    Replayed(
        "ascend-dataset-list",
        ".github/workflows/misc/model_dataset_list.json",
        json_lists,
        lambda row: {"name": row.key, "list": row.table},
    ),
    Replayed("accuracy-list", "tests/e2e/models/configs/accuracy.txt", plain_lines, lambda row: {"config": row.key}),
    Replayed(
        "ascend-support-matrix",
        "docs/source/user_guide/support_matrix/supported_models.md",
        tables("Model"),
        _matrix,
        is_per_table=True,
    ),
    Replayed("toctree-entry", "docs/source/tutorials/models/index.md", toctree, lambda row: {"page": f"{row.key}.md"}),
    Replayed("mkdocs-nav-entry", "mkdocs.yml", nav, lambda row: {"page": row.key}),
    Replayed("nav-title", "docs/hooks/nav_titles.py", dicts("TITLES"), _title),
)
