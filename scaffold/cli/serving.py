"""How the server is to be started, from options and settings."""

from __future__ import annotations

from collections.abc import Sequence

from scaffold.cli.roots import Settings
from scaffold.running.validation import GateOptions, ParityOptions, ServeOptions
from scaffold_validators.parity.settings import LIMIT_SECONDS
from scaffold_validators.serve import Patience
from scaffold_validators.twin.workers import LIMIT, Fresh

DEFAULT_PORT = 8000
DEFAULT_SEQUENCES = 16


def serve_settings(settings: Settings, extra: Sequence[str] = ()) -> ServeOptions:
    """Return the options of `vllm serve`; ``extra`` are arguments that go to it as they are.

    Raises:
        UsageError: one of them is no number.
    """
    return ServeOptions(
        port=settings.number("port") or DEFAULT_PORT,
        dtype=settings.get("dtype") or "auto",
        max_model_len=settings.number("max_model_len"),
        max_num_seqs=settings.number("max_num_seqs") or DEFAULT_SEQUENCES,
        tensor_parallel_sizes=settings.tensor_parallel_sizes(),
        enforce_eager=settings.switch("enforce_eager"),
        trust_remote_code=settings.switch("trust_remote_code"),
        extra=tuple(extra),
    )


def gate_settings(settings: Settings) -> GateOptions:
    """Return how the gates are run.

    Raises:
        UsageError: one of the limits is no number.
    """
    usual = Patience()
    return GateOptions(
        device=settings.get("device"),
        patience=Patience(
            idle_seconds=settings.number("idle_seconds") or usual.idle_seconds,
            total_seconds=settings.number("start_seconds") or usual.total_seconds,
            request_seconds=settings.number("request_seconds") or usual.request_seconds,
        ),
        allow=tuple(settings.get("allow") or ()),
        climbs=not settings.switch("no_ladder"),
        search=settings.switch("search"),
        sums=settings.switch("sums"),
    )


def twin_workers(settings: Settings) -> Fresh:
    """Return what the steps of a twin run in, with their limit.

    Raises:
        UsageError: the limit is no number.
    """
    return Fresh(float(settings.number("twin_seconds") or LIMIT))


def parity_settings(settings: Settings) -> ParityOptions:
    """Return how the server is compared with the reference.

    Raises:
        UsageError: one of the numbers is none.
    """
    seconds = settings.number("reference_seconds")
    return ParityOptions(settings.number("slice_layers"), float(seconds or LIMIT_SECONDS))
