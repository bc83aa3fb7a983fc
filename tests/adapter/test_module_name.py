"""An adapter's module has a name whatever the model type is made of."""

from __future__ import annotations

from pathlib import Path

from scaffold.adapter.context import module_name
from scaffold.source.transformers.auto_mapping import folder
from tests.rows import each


@each(
    "model_type, expected",
    [
        ("qwen3", "qwen3"),
        ("MoE++", "moe"),
        ("a.b-c_1", "a_b_c_1"),
        ("2bit", "model_2bit"),
        ("星", ""),  # its architecture names it
        ("../x", "x"),
    ],
)
def test_it_is_made_of_letters_and_digits(model_type: str, expected: str) -> None:
    assert module_name(model_type) == expected


@each("model_type", ["../x", "..", "a/b", "MoE++", "/etc"])
def test_a_folder_of_transformers_never_leads_out(model_type: str) -> None:
    found = folder(model_type, Path("nowhere"))
    assert "/" not in found
    assert not found.startswith(".")
