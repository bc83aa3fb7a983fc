"""ModelSlim's description, held against the model that will serve the checkpoint on vllm-ascend."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codemods import Refusal, find_codemod
from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import UsageError
from scaffold.modelslim.asked import Asked, asked, kind_of
from scaffold.modelslim.caches import cache_findings
from scaffold.modelslim.description import FLOAT, WEIGHT, Description, read_description
from scaffold.modelslim.draft import draft_findings
from scaffold.modelslim.fills import LEAVES, SHARDS, Fills, fills
from scaffold.modelslim.layers import MOE, Handed, Layer, layers
from scaffold.modelslim.layers import PACKED as PACKED_MAPPING
from scaffold.modelslim.rows import NewRow, Wanted, new_rows, stems_of, wanted
from scaffold.modelslim.schemes import SCHEMES
from scaffold.modelslim.tensors import tensor_findings
from scaffold.modelslim.upstream import Upstream, read_upstream, upstream_of
from scaffold.roots.vllm_tree import Registered, VllmTree
from scaffold.source.python.errors import NotUnderstood
from scaffold.vllm_models.adapter import built
from scaffold.weights.findings import Finding

CODEMOD = "add-modelslim-rows"
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
        notes: what could not be told.
    """

    description: Description = field(repr=False)
    where: str = ""
    layers: int = 0
    by_word: Mapping[str, int] = field(default_factory=dict)
    rows: tuple[NewRow, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

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
    general = (*_files(said), *_of_tensors(said, checkpoint), *cache_findings(said, checkpoint.weights.forms))
    drafts = tuple(draft_findings(said, checkpoint))
    upstream = None if ascend is None else read_upstream(ascend)
    if upstream is None or model is None:
        why = "no vllm-ascend tree with tables of packed modules" if upstream is None else "no class of the model"
        note = f"which layer gets which entry was not looked at: {why} was given"
        return ModelSlimCheck(said, findings=(*general, *drafts), notes=(note,))
    try:
        found = _Resolved(said, checkpoint, model, upstream, tuple(ranks)).check()
    except NotUnderstood as error:
        note = f"which layer gets which entry is not known: {error}"
        return ModelSlimCheck(said, upstream.where, findings=(*general, *drafts), notes=(note,))
    told = {name for finding in found.findings for name in finding.tensors}
    rest = (one for one in (*general, *drafts) if not set(one.tensors) & told)
    return ModelSlimCheck(
        said, upstream.where, found.layers, found.by_word, found.rows, (*found.findings, *rest), found.notes
    )


@dataclass(frozen=True)
class _Resolved:
    """One check, with what all of its steps need."""

    said: Description
    checkpoint: Checkpoint
    model: Model
    upstream: Upstream
    ranks: tuple[int, ...]

    def check(self) -> ModelSlimCheck:
        model, forms = self.model, self.checkpoint.weights.forms
        reader, root = built(model.tree, model.entry, self.checkpoint, model.transformers, model.completed)
        events, filled = list(layers(reader, root)), fills(reader, root, forms)
        answers = self._answers(events, self.upstream)
        need = wanted(answers, filled)
        types = list(dict.fromkeys(str(c.get("model_type", "")) for c in (self.checkpoint.config,
                                                                          self.checkpoint.text_config)))  # fmt: skip
        rows = tuple(new_rows(need, answers, self.upstream, [one for one in types if one]))
        mended = self._mended(rows)
        after = [one for one in self._answers(events, mended) if self._is_there(one, filled)]
        findings = [*self._conflicts(need, answers, rows, filled), *_missing(after, filled, forms), *_mixed(after)]
        findings += [*_unregistered(after, mended, filled), *_of_experts(after, self.said, filled)]
        findings += tensor_findings(after, filled, forms, self.said, self.ranks)
        by_word: dict[str, int] = {}
        for one in after:
            by_word[one.word] = by_word.get(one.word, 0) + bool(one.word)
        by_word.pop("", None)
        notes = tuple(_notes(events, after, mended))
        count = sum(by_word.values())
        return ModelSlimCheck(self.said, self.upstream.where, count, by_word, rows, tuple(_alike(findings)), notes)

    def _answers(self, events: Iterable[Layer | Handed], upstream: Upstream) -> list[Asked]:
        drops = not _has_rename_mapper(self.model.tree.root)
        words = upstream.renames.entries(self.said.words, self.said.settings)
        return list(asked(events, words, upstream, drops, once=drops))

    def _mended(self, rows: Sequence[NewRow]) -> Upstream:
        """Return the tables with the rows in them: what mends is shown to mend."""
        text = self.upstream.file.path.read_text(encoding="utf-8")
        for row in rows:
            try:
                text = find_codemod(CODEMOD).run(text, row.arguments)
            except Refusal as error:
                raise UsageError(error.found, where=str(self.upstream.file.path), expected=error.expected,
                                 remedy=error.remedy) from error  # fmt: skip
        return upstream_of(text, self.upstream)

    def _is_there(self, one: Asked, filled: Fills) -> bool:
        """Return whether a layer is one of this checkpoint's, where that depends on something that is not known."""
        is_filled = one.layer.node in filled.parts or one.layer.node in filled.experts
        return is_filled or not one.layer.may_be_absent

    def _conflicts(
        self, need: Wanted, answers: Sequence[Asked], rows: Sequence[NewRow], filled: Fills
    ) -> Iterator[Finding]:
        for conflict in need.conflicts:
            yield Finding("row", conflict, "rename modules of the model, or the description's entries", ())
        written = {model_type for row in rows for model_type in row.model_types}
        for one in answers:
            last = one.prefix.rpartition(".")[2]
            parts = need.entries.get(one.layer.asked_as, {}).get(last)
            row = self.upstream.packed.get(one.layer.asked_as, {}).get(last)
            if parts and row and set(row) != set(parts) and one.layer.asked_as not in written:
                says = (
                    f"the row of {one.layer.asked_as} has {last} as {', '.join(row)}, the files have {', '.join(parts)}"
                )
                yield Finding(
                    "row", says, f"correct the row in {self.upstream.where}", tuple(stems_of(one, filled)[:1])
                )


def _files(said: Description) -> Iterator[Finding]:
    """Yield what only files say that vllm-ascend does not read, and where they contradict each other."""
    mends = "join the descriptions of the shards into one file of that name"
    if not said.is_read:
        there = f"there are {len(said.files)} others" if len(said.files) > 1 else f"there is {said.files[0]}"
        yield Finding("file", f"vllm-ascend reads quant_model_description.json alone, and {there}", mends, said.files)
    by_kind: dict[tuple[str, str, str], list[str]] = {}
    for other in said.others:
        by_kind.setdefault((other.file, other.word, other.instead), []).append(other.name)
    for (file, word, instead), names in by_kind.items():
        first = said.files[0] if said.is_read else "another"
        says = f"{file} says {word}, and {first} says {instead or 'nothing'}"
        yield Finding("file", says, "find out which one is of these weights; " + mends, tuple(names))


def _of_tensors(said: Description, checkpoint: Checkpoint) -> Iterator[Finding]:
    """Yield quantised weights that no entry names, and weights that are not of the kind that their entry says."""
    forms = checkpoint.weights.forms
    undescribed: dict[str, list[str]] = {}
    otherwise: dict[str, list[str]] = {}
    for name, form in forms.items():
        if not name.endswith(LEAVES) or len(form.shape) != 2:
            continue
        word = said.words.get(name)
        is_plain = form.dtype in UNQUANTISED
        if word is None and not is_plain and said.is_read:
            undescribed.setdefault(pattern_of(name), []).append(name)
        elif word is not None and is_plain != (word == FLOAT):
            otherwise.setdefault(f"{word}, and its weight is {form.dtype}", []).append(name)
    for names in undescribed.values():
        yield Finding("not described", f"its weight is {forms[names[0]].dtype}, and no entry says what it stands for",
                      "take the description that the weights were written with", tuple(names))  # fmt: skip
    for says, names in otherwise.items():
        yield Finding("described otherwise", f"it is described as {says}",
                      "take the weights that the description is of", tuple(names))  # fmt: skip
    absent = [name for name in said.words if name.endswith(LEAVES) and name not in forms]
    by_layer: dict[str, list[str]] = {}
    for name in absent:
        by_layer.setdefault(pattern_of(name), []).append(name)
    for names in by_layer.values():
        yield Finding("no tensor", "it is described, and there is no such tensor",
                      "take all files of the checkpoint, or correct the entry's name", tuple(names))  # fmt: skip


def _missing(answers: Iterable[Asked], filled: Fills, forms: Mapping[str, Any]) -> Iterator[Finding]:
    for one in answers:
        if one.missing:
            stems = stems_of(one, filled)
            dtypes = {forms[stem + leaf].dtype for stem in stems for leaf in LEAVES if stem + leaf in forms}
            is_plain = bool(dtypes) and dtypes <= set(UNQUANTISED)
            mends = "add the entry as FLOAT: the weights are plain" if is_plain else "describe the layer as what it is"
            yield Finding("not described", f"{one.layer.layer} {one.prefix} ends in a KeyError, as there is no entry",
                          mends, one.missing, one.prefix)  # fmt: skip


def _mixed(answers: Iterable[Asked]) -> Iterator[Finding]:
    for one in answers:
        if not one.missing and len(set(one.words)) > 1:
            said = ", ".join(f"{name} {word}" for name, word in zip(one.entries, one.words))
            yield Finding("mixed", f"the parts of one layer are quantised differently: {said}",
                          "quantise them alike: vLLM has them as one matrix", one.entries, one.prefix)  # fmt: skip


def _unregistered(answers: Iterable[Asked], upstream: Upstream, filled: Fills) -> Iterator[Finding]:
    for one in answers:
        pair = (one.word, kind_of(one.layer))
        if one.word and one.word != FLOAT and upstream.schemes is not None and pair not in upstream.schemes:
            says = f"no scheme is registered for {one.word} of {pair[1]} layers"
            mends = "quantise these layers otherwise, or leave them plain"
            yield Finding("no scheme", says, mends, tuple(stems_of(one, filled)), one.prefix)


def _of_experts(answers: Iterable[Asked], said: Description, filled: Fills) -> Iterator[Finding]:
    """Yield experts that are described otherwise than the first, which alone is looked up."""
    for one in answers:
        if one.layer.kind != MOE or not one.word:
            continue
        by_shard = filled.experts.get(one.layer.node, {})
        names = [f"{stem}{WEIGHT}" for shard in SHARDS for stem in by_shard.get(shard, {}).values()]
        other = {name: said.words.get(name) or said.words.get(f"{name}_packed") for name in names}
        odd = [name for name, word in other.items() if word != one.word]
        if odd:
            others = other[odd[0]] or "not described"
            says = f"the layer is served as {one.word} by its first expert, and others are {others}"
            yield Finding("mixed", says, "quantise all experts of a layer alike", tuple(odd), one.prefix)


def _alike(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield findings that differ in numbers of layers alone as one, with all their tensors."""
    together: dict[tuple[Any, ...], list[Finding]] = {}
    for one in findings:
        key = (one.kind, pattern_of(one.rule), re.sub(r"(?<=\.)\d+(?=\.)", "*", one.says), one.mends, one.ranks)
        together.setdefault(key, []).append(one)
    for group in together.values():
        tensors = tuple(dict.fromkeys(name for one in group for name in one.tensors))
        first = group[0]
        yield Finding(first.kind, first.says, first.mends, tensors, pattern_of(first.rule), first.ranks)


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


def _has_rename_mapper(root: Path) -> bool:
    path = root / _UTILS
    return path.is_file() and RENAMES in path.read_text(encoding="utf-8")
