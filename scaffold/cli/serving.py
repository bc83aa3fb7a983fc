"""How the server is to be started, from options and settings."""

from __future__ import annotations

from scaffold.cli.roots import Settings
from scaffold.running.validation import ParityOptions, ServeOptions
from scaffold_validators.parity.settings import LIMIT_SECONDS

DEFAULT_PORT = 8000


def serve_settings(settings: Settings) -> ServeOptions:
    """Return the options of `vllm serve`.

    Raises:
        UsageError: one of them is no number.
    """
    return ServeOptions(
        port=settings.number("port") or DEFAULT_PORT,
        dtype=settings.get("dtype") or "auto",
        max_model_len=settings.number("max_model_len"),
        tensor_parallel_sizes=settings.tensor_parallel_sizes(),
        enforce_eager=settings.switch("enforce_eager"),
        trust_remote_code=settings.switch("trust_remote_code"),
    )


def parity_settings(settings: Settings) -> ParityOptions:
    """Return how the server is compared with the reference.

    Raises:
        UsageError: one of the numbers is none.
    """
    seconds = settings.number("reference_seconds")
    return ParityOptions(settings.number("slice_layers"), float(seconds or LIMIT_SECONDS))
