"""Tied embeddings and a head: the text config decides, rows are compared, files win over a default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.finding import Disagreement
from scaffold.disagreements.table import disagreements
from tests.disagreements.llama import CONFIG, HIDDEN, VOCAB, tensors, write

HEAD, EMBEDDING = "lm_head.weight", "model.embed_tokens.weight"


def with_data(directory: Path, head: str, **changed: Any) -> list[Disagreement]:
    """Write embeddings and head with numbers: ``same``, ``other``, ``zeros``, ``none``; ``nan``: the same, with one."""
    path = write(directory, **changed)
    rng = np.random.default_rng(0)
    data = {name: np.zeros(shape, np.float16) for name, (_, shape) in tensors().items()}
    if head != "zeros":
        data[EMBEDDING] = rng.normal(size=(VOCAB, HIDDEN)).astype(np.float16)
        data[EMBEDDING][0, 0] = np.nan if head == "nan" else 1.0
        same = head in ("same", "nan")
        data[HEAD] = data[EMBEDDING].copy() if same else rng.normal(size=(VOCAB, HIDDEN)).astype(np.float16)
    if head == "none":
        del data[HEAD]
    save_file(data, path / "model.safetensors")
    config = {**CONFIG, "torch_dtype": "float16", **changed}
    (path / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not None}))
    return list(disagreements(read_checkpoint(path)))


def test_a_head_that_differs_from_tied_embeddings(tmp_path: Path) -> None:
    (one,) = with_data(tmp_path, "other", tie_word_embeddings=True)
    assert str(one) == (
        "tie_word_embeddings is true, and lm_head.weight is there and differs from model.embed_tokens.weight: "
        "vLLM ties the head to the embeddings, and drops lm_head.weight"
    )
    assert (one.decides, one.answers, one.overrides) == (True, ("config", "tensors"), {"tie_word_embeddings": False})


@pytest.mark.parametrize("head", ["same", "nan"])
def test_a_head_that_is_the_same_as_tied_embeddings_is_a_note(head: str, tmp_path: Path) -> None:
    (one,) = with_data(tmp_path, head, tie_word_embeddings=True)
    assert one.tensors.says == "lm_head.weight is there, the same as model.embed_tokens.weight"
    assert not one.decides


def test_rows_of_zeros_show_nothing(tmp_path: Path) -> None:
    (one,) = with_data(tmp_path, "zeros", tie_word_embeddings=True)
    assert one.tensors.says == (
        "lm_head.weight is there, and could not be compared with model.embed_tokens.weight "
        "(all rows that were read are zeros, as in a file that holds no data)"
    )
    assert not one.decides


def test_a_head_of_another_type_is_not_compared(tmp_path: Path) -> None:
    held = {**tensors(), HEAD: ("F8_E4M3", (VOCAB, HIDDEN))}
    read = read_checkpoint(write(tmp_path, held, tie_word_embeddings=True))
    (one,) = disagreements(read)
    assert one.tensors.says.endswith("(their shapes or data types differ, or are packed)")


def test_no_head_and_embeddings_that_are_not_tied(tmp_path: Path) -> None:
    (one,) = with_data(tmp_path, "none", tie_word_embeddings=False)
    assert str(one).startswith(
        "tie_word_embeddings is false, and there is model.embed_tokens.weight and no lm_head.weight"
    )
    assert (one.decides, one.answers) == (True, ("tensors",))
    assert with_data(tmp_path / "tied", "none", tie_word_embeddings=True) == []


@pytest.mark.parametrize(("inner", "outer"), [(True, False), (False, True)])
@pytest.mark.parametrize("head", ["none", "other"])
def test_the_text_config_decides(inner: bool, outer: bool, head: str, tmp_path: Path) -> None:
    text = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "vocab_size": VOCAB, "tie_word_embeddings": inner}
    one, *rest = with_data(tmp_path, head, tie_word_embeddings=outer, text_config=text)
    assert one.tensors.says == f"the outer config's tie_word_embeddings is {str(outer).lower()}"
    assert one.serves == "the text config decides, of which vLLM makes the decoder"
    assert not one.decides
    wrong = inner == (head == "other")
    assert [other.overrides for other in rest] == [{"text_config": {"tie_word_embeddings": not inner}}] * wrong


def test_an_outer_config_alone_says_nothing_of_the_decoder(tmp_path: Path) -> None:
    text = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "vocab_size": VOCAB}
    assert with_data(tmp_path, "other", tie_word_embeddings=True, text_config=text) == []
