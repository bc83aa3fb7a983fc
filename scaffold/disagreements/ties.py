"""Tied embeddings: what outer and text config say, and whether there is a head of its own, and other numbers in it."""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint.purpose import other_purpose
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.rows import Comparison, compared
from scaffold.disagreements.subject import LAYER, Subject
from scaffold.disagreements.vocabulary_rows import embedding_of, head_of, may_have_head

KIND = "tied embeddings"
KEY = "tie_word_embeddings"
DROPPED = "vLLM ties the head to the embeddings, and drops lm_head.weight"
COMPARE = "compare both tensors before the checkpoint is served"
UNFILLED = "vLLM makes a head of its own, and nothing fills it"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield what does not go together; the text config decides, and what the files show goes before a class's default.

    Source: vLLM's decoders are made of the text config, and read ``tie_word_embeddings`` of it, such as
    vllm/model_executor/models/llama.py.
    """
    embedding, head = embedding_of(subject), head_of(subject)
    if embedding is None or not any(LAYER.match(name) for name in subject.names):
        return
    if subject.checkpoint is not None and head is None and other_purpose(subject.checkpoint.architecture):
        return  # a model without a head over the vocabulary
    stated = subject.text.get(KEY)
    said = subject.said(KEY)
    if isinstance(stated, bool):
        yield from _outer(subject, stated, said)
    tied = stated if isinstance(stated, bool) else _default(subject)
    silent = not isinstance(stated, bool)
    if silent and tied is not None:
        said = Said(said.where, f"{said.says}, so that the class's default, {str(tied).lower()}, counts")
    if subject.decoder is not None and not subject.decoder.tied.key:
        return  # the source makes no head of its own: nothing asks the config
    if tied is True and head is not None:
        yield from _with_head(subject, said, embedding.name, head.name, silent)
    elif tied is False and not may_have_head(subject):
        yield Disagreement(
            KIND,
            said,
            Said(embedding.name, f"there is {embedding.name} and no lm_head.weight"),
            serves=UNFILLED,
            remedy="correct the config if the model ties its embeddings, else complete the checkpoint",
            decides=True,
            overrides=subject.override(KEY, True),
            silent=silent,
        )


def _default(subject: Subject) -> bool | None:
    """Return what the config's class says where the text config says nothing; None if that is not known."""
    return None if subject.decoder is None else bool(subject.decoder.tied.value)


def _outer(subject: Subject, stated: bool, said: Said) -> Iterator[Disagreement]:
    outer = subject.config.get(KEY)
    if subject.text_key and isinstance(outer, bool) and outer != stated:
        yield Disagreement(
            KIND,
            said,
            Said(f"config.json, {KEY}", f"the outer config's {KEY} is {str(outer).lower()}"),
            serves="the text config decides, of which vLLM makes the decoder",
            remedy="make both the same",
        )


def _with_head(subject: Subject, said: Said, embedding: str, head: str, silent: bool) -> Iterator[Disagreement]:
    found = compared(subject.checkpoint, embedding, head) if subject.checkpoint is not None else Comparison.NOT_READ
    names = f"{embedding}, {head}"
    if found is Comparison.DIFFERENT:
        yield Disagreement(
            KIND,
            said,
            Said(names, f"{head} is there and differs from {embedding}"),
            serves=DROPPED,
            remedy="correct the config if the head is the model's own, else remove it from the checkpoint",
            decides=True,
            config_fits=True,
            overrides=subject.override(KEY, False),
            silent=silent,
        )
    else:
        same = found is Comparison.SAME
        says = f"{head} is there, {'the same as' if same else 'and could not be compared with'} {embedding}"
        says = says if same else f"{says} ({found.value})"
        yield Disagreement(KIND, said, Said(names, says), serves=DROPPED, remedy="nothing" if same else COMPARE)
