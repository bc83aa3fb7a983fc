"""Tokenizer and processor files of a checkpoint, and where its chat template is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.files import has_file
from scaffold.checkpoint.jsonfile import read_object

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("fast (tokenizers)", ("tokenizer.json",)),
    ("SentencePiece", ("tokenizer.model",)),
    ("tiktoken", ("tiktoken.model",)),
    ("Mistral", ("tekken.json",)),
    ("BPE", ("vocab.json", "merges.txt")),
    ("WordPiece", ("vocab.txt",)),
)
"""Kind → the files that make it up; the first complete one counts."""
CONFIGS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json")
PROCESSORS = (
    "processor_config.json", "preprocessor_config.json", "video_preprocessor_config.json",
    "image_processor_config.json", "feature_extractor_config.json",
)  # fmt: skip
TEMPLATES = ("chat_template.jinja", "chat_template.json")


def facts(directory: Path) -> Iterator[Fact]:
    """Yield what the files say.

    Raises:
        CheckpointError: ``tokenizer_config.json`` is damaged.
    """
    found = [(kind, files) for kind, files in KINDS if all(has_file(directory, file) for file in files)]
    value = found[0][0] if found else "no tokenizer file"
    files = [file for _, names in found for file in names] + [name for name in CONFIGS if has_file(directory, name)]
    yield Fact("tokenizer", value, tuple(Evidence("file", name) for name in files))
    processors = [name for name in PROCESSORS if has_file(directory, name)]
    shown = ", ".join(processors) or "none"
    yield Fact("processor", shown, tuple(Evidence("file", name) for name in processors))
    template = chat_template(directory)
    evidence = (Evidence("file", template),) if template else ()
    yield Fact("chat template", f"in {template}" if template else "none: only /v1/completions can be served", evidence)


def chat_template(directory: Path) -> str | None:
    """Return the file that holds the chat template, or None.

    Raises:
        CheckpointError: ``tokenizer_config.json`` is damaged.
    """
    for name in TEMPLATES:
        if has_file(directory, name):
            return name
    config = CONFIGS[0]
    if has_file(directory, config) and read_object(directory / config, "the tokenizer's config").get("chat_template"):
        return config
    return None
