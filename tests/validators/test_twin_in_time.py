"""A twin that is not made in time says something of the machine, and nothing of the model; how long a twin took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from scaffold_validators.engine import Engine
from scaffold_validators.problem import Problem
from scaffold_validators.twin import workers
from scaffold_validators.twin.run import NEW_TOKENS, TwinRequest, run_twin

MADE = {"prompt": [1], "logprobs": [-1.0], "greedy": [2] * NEW_TOKENS, "layers": ["0"], "tensors": []}
SERVED = {"logprobs": [-1.0], "greedy": [2] * NEW_TOKENS, "parts": {"layer": "", "block": ""}}


def scripts(folder: Path, monkeypatch: pytest.MonkeyPatch, make: str, serve: str) -> TwinRequest:
    """Let the two steps of a twin be these programs, and return a request."""
    for name, text in (("MAKE", make), ("SERVE", serve)):
        script = folder / f"{name.lower()}.py"
        script.write_text(text)
        monkeypatch.setattr(workers, name, script)
    engine = Engine(Path(sys.executable), folder / "__init__.py", None, {}, "cpu")
    return TwinRequest(engine, folder, None, "auto", {}, (), folder, folder / "twin.log", {})


def test_the_parts_of_a_twins_time_add_up_to_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = f"import time; time.sleep(0.1); print({json.dumps(MADE)!r})"
    serve = f"import sys; sys.stdin.readline(); print({json.dumps(SERVED)!r})"
    request = scripts(tmp_path, monkeypatch, make, serve)
    started = time.monotonic()
    verdict = run_twin(request, workers.Fresh(300))
    took = time.monotonic() - started
    assert verdict.passed, verdict.reason
    assert verdict.seconds["making"] >= 0.1
    assert sum(verdict.seconds.values()) <= took + 0.02


def test_a_twin_that_is_not_made_in_time_is_told_apart_from_one_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = scripts(tmp_path, monkeypatch, "import time; time.sleep(600)", "import sys; sys.stdin.readline()")
    with pytest.raises(Problem, match=r"not made within 0\.2 s") as raised:
        run_twin(request, workers.Fresh(0.2))
    assert "says nothing of the model" in raised.value.remedy
    assert "--twin-seconds" in raised.value.remedy
    assert "transformers" not in raised.value.expected
