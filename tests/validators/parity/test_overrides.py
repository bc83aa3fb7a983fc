"""What a server was told of its config is what its reference is told."""

from __future__ import annotations

import pytest

from scaffold_validators.parity.overrides import overrides_in


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--seed", "1"], {}),
        (["--hf-overrides", '{"a": {"b": 1}}', "--seed", "1"], {"a": {"b": 1}}),
        (['--hf-overrides={"a": 1}'], {"a": 1}),
        (["--hf_overrides", '{"a": 1}'], {"a": 1}),
        (["--hf-overrides", '{"a": 1}', "--hf-overrides", '{"b": 2}'], {"b": 2}),
    ],
)
def test_the_last_one_counts_as_in_the_parser_of_vllm(arguments: list[str], found: dict[str, object]) -> None:
    assert overrides_in(arguments) == found


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--hf-overrides", "{"], "is no JSON"),
        (["--hf-overrides", "[1]"], "is no object"),
        (["--hf-overrides"], "is no JSON"),
        (["--hf-overrides.num_layers", "2"], "say it as --hf-overrides with an object"),
    ],
)
def test_what_is_not_read_is_said(arguments: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        overrides_in(arguments)
