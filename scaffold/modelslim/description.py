"""``quant_model_description.json``: what ModelSlim says of each tensor, in one file or one for each shard.

vllm-ascend reads the one file of that name (``MODELSLIM_CONFIG_FILENAME`` in vllm_ascend/quantization/); others beside
it, such as those of shards, are read here so that what only they say can be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold.checkpoint.jsonfile import MAX_BYTES, read_object
from scaffold.checkpoint.quantization import MODELSLIM_FILE, modelslim_files

FLOAT = "FLOAT"
WEIGHT = ".weight"
TENSOR_MARK = "."
"""Every entry for a tensor has a dot in its name; settings such as ``version`` have none."""


@dataclass(frozen=True)
class Other:
    """What another file says: an entry that the first lacks (``instead`` is empty), or says otherwise."""

    file: str
    name: str
    word: str
    instead: str = ""


@dataclass(frozen=True)
class Description:
    """What the files say.

    Attributes:
        files: their names, the one that vllm-ascend reads first, if it is there.
        words: entry → word, such as ``model.layers.0.mlp.down_proj.weight`` → ``W8A8_DYNAMIC``; of that file alone, and
            where it is not there of all, the first that has it.
        settings: what it says of the checkpoint as a whole: ``version``, ``group_size``, ``kv_cache_type`` …
        others: what the other files say besides.
        no_words: entries of tensors whose value is no text: entry → that value.
    """

    files: tuple[str, ...]
    words: Mapping[str, str] = field(repr=False)
    settings: Mapping[str, Any]
    others: tuple[Other, ...] = field(default=(), repr=False)
    no_words: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_read(self) -> bool:
        """Return whether the file that vllm-ascend reads is there."""
        return MODELSLIM_FILE in self.files

    @property
    def group_size(self) -> int | None:
        """Return the number of inputs that share a scale, None if it is not said."""
        found = self.settings.get("group_size")
        return found if type(found) is int else None


def read_description(directory: Path) -> Description | None:
    """Read the description of a checkpoint; None if there is none.

    Raises:
        CheckpointError: a file is damaged.
    """
    files = modelslim_files(directory)
    if not files:
        return None
    read = {name: read_object(directory / name, "ModelSlim's description", 4 * MAX_BYTES) for name in files}
    main = read.pop(MODELSLIM_FILE, None)
    if main is None:
        main = {name: value for file in reversed(files) for name, value in read[file].items()}
    words = {name: word for name, word in main.items() if _is_entry(name, word)}
    others = tuple(
        Other(file, name, word, words.get(name, ""))
        for file, said in read.items()
        for name, word in said.items()
        if _is_entry(name, word) and words.get(name) != word
    )
    no_words = {
        name: value for file in (*read.values(), main) for name, value in file.items() if _is_no_word(name, value)
    }
    settings = {name: value for name, value in main.items() if name not in words and name not in no_words}
    return Description(files, words, settings, others, no_words)


def _is_entry(name: str, word: Any) -> bool:
    return TENSOR_MARK in name and isinstance(word, str)


def _is_no_word(name: str, value: Any) -> bool:
    return TENSOR_MARK in name and not isinstance(value, str)
