"""Whether a multimodal model needs a processor written, and why not where it does not."""

from __future__ import annotations

from scaffold.checkpoint.processor import AskedProcessor, asked_processor, library_has
from scaffold.reading.of_checkpoint import Reading


def processor_of(reading: Reading) -> AskedProcessor:
    """Return what the checkpoint's files say of its processor.

    Raises:
        CheckpointError: one of them is damaged.
    """
    return asked_processor(reading.checkpoint.path, reading.checkpoint.config)


def why_none(asked: AskedProcessor, reading: Reading) -> str:
    """Return why no processor has to be written; empty where one has."""
    if asked.remote:
        return f"the checkpoint's own code has {asked.processor or 'it'}, which takes --trust-remote-code"
    if asked.processor and reading.transformers is not None and library_has(asked.processor, reading.transformers):
        return f"transformers has {asked.processor}"
    return ""
