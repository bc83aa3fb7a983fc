"""A checkpoint's config as a model file sees it: completed by its class, and given more by vLLM."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold.vllm_models.files import MODELS
from scaffold.vllm_models.values import Record

_METHOD = re.compile(r"^    def (\w+)\(self", re.MULTILINE)
_SET = re.compile(r"\.(\w+)\s*(?::[^=\n]+)?=(?!=)")
_WORD = re.compile(r"[A-Za-z_]\w*")
BASE_CONFIG = "configuration_utils.py"
COMPLETES = "vllm/transformers_utils/config.py"
"""Where vLLM loads a config: it gives it attributes whose names are data there."""
SETS = (
    "vllm/transformers_utils/model_arch_config_convertor.py", "vllm/config/model.py",
    f"{MODELS.replace('.', '/')}/config.py",
)  # fmt: skip
"""Where vLLM sets attributes of a config for some models, among much else."""
_CLASS = re.compile(r"^class (\w+)\(([^)]*)\):", re.MULTILINE)


def config_of(
    checkpoint: Checkpoint, completed: Mapping[str, Any] | None, transformers: Path | None, root: Path | None
) -> Record:
    """Return the config as the model file sees it."""
    given = _with_aliases(checkpoint.config, transformers)
    if completed is None:
        return Record(given)
    text = _with_aliases({**checkpoint.text_config, **completed}, transformers)
    model_type = str(text.get("model_type", ""))
    computed = frozenset(_METHOD.findall(_config_source(transformers, model_type)[1]))
    others = _given(transformers, root, model_type)
    if not checkpoint.text_key:
        return Record({**given, **text}, computed=computed, given=others)
    return Record({**given, checkpoint.text_key: Record(text, checkpoint.text_key, computed, others)})


def _given(transformers: Path | None, root: Path | None, model_type: str) -> frozenset[str] | None:
    """Return the attributes that a config may have besides those of its class; None where they are not known.

    All words of the files count in which a config is made: one too many hides a fault, and invents none.
    """
    if transformers is None or root is None or model_type in read_vllm_tree(root).config_types():
        return None
    own = frozenset(_WORD.findall(_config_source(transformers, model_type)[1]))
    given = _found(_WORD, transformers / BASE_CONFIG) | _found(_WORD, root / COMPLETES)
    return own | given | frozenset().union(*(_found(_SET, root / path) for path in SETS))


@lru_cache
def _found(word: re.Pattern[str], path: Path) -> frozenset[str]:
    return frozenset(word.findall(path.read_text(encoding="utf-8"))) if path.is_file() else frozenset()


def _with_aliases(config: Mapping[str, Any], transformers: Path | None) -> dict[str, Any]:
    """Return a config with what its class calls by a second name, inner configs included."""
    values = {key: _with_aliases(v, transformers) if isinstance(v, dict) else v for key, v in config.items()}
    text = _config_source(transformers, str(config.get("model_type", "")))[1]
    found = re.search(r"^    attribute_map = (\{[^}]*\})", text, re.MULTILINE)
    aliases = ast.literal_eval(found[1]) if found else {}
    return {alias: values[name] for alias, name in aliases.items() if name in values} | values


def config_classes(transformers: Path | None, model_type: str) -> tuple[str, ...]:
    """Return the config class of a model type and that class's bases; empty if it cannot be found."""
    return _config_source(transformers, model_type)[0]


@lru_cache
def _config_source(transformers: Path | None, model_type: str) -> tuple[tuple[str, ...], str]:
    """Return the config class of a model type with its bases, and its source."""
    if transformers is None or not model_type:
        return (), ""
    line = re.compile(rf"^    model_type = [\"']{re.escape(model_type)}[\"']$", re.MULTILINE)
    for path in sorted((transformers / "models").glob("*/configuration_*.py")):
        text = path.read_text(encoding="utf-8")
        found = line.search(text)
        if found is None:
            continue
        classes = [match for match in _CLASS.finditer(text) if match.start() < found.start()]
        if classes:
            names = (classes[-1][1], *(base.strip() for base in classes[-1][2].split(",") if base.strip()))
            after = [match.start() for match in _CLASS.finditer(text) if match.start() > found.start()]
            return names, text[classes[-1].start() : min(after, default=len(text))]
    return (), ""
