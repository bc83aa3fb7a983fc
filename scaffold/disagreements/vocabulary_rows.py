"""The size of the vocabulary: ``vocab_size``, and the rows of embeddings and head."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.patterns import Pattern
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.subject import WHOLE, Subject, number, sizes

KIND = "vocabulary"
EMBEDDINGS = ("embed_tokens", "word_embeddings", "wte", "embed_in", "tok_embeddings")
HEADS = ("lm_head", "embed_out", "output")
PERHAPS = ("head", "output_layer")
"""Modules that are the head in some models, and another one in others."""

MORE_ROWS = "the head has the config's: some models have more embeddings, of special tokens"
"""Mllama has eight rows more (transformers/models/mllama/modeling_mllama.py)."""

OTHER_ROWS = "vLLM makes {} rows, and its loader takes no tensor of another number"


def embedding_of(subject: Subject) -> Pattern | None:
    """Return the token embedding."""
    return _first(subject, EMBEDDINGS)


def head_of(subject: Subject) -> Pattern | None:
    """Return the head: that of the model which was read, else what is called so."""
    name = f"{subject.decoder.head_name}.weight" if subject.decoder is not None else ""
    read = next((p for p in subject.own if p.name == name and len(p.shape) == 2), None)
    return read or _first(subject, HEADS)


def may_have_head(subject: Subject) -> bool:
    """Return whether there is a head, by the name that the decoder's source gives it, or what may be one."""
    if subject.decoder is not None and f"{subject.decoder.head_name}.weight" in subject.names:
        return True
    return head_of(subject) is not None or any(p.name.split(".")[-2:-1] in [[n] for n in PERHAPS] for p in subject.own)


def _first(subject: Subject, modules: tuple[str, ...]) -> Pattern | None:
    found = (p for p in subject.own if p.name.split(".")[-2:-1] and p.name.split(".")[-2] in modules)
    return next((p for p in found if len(p.shape) == 2 and p.name.endswith(".weight") and p.count == 1), None)


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield where the rows are others than the config says.

    vLLM makes ``VocabParallelEmbedding`` and ``ParallelLMHead`` of ``vocab_size`` rows, and loads a tensor of no other
    number (vllm/model_executor/layers/vocab_parallel_embedding.py, ``weight_loader``).
    """
    key, vocab = subject.key("vocab_size"), subject.whole_number("vocab_size")
    if key is None or vocab is None:
        return
    stated = sizes(subject.completed, "vocab_size", "padded_vocab_size")
    found = [p for p in (embedding_of(subject), head_of(subject)) if p is not None and p.dtype in WHOLE]
    wrong = [p for p in found if p.shape[0] not in stated]
    if not wrong:
        return
    rows = {p.shape[0] for p in found}
    head_fits = len(found) == 2 and found[1] not in wrong and found[0].shape[0] > vocab
    says = " and ".join(f"{p.name} has {number(p.shape[0])} rows" for p in wrong)
    yield Disagreement(
        KIND,
        subject.said(key),
        Said(", ".join(p.name for p in wrong), says),
        serves=MORE_ROWS if head_fits else OTHER_ROWS.format(number(vocab)),
        remedy=f"correct {key}, or the checkpoint if rows were added or lost",
        decides=not head_fits,
        overrides=subject.override(key, rows.pop()) if len(rows) == 1 else {},
    )
