"""A few sampled patches under the real engine; ``make bench-add-patch`` draws a thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.patched.run import applied
from tests.bench.patched.sample import Target, drawn, patch, read

pytestmark = pytest.mark.engine

HELD = (
    ("vllm.utils.math_utils", "cdiv"),
    ("vllm.distributed.parallel_state", "get_tp_group"),
    ("vllm.model_executor.models.utils", "extract_layer_index"),
)
"""Functions that many modules hold by name."""


def test_every_caller_has_the_new_function_and_nothing_else_changes(vllm_source: Path) -> None:
    package = read(vllm_source)
    made = [patch(package, Target("function", module, path)) for module, path in HELD]
    assert all(len(one.holders) > 10 for one in made), [one.refused for one in made]
    made += [
        one
        for target, _ in zip(drawn(package, 1, share=0.02), range(16), strict=False)
        if (one := patch(package, target)).text
    ]
    first, *answers = applied(made, 10)
    assert len(answers) == 10, first
    assert [answer for answer in answers if answer["wrong"]] == []
