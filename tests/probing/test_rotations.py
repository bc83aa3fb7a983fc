"""The rotations and the frequencies: against complex numbers, and against transformers' own functions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.probing.frequencies import ROPE_TYPES
from scaffold.probing.rotations import ROTATIONS, RopeCandidate, Turn
from scaffold.source.interpreter import Interpreter
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers.config_object import make
from scaffold.source.transformers.imports import resolver

HEAD_DIM, LENGTH = 32, 4096
BASE = {"rope_theta": 10000.0}
PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "default": [BASE, {"rope_theta": 500000.0}],
    "linear": [{**BASE, "factor": 3.0}],
    "llama3": [
        {"rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
         "original_max_position_embeddings": 8192},
        {**BASE, "factor": 16.0, "low_freq_factor": 2.0, "high_freq_factor": 5.0,
         "original_max_position_embeddings": 64},
    ],
    "yarn": [
        {**BASE, "factor": 4.0, "original_max_position_embeddings": 1024},
        {**BASE, "factor": 40.0, "original_max_position_embeddings": 4096, "beta_fast": 24.0, "beta_slow": 2.0,
         "mscale": 0.707, "mscale_all_dim": 0.5},
        {**BASE, "factor": 4.0, "original_max_position_embeddings": 1024, "attention_factor": 1.5},
        {"rope_theta": 150000.0, "factor": 32.0, "original_max_position_embeddings": 4096, "truncate": False},
    ],
    "dynamic": [{**BASE, "factor": 2.0}],
    "longrope": [
        {**BASE, "short_factor": [1.0 + n / 7 for n in range(16)], "long_factor": [4.0 + n for n in range(16)],
         "original_max_position_embeddings": original, **more}
        for original, more in ((1024, {}), (1024, {"factor": 4.0}), (8192, {}))
    ],
    "proportional": [BASE, {**BASE, "partial_rotary_factor": 0.25}],
}  # fmt: skip
"""``rope_type`` → parameters that reach each of its branches."""
CASES = [(kind, parameters) for kind in ROPE_TYPES for parameters in PARAMETERS[kind]]
CONFIG = """
from transformers import PreTrainedConfig

class MadeConfig(PreTrainedConfig):
    hidden_size: int = 128
    num_attention_heads: int = 4
    head_dim: int = 32
    max_position_embeddings: int = 4096
    rope_parameters: dict | None = None
"""


def of_transformers(package: Path, folder: Path, kind: str, parameters: dict[str, Any]) -> tuple[np.ndarray, float]:
    """Return what transformers' function for a type gives, read from its file and interpreted."""
    interpreter = Interpreter(resolver(package))
    path = folder / "configuration_made.py"
    path.write_text(CONFIG)
    config = make(
        interpreter,
        interpreter.source_class(SourceFile.parse(path), "MadeConfig"),
        {"rope_parameters": {"rope_type": kind, **parameters}},
    )
    functions = interpreter.global_name(SourceFile.parse(package / "modeling_rope_utils.py"), "ROPE_INIT_FUNCTIONS")
    frequencies, factor = interpreter.call(interpreter.item(functions, kind), [config, None], {}, "")
    return frequencies.a, float(factor)


@pytest.mark.parametrize(("kind", "parameters"), [case for case in CASES if case[0] != "default"])
def test_frequencies_are_those_of_transformers(
    transformers_source: Path, tmp_path: Path, kind: str, parameters: dict[str, Any]
) -> None:
    expected, factor = of_transformers(transformers_source, tmp_path, kind, parameters)
    found = ROPE_TYPES[kind](parameters, HEAD_DIM, LENGTH)
    assert found is not None
    np.testing.assert_allclose(found[0], expected, rtol=1e-12)
    assert found[1] == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize("theta", [10000.0, 500000.0])
