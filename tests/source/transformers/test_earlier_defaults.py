"""What remote code reads of transformers' own config classes is what they had in its day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.source.interpreter import Interpreter
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.transformers import earlier_defaults
from scaffold.source.transformers.config_object import make
from scaffold.source.transformers.imports import resolver
from tests.rows import each

BEGIN = "from transformers import {0}\n\n\nclass OwnConfig({0}):\n    model_type = 'own'\n"
OLD = {"transformers_version": "4.44.2"}
YARN = {"type": "yarn", "factor": 4.0}


def read(library: Path, folder: Path, name: str, values: dict[str, Any], key: str) -> Any:
    """Return a key of the class, and of one of a checkpoint that is made from it."""
    interpreter = Interpreter(resolver(library), 0, library, is_remote=True)
    path = folder / f"configuration_{name}.py"
    path.write_text(BEGIN.format(name))
    own = interpreter.source_class(SourceFile.parse(path), "OwnConfig")
    found = [make(interpreter, cls, values).getter(interpreter)(key) for cls in (own, own.bases[0])]
    assert found[0] == found[1]
    return found[0]


@each(
    "name, values, key, expected",
    [
        ("LlamaConfig", {}, "rope_theta", 10000.0),
        ("LlamaConfig", {}, "rope_scaling", None),
        ("LlamaConfig", {"rope_theta": 5e5}, "rope_theta", 5e5),
        ("LlamaConfig", {"rope_parameters": {"rope_type": "default", "rope_theta": 7.0}}, "rope_theta", 7.0),
        ("LlamaConfig", {}, "pretraining_tp", 1),
        ("MixtralConfig", {}, "rope_theta", 1e6),
        ("StableLmConfig", {}, "partial_rotary_factor", 0.25),
        ("Phi3Config", {}, "partial_rotary_factor", 1.0),
        ("GPTNeoXConfig", {}, "rotary_pct", 0.25),
        ("GPTNeoXConfig", {"rotary_pct": 0.5, "rotary_emb_base": 500}, "rotary_pct", 0.5),
        ("GPTNeoXConfig", {"rotary_pct": 0.5, "rotary_emb_base": 500}, "rotary_emb_base", 500),
        ("CohereConfig", OLD, "rope_theta", 10000.0),
        ("CohereConfig", {"transformers_version": "5.2.0"}, "rope_theta", 5e5),
        ("CohereConfig", {"rope_theta": 3.0}, "rope_theta", 3.0),
        ("Qwen2_5_VLTextConfig", OLD, "tie_word_embeddings", False),
        ("Qwen2_5_VLTextConfig", OLD | {"tie_word_embeddings": True}, "tie_word_embeddings", True),
        ("GemmaConfig", {}, "hidden_activation", None),
        ("GemmaConfig", {"hidden_activation": "silu"}, "hidden_activation", "silu"),
    ],
)
def test_a_default(
    name: str, values: dict[str, Any], key: str, expected: Any, transformers_source: Path, tmp_path: Path
) -> None:
    assert read(transformers_source, tmp_path, name, values, key) == expected


def test_a_scaling_is_where_it_was(transformers_source: Path, tmp_path: Path) -> None:
    found = read(
        transformers_source, tmp_path, "LlamaConfig", {"rope_scaling": YARN, "rope_theta": 9.0}, "rope_scaling"
    )
    assert (found["type"], found["factor"]) == ("yarn", 4.0)
    assert "rope_theta" not in found


def test_what_depends_on_the_release_is_not_guessed(transformers_source: Path, tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match=r"the default of 'rope_theta' of transformers' CohereConfig"):
        read(transformers_source, tmp_path, "CohereConfig", {}, "rope_theta")


def test_of_two_classes_the_one_nearer_counts() -> None:
    found = earlier_defaults.gone(["GPTNeoXConfig", "GemmaConfig"], {"rope_theta": 3.0})
    assert found == {"rotary_emb_base": 3.0, "hidden_activation": None}
