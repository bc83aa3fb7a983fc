"""The layout of the files: config.json of Hugging Face's, and weights as the publisher's own code names them."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import Subject

KIND = "layout"
NAMES = ("tok_embeddings.weight", "layers.*.attention.wq.weight")
"""Of Mistral's and Meta's own code: no module is around the decoder, and none is called ``embed_tokens``."""


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield weights in the publisher's layout, where these are all that there are.

    vLLM reads them with the config beside them, ``params.json``
    (vllm/model_executor/model_loader/default_loader.py: ``load_format`` mistral).
    """
    shards = subject.checkpoint.weights.shards if subject.checkpoint is not None else ()
    held = [name for name in NAMES if name in subject.names]
    if not held or not all(shard.startswith("consolidated") for shard in shards):
        return
    yield Disagreement(
        KIND,
        Said("config.json, architectures", f"config.json asks for {_architecture(subject)}"),
        Said(", ".join(held), f"{shards[0]} has the publisher's layout, such as {held[0]}"),
        serves="vLLM's implementation of this architecture takes no such names",
        remedy="serve it with --load-format mistral --config-format mistral --tokenizer-mode mistral, if params.json "
        "is there, or convert it with transformers (convert_*_weights_to_hf.py of the model's folder)",
        decides=True,
    )


def _architecture(subject: Subject) -> str:
    return subject.checkpoint.architecture if subject.checkpoint is not None else "a model"