def test_plain_frequencies_are_powers_of_theta(theta: float) -> None:
    found = ROPE_TYPES["default"]({"rope_theta": theta}, 8, LENGTH)
    assert found is not None
    np.testing.assert_allclose(found[0], [1.0, theta**-0.25, theta**-0.5, theta**-0.75])
    assert found[1] == 1.0


def test_dynamic_with_alpha_grows_the_base() -> None:
    found = ROPE_TYPES["dynamic"]({"rope_theta": 100.0, "alpha": 16.0}, 4, LENGTH)
    assert found is not None
    np.testing.assert_allclose(found[0], [1.0, (100.0 * 16.0**2) ** -0.5])


def test_what_vllm_does_not_read_gives_no_table_or_other_numbers() -> None:
    stretched = {**BASE, "factor": 8.0}
    assert ROPE_TYPES["proportional"](stretched, HEAD_DIM, LENGTH) is None
    longer = {**PARAMETERS["longrope"][0], "factor": 32.0, "attention_factor": 3.0}
    found = ROPE_TYPES["longrope"](longer, HEAD_DIM, LENGTH)
    assert found is not None
    assert found[1] == pytest.approx((1 + math.log(4) / math.log(1024)) ** 0.5)
    assert ROPE_TYPES["longrope"](longer, HEAD_DIM // 2, LENGTH) is None


def test_older_words_are_those_that_vllm_makes_of_them() -> None:
    long = PARAMETERS["longrope"][0]
    old, new = (
        RopeCandidate("", {"rope_type": word, **long}).table(HEAD_DIM, 4, LENGTH) for word in ("su", "longrope")
    )
    assert old is not None
    assert new is not None
    np.testing.assert_array_equal(old, new)
    assert RopeCandidate("", {"rope_type": "mrope", **BASE}).rope_type == "default"


def test_a_type_that_is_no_row_or_lacks_a_number_gives_no_table() -> None:
    assert RopeCandidate("", {"rope_type": "spiral", **BASE}).table(8, 4, 64) is None
    assert RopeCandidate("", {"rope_type": "linear", **BASE}).table(8, 4, 64) is None


PAIRS = {"neox": lambda size: (range(size // 2), range(size // 2, size)),
         "interleaved": lambda size: (range(0, size, 2), range(1, size, 2))}  # fmt: skip
"""Style → which entries make up the pairs that turn together."""


@pytest.mark.parametrize("style", ROTATIONS)
def test_a_rotation_multiplies_pairs_with_a_complex_number(style: str) -> None:
    rng = np.random.default_rng(0)
    x, angles = rng.normal(size=(3, 5, 8)), rng.normal(size=(5, 4))
    first, second = map(list, PAIRS[style](8))
    turned = (x[..., first] + 1j * x[..., second]) * np.exp(1j * angles)
    found = ROTATIONS[style](x, np.cos(angles), np.sin(angles))
    np.testing.assert_allclose(found[..., first], turned.real)
    np.testing.assert_allclose(found[..., second], turned.imag)


@given(
    style=st.sampled_from(sorted(ROTATIONS)),
    case=st.sampled_from([case for case in CASES if case[0] not in ("longrope", "proportional")]),  # of whole heads
    rotary_dim=st.sampled_from([4, 12, 16]),
    seed=st.integers(0, 99),
)
def test_a_turn_is_undone_and_leaves_the_rest_of_the_head(
    style: str, case: tuple[str, dict[str, Any]], rotary_dim: int, seed: int
) -> None:
    kind, parameters = case
    candidate = RopeCandidate("", {"rope_type": kind, **parameters})
    table = candidate.table(rotary_dim, 11, LENGTH)
    assert table is not None
    turn = Turn(style, candidate, rotary_dim, *table)
    x = np.random.default_rng(seed).normal(size=(2, 11, 16))
    turned = turn.apply(x)
    np.testing.assert_array_equal(turned[..., rotary_dim:], x[..., rotary_dim:])
    assert not np.allclose(turned[:, 1:, :rotary_dim], x[:, 1:, :rotary_dim])
    np.testing.assert_allclose(turn.undo(turned), x)
