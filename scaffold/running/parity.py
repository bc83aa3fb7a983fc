"""What stage parity has to know of a checkpoint."""

from __future__ import annotations

from scaffold.checkpoint.quantization import read_quantization
from scaffold.checkpoint.read import Checkpoint
from scaffold.vocabulary.lookup import key_of, value_of
from scaffold_validators.parity.settings import ParitySettings

WINDOWS = ("sliding_window", "attention_chunk_size")


def settings_of(checkpoint: Checkpoint, seconds: float) -> ParitySettings:
    """Return the settings of a checkpoint.

    Args:
        checkpoint: config, headers and files.
        seconds: the reference's time limit.

    Raises:
        CheckpointError: the description of its quantisation is damaged.
    """
    windows = [value_of(role, checkpoint.text_config) for role in WINDOWS]
    return ParitySettings(
        window=max((window for window in windows if type(window) is int), default=0),
        quant_method=_quant_method(checkpoint),
        seconds=seconds,
    )


def _quant_method(checkpoint: Checkpoint) -> str:
    """Return the config's own word, where the config is what describes the quantisation; empty for plain weights."""
    config, text = checkpoint.config, checkpoint.text_config
    found = read_quantization(checkpoint.path, config, text, checkpoint.weights.patterns)
    if found is None:
        return ""
    key = key_of("quantization", config)
    method = config[key].get("quant_method") if key else None
    if found.kind == "modelslim" or not isinstance(method, str):
        return f"{found.kind} (which config.json does not name)"
    return method
