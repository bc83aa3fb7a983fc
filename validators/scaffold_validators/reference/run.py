"""Runs the reference in a process of the target's Python, and ends it at its limit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scaffold_validators.parity.judge import EXACT, Referred
from scaffold_validators.parity.settings import LIMIT_SECONDS
from scaffold_validators.processes import run
from scaffold_validators.records import last_line
from scaffold_validators.reference.dequantise import Dequantisation

SCRIPT = Path(__file__).with_name("script.py")
Rows = tuple[Referred, ...]


class NoReference(Exception):  # noqa: N818 - no error of the model or of the server: there is nothing to compare with
    """Why there is no reference, as a sentence."""


@dataclass(frozen=True)
class Reference:
    """How the reference is run.

    Attributes:
        python: the interpreter of the target's environment, which has transformers.
        model: the checkpoint.
        trust_remote_code: whether its code may run.
        overrides: what its config says otherwise, as ``vllm serve --hf-overrides`` takes it.
        dequantisation: how its weights are loaded as what they stand for; None for plain weights.
        seconds: its time limit.
    """

    python: Path
    model: Path
    trust_remote_code: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    dequantisation: Dequantisation | None = None
    seconds: float = LIMIT_SECONDS


def run_reference(reference: Reference, sequences: Sequence[Sequence[int]], dtypes: Sequence[str]) -> dict[str, Rows]:
    """Return dtype → what the reference says of each sequence of tokens.

    Args:
        reference: how it is run.
        sequences: token ids of prompt and answer, of one prompt each.
        dtypes: in torch's words; float32 is always among them.

    Raises:
        NoReference: transformers cannot run the model there, or not in time.
    """
    wanted = list(dict.fromkeys((EXACT, *dtypes)))
    how = reference.dequantisation
    asked: dict[str, Any] = {
        "model": str(reference.model),
        "sequences": [list(tokens) for tokens in sequences],
        "dtypes": wanted,
        "dequantise": None if how is None else how.how,
        "trust_remote_code": reference.trust_remote_code,
        "overrides": dict(reference.overrides),
    }
    ended = run(
        [str(reference.python), str(SCRIPT)],
        cwd=Path("/"),
        env={"TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"},
        text=json.dumps(asked),
        seconds=reference.seconds,
    )
    if ended.returncode is None:
        raise NoReference(f"the reference (transformers) was not done in {reference.seconds:.0f} s")
    if ended.returncode != 0:
        said = " ".join(ended.errors.strip()[-600:].split())
        raise NoReference(f"the reference (transformers) ended with {ended.returncode}: {said}")
    try:
        found: Mapping[str, Rows] = last_line(ended.output, dict[str, Rows], "rows")
        return {dtype: found[dtype] for dtype in wanted}
    except (ValueError, KeyError) as error:
        raise NoReference(f"the reference answered something else: {error}") from error
