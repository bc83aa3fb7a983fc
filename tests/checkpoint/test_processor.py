"""What the files of a checkpoint ask for as its processor, and whether a release of transformers has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scaffold.checkpoint.processor import AskedProcessor, asked_processor, library_has
from scaffold.common.errors import CheckpointError

ADDED = {"added_tokens_decoder": {"7": {"content": "<im'age>"}, "8": {"content": 3}}}
ASKED: tuple[tuple[dict[str, dict[str, Any]], dict[str, Any], AskedProcessor], ...] = (
    ({}, {}, AskedProcessor()),
    ({"processor_config.json": {"processor_class": "NovaProcessor"}}, {}, AskedProcessor("NovaProcessor")),
    (
        {
            "preprocessor_config.json": {"processor_class": "NovaProcessor", "image_processor_type": "NovaImages"},
            "tokenizer_config.json": ADDED,
        },
        {"image_token_id": 7},
        AskedProcessor("NovaProcessor", image_processor="NovaImages", image_token="<im'age>"),
    ),
    ({"tokenizer_config.json": ADDED}, {"image_token_index": 8}, AskedProcessor()),
    ({"processor_config.json": {"processor_class": "no class(", "auto_map": "x"}}, {}, AskedProcessor()),
    (
        {"processor_config.json": {"processor_class": "Own", "auto_map": {"AutoProcessor": "processing_own.Own"}}},
        {},
        AskedProcessor("Own", remote=True),
    ),
)


@pytest.mark.parametrize(("files", "config", "asked"), ASKED)
def test_what_the_files_ask_for(tmp_path: Path, files: Any, config: Any, asked: AskedProcessor) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert asked_processor(tmp_path, config) == asked


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "processor_config.json").write_text("{")
    with pytest.raises(CheckpointError):
        asked_processor(tmp_path, {})


def test_a_class_is_looked_for_by_its_whole_name(tmp_path: Path) -> None:
    file = tmp_path / "models" / "nova" / "processing_nova.py"
    file.parent.mkdir(parents=True)
    file.write_text("class NovaProcessor(ProcessorMixin):\n    pass\n")
    assert library_has("NovaProcessor", tmp_path)
    assert not library_has("Nova", tmp_path)
    assert not library_has("OtherProcessor", tmp_path)
