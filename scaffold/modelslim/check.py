"""ModelSlim's description, held against the model that will serve the checkpoint on vllm-ascend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codemods import Refusal, find_codemod
from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.read import Checkpoint
from scaffold.modelslim.asked import Asked, asked, kind_of
from scaffold.modelslim.caches import cache_findings
from scaffold.modelslim.described import NO_WORD, entry_findings, file_findings
from scaffold.modelslim.description import FLOAT, Description, read_description
from scaffold.modelslim.draft import draft_findings
from scaffold.modelslim.draft_check import OF_DRAFT, DraftCheck, ask_draft, check_draft
from scaffold.modelslim.draft_model import Draft, draft_of
from scaffold.modelslim.fills import Fills, fills
from scaffold.modelslim.lacking import lacking
from scaffold.modelslim.layers import PACKED as PACKED_MAPPING
from scaffold.modelslim.layers import Handed, Layer, layers
from scaffold.modelslim.not_followed import not_followed
from scaffold.modelslim.problems import alike, missing, mixed, odd_experts, unregistered
from scaffold.modelslim.rows import PACKED, NewRow, Wanted, stems_of
from scaffold.modelslim.schemes import SCHEMES
from scaffold.modelslim.tensors import tensor_findings
from scaffold.modelslim.upstream import Upstream, read_upstream, upstream_of
from scaffold.roots.vllm_tree import Registered, VllmTree
from scaffold.source.python.errors import NotUnderstood
from scaffold.vllm_models.adapter import built
from scaffold.weights.findings import Finding

CODEMOD = "add-modelslim-rows"
ROUNDS = 3
"""Of rows: what a layer is made of shows once it is looked up under the right name."""
RENAME = "rename modules of the model, or the description's entries"
RENAMES = "def get_rename_mapper"
"""Since vLLM has it, what a class does not load is not taken out of a description, and mappers have no identity."""
_UTILS = Path("vllm", "model_executor", "models", "utils.py")


@dataclass(frozen=True)
class ModelSlimCheck:
    """What was found.

    Attributes:
        description: what ModelSlim says.
        where: file of the tables, relative to vllm-ascend's tree.
        layers: how many layers ask for a quantisation and have one answer, rows that are to be written included.
        by_word: how many get which word.
        rows: that the tables lack.
        findings: what is wrong besides.
        fatal: of the findings, those on the model's own layers by which it does not start, or computes garbage, at any
            tensor-parallel size.
        notes: what could not be told.
    """

    description: Description = field(repr=False)
    where: str = ""
    layers: int = 0
    by_word: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[NewRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    fatal: tuple[Finding, ...] = ()

    @property
    def holds(self) -> bool:
        """Return whether every layer resolves as it should, with the tables as they are."""
        return not self.rows and not self.findings


@dataclass(frozen=True)
class Model:
    """What serves the checkpoint.

    Attributes:
        tree: of vLLM.
        entry: of its registry, or the file of an adapter.
        transformers: the package in which config classes are looked up.
        completed: the text config as its class completes it, where that is known.
    """

    tree: VllmTree
    entry: Registered | Path
    transformers: Path | None = None
    completed: Mapping[str, Any] | None = None


def check_modelslim(
    checkpoint: Checkpoint, model: Model | None, ascend: Path | None, ranks: Sequence[int] = ()
) -> ModelSlimCheck | None:
    """Hold a checkpoint's description against the model; None if it has none.

    Without a model or a vllm-ascend tree, the description is held against the tensors alone.

    Raises:
        CheckpointError: a description is damaged.
        UsageError: the model's class cannot be read.
    """
    said = read_description(checkpoint.path)
    if said is None:
        return None
    general = (*file_findings(said), *entry_findings(said, checkpoint), *cache_findings(said, checkpoint.weights.forms))
    drafts = tuple(draft_findings(said, checkpoint))
    try:
        upstream = None if ascend is None else read_upstream(ascend)
    except NotUnderstood as error:
        note = f"which layer gets which entry is not known: {error}"
        return ModelSlimCheck(said, findings=(*general, *drafts), notes=(note,))
    if upstream is None or model is None:
        why = "no vllm-ascend tree with tables of packed modules" if upstream is None else "no class of the model"
        note = f"which layer gets which entry was not looked at: {why} was given"
        return ModelSlimCheck(said, findings=(*general, *drafts), notes=(note,))
    try:
        found = resolve(said, checkpoint, look(checkpoint, model), upstream, ranks)
    except NotUnderstood as error:
        note = f"which layer gets which entry is not known: {error}"
        return ModelSlimCheck(said, upstream.where, findings=(*general, *drafts), notes=(note,))
    told = {name for finding in found.findings for name in finding.tensors}
    rest = (one for one in general if one.kind == NO_WORD or not set(one.tensors) & told)
    return replace(found, findings=(*found.findings, *rest))


@dataclass(frozen=True)
class Looked:
    """What a model asks for, whatever the description says.

    Attributes:
        events: its layers, and what its classes hand to the quantisation before they are made.
        filled: which modules of the checkpoint fill which of them.
        has_rename_mapper: see ``RENAMES``.
        draft: of its layers for multi-token prediction, if it has any.
    """

    events: tuple[Layer | Handed, ...]
    filled: Fills
    has_rename_mapper: bool
    draft: Draft | None = None


def look(checkpoint: Checkpoint, model: Model) -> Looked:
    """Make the modules of a model, and follow the weights to them. Nothing is run.

    Raises:
        UsageError: its class cannot be read.
    """
    reader, root = built(model.tree, model.entry, checkpoint, model.transformers, model.completed)
    utils = model.tree.root / _UTILS
    renames = utils.is_file() and RENAMES in utils.read_text(encoding="utf-8")
    draft = draft_of(checkpoint, model.tree, model.transformers, model.completed)
    return Looked(tuple(layers(reader, root)), fills(reader, root, checkpoint.weights.forms), renames, draft)


def resolve(
    said: Description, checkpoint: Checkpoint, looked: Looked, upstream: Upstream, ranks: Sequence[int] = ()
) -> ModelSlimCheck:
    """Find what each layer is given, with the rows that mend it.

    Raises:
        NotUnderstood: code that renames is beyond the interpreter.
    """
    forms, filled = checkpoint.weights.forms, looked.filled
    configs = checkpoint.config, checkpoint.text_config
    types = list(dict.fromkeys(str(config["model_type"]) for config in configs if config.get("model_type")))
    mended, text = upstream, upstream.file.path.read_text(encoding="utf-8")
    rows: tuple[NewRow, ...] = ()
    refused: tuple[Finding, ...] = ()
    for _ in range(ROUNDS):
        answers = _answers(said, checkpoint, looked, mended)
        drafted = _ask_draft(said, checkpoint, looked, mended)
        lacks = lacking(answers, filled, drafted, mended, types)
        new = [row for row in lacks.rows if row not in rows]
        mended, text, written, not_written = _mended(
            mended, text, new, lambda one: _entries(said, checkpoint, looked, one)
        )
        rows, refused = (*rows, *written), tuple(dict.fromkeys((*refused, *not_written)))
        if not written:
            break
    after = [one for one in _answers(said, checkpoint, looked, mended) if _is_there(one, filled)]
    of_rows = [
        *refused,
        *(one for group in lacks.groups for one in _conflicts(*group, rows, mended)),
        *(Finding("row", f"{OF_DRAFT}{why}", RENAME, ()) for why in lacks.of_draft),
    ]
    of_model = [*missing(after, filled, forms, said), *mixed(after)]
    of_model += [*unregistered(after, mended, filled), *odd_experts(after, said, filled)]
    of_model += tensor_findings(after, filled, forms, said, ranks)
    findings = [*of_rows, *of_model]
    draft = check_draft(
        looked.draft, looked.events, said, checkpoint, mended, looked.has_rename_mapper, _text_types(checkpoint), ranks
    )  # fmt: skip
    findings += draft.findings
    every = [*after, *draft.answers]
    by_word = dict(Counter(one.word for one in every if one.word))
    left = not_followed(checkpoint, [(after, filled), (draft.answers, draft.filled)])
    notes = (*_notes(looked.events, every, mended), *draft.notes, *left)
    count = sum(by_word.values())
    return ModelSlimCheck(said, upstream.where, count, by_word, rows, tuple(alike(findings)), notes,
                          tuple(one for one in alike(of_model) if one.ranks is None))  # fmt: skip


def _answers(said: Description, checkpoint: Checkpoint, looked: Looked, upstream: Upstream) -> list[Asked]:
    words = upstream.renames.entries(said.words, said.settings)
    return list(asked(looked.events, words, upstream, looked.has_rename_mapper, _text_types(checkpoint)))


def _text_types(checkpoint: Checkpoint) -> dict[str, str]:
    outer, text = (str(one.get("model_type", "")) for one in (checkpoint.config, checkpoint.text_config))
    return {outer: text}


def _ask_draft(said: Description, checkpoint: Checkpoint, looked: Looked, upstream: Upstream) -> DraftCheck:
    types = _text_types(checkpoint)
    return ask_draft(looked.draft, looked.events, said, checkpoint, upstream, looked.has_rename_mapper, types)


def _entries(
    said: Description, checkpoint: Checkpoint, looked: Looked, upstream: Upstream
) -> list[tuple[str, ...]]:  # fmt: skip
    """Return which entries each layer looks up, the draft's included."""
    drafted = _ask_draft(said, checkpoint, looked, upstream)
    return [one.entries for one in (*_answers(said, checkpoint, looked, upstream), *drafted.answers)]


