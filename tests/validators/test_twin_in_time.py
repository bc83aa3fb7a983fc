"""A twin that is not made in time says something of the machine, and nothing of the model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scaffold_validators.engine import Engine
from scaffold_validators.problem import Problem
from scaffold_validators.twin import workers
from scaffold_validators.twin.run import TwinRequest, run_twin


def test_a_twin_that_is_not_made_in_time_is_told_apart_from_one_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("MAKE", "import time; time.sleep(60)"), ("SERVE", "import sys; sys.stdin.readline()")):
        script = tmp_path / f"{name.lower()}.py"
        script.write_text(text)
        monkeypatch.setattr(workers, name, script)
    engine = Engine(Path(sys.executable), tmp_path / "__init__.py", None, {}, "cpu")
    request = TwinRequest(engine, tmp_path, None, "auto", {}, (), tmp_path, tmp_path / "twin.log", {})
    with pytest.raises(Problem, match=r"not made within 0\.2 s") as raised:
        run_twin(request, workers.Fresh(0.2))
    assert "says nothing of the model" in raised.value.remedy
    assert "--twin-seconds" in raised.value.remedy
    assert "transformers" not in raised.value.expected
