"""Weights in the publisher's layout alone, beside a config of Hugging Face's."""

from __future__ import annotations

from pathlib import Path

from scaffold.checkpoint.read import read_checkpoint
from scaffold.disagreements.table import disagreements
from tests.disagreements.llama import tensors, write

PUBLISHERS = {
    "tok_embeddings.weight": ("BF16", (512, 128)),
    "layers.0.attention.wq.weight": ("BF16", (128, 128)),
    "output.weight": ("BF16", (512, 128)),
}


def test_consolidated_weights_alone_are_the_publishers_layout(tmp_path: Path) -> None:
    path = write(tmp_path, PUBLISHERS)
    (path / "model.safetensors").rename(path / "consolidated.safetensors")
    read = read_checkpoint(path)
    assert read.weights.notes[0].startswith("only consolidated*.safetensors: the layout of the publisher")
    one = next(one for one in disagreements(read) if one.kind == "layout")
    assert (one.decides, one.answers) == (True, ())
    assert "--load-format mistral" in one.remedy


def test_files_of_that_name_with_the_usual_tensors_are_no_other_layout(tmp_path: Path) -> None:
    path = write(tmp_path, tensors())
    (path / "model.safetensors").rename(path / "consolidated.safetensors")
    assert disagreements(read_checkpoint(path)) == ()