def _mended(
    upstream: Upstream, text: str, rows: Sequence[NewRow], looked_up: Callable[[Upstream], list[tuple[str, ...]]]
) -> tuple[Upstream, str, tuple[NewRow, ...], tuple[Finding, ...]]:
    """Return tables and text with rows in them, which these are, and why others are not: what mends is shown to mend.

    A row that renames and changes nothing of what is looked up is left out: not every release uses its own tables.
    """
    written: list[NewRow] = []
    refused: list[Finding] = []
    for row in rows:
        try:
            after = find_codemod(CODEMOD).run(text, row.arguments)
        except Refusal as error:  # the table says something else already, or is not written as text
            refused.append(Finding("row", error.found, error.remedy, ()))
            continue
        new = upstream_of(after, upstream)
        if row.table != PACKED and looked_up(new) == looked_up(upstream):
            says = (
                f"a row of {', '.join(row.model_types)} for {', '.join(row.entries)} has no effect in {upstream.where}"
            )
            refused.append(Finding("row", says, "take a version whose code renames by it, or rename the entries", ()))
            continue
        text, upstream = after, new
        written.append(row)
    return upstream, text, tuple(written), tuple(refused)


def _is_there(one: Asked, filled: Fills) -> bool:
    """Return whether a layer is one of this checkpoint's, where that depends on something that is not known."""
    return one.layer.node in filled.parts or one.layer.node in filled.experts or not one.layer.may_be_absent


