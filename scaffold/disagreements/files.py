"""Files beside ``model.safetensors`` without an index: transformers leaves them out, vLLM loads them."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.files import has_file
from scaffold.checkpoint.shards import INDEX, SINGLE
from scaffold.checkpoint.text import printable
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "files"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield them. It decides nothing by itself: whether the model takes their tensors is proved like that of all.

    Source: vllm/model_executor/model_loader/default_loader.py (``_prepare_weights``) against transformers'
    modeling_utils.py, which takes ``model.safetensors`` before it looks for an index.
    """
    read = subject.checkpoint
    if read is None or SINGLE not in read.weights.shards or len(read.weights.shards) == 1 or has_file(read.path, INDEX):
        return
    others = [name for name in read.weights.shards if name != SINGLE]
    tensor = next(name for name, form in read.weights.forms.items() if form.shard == others[0])
    more = f" and {len(others) - 1} more are there" if len(others) > 1 else " is there"
    yield Disagreement(
        KIND,
        Said(SINGLE, f"there is {SINGLE} and no {INDEX}"),
        Said(", ".join(others[:3]), f"{others[0]}{more}, with tensors such as {printable(tensor)}"),
        serves="vLLM loads every safetensors file of the folder, transformers the first alone",
        remedy="move files that are not the model's weights out of the folder",
        between="the files can be read in two ways",
    )
