"""The hidden size, and the columns of the embeddings."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import WHOLE, Subject, number, sizes
from scaffold.disagreements.vocabulary_rows import embedding_of

KIND = "hidden size"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where the embeddings have another width than the config says."""
    embedding, key = embedding_of(subject), subject.key("hidden_size")
    if embedding is None or key is None or embedding.dtype not in WHOLE or "embedding_size" in subject.text:
        return
    columns = embedding.shape[1]
    if columns in sizes(subject.text, "hidden_size", "word_embed_proj_dim"):
        return
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(embedding.name, f"{embedding.name} has {number(columns)} columns"),
        serves="vLLM makes parameters of the config's size, which these tensors do not fit",
        remedy="check whether config.json and the weights are of the same model",
        decides=True,
        overrides=subject.override(key, columns),
    )