def _conflicts(
    need: Wanted, answers: Sequence[Asked], filled: Fills, rows: Sequence[NewRow], upstream: Upstream
) -> Iterator[Finding]:
    """Yield what no row mends: layers of one name whose parts differ, and a row that says something else."""
    for conflict in need.conflicts:
        yield Finding("row", conflict, RENAME, ())
    written = {model_type for row in rows for model_type in row.model_types}
    for one in answers:
        last, model_type = one.prefix.rpartition(".")[2], one.layer.asked_as
        parts = need.entries.get(model_type, {}).get(last)
        row = upstream.packed.get(model_type, {}).get(last)
        if parts and row and set(row) != set(parts) and model_type not in written:
            has, files = ", ".join(row), ", ".join(parts)
            says = f"the row of {model_type} has {last} as {has}, the files have {files}"
            yield Finding("row", says, f"correct the row in {upstream.where}", tuple(stems_of(one, filled)[:1]))


def _notes(events: Iterable[Layer | Handed], answers: Sequence[Asked], upstream: Upstream) -> Iterator[str]:
    in_table = all(one.layer.asked_as in upstream.packed for one in answers)
    for event in events:
        if isinstance(event, Handed) and event.unread and not (in_table and PACKED_MAPPING in event.unread):
            yield f"{event.unread} could not be read: which entry its layers get is not sure"
    unknown = [event.path for event in events if isinstance(event, Layer) and event.prefix is None]
    if unknown:
        count = f"({len(unknown)} layers)"
        yield f"under which name {pattern_of(unknown[0])} asks for its quantisation is not known {count}"
    words = sorted({one.word for one in answers if one.word and one.word != FLOAT
                    and (one.word, kind_of(one.layer)) not in SCHEMES})  # fmt: skip
    if words:
        yield f"which tensors belong to {', '.join(words)} is not known here: their shapes were not proved"
