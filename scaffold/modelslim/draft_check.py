"""What each layer of the draft for multi-token prediction is given, and what is wrong with that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.modelslim.asked import Asked, asked
from scaffold.modelslim.description import WEIGHT, Description
from scaffold.modelslim.draft import draft_findings, draft_weights
from scaffold.modelslim.draft_fills import filled_by_names
from scaffold.modelslim.draft_model import Draft
from scaffold.modelslim.fills import LEAVES, Fills
from scaffold.modelslim.layers import MOE, Handed, Layer
from scaffold.modelslim.problems import missing, mixed, odd_experts, unregistered
from scaffold.modelslim.proposers import conditions
from scaffold.modelslim.tensors import tensor_findings
from scaffold.modelslim.upstream import Upstream
from scaffold.weights.findings import Finding

DRAFT = "draft"
OF_DRAFT = "in the draft for multi-token prediction, "
ENTRIES_ALONE = "of layers for multi-token prediction their own entries alone were looked at"
_FIRST = ".experts.0."


@dataclass(frozen=True)
class DraftCheck:
    """What was found of a draft.

    Attributes:
        answers: its layers, with what each is given; empty where that is not known.
        filled: which modules of the checkpoint they are.
        findings: what is wrong.
        notes: what is not known.
    """

    answers: tuple[Asked, ...] = ()
    filled: Fills = Fills({}, {})  # noqa: RUF009 - nothing changes it
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()


def check_draft(
    draft: Draft | None,
    events: Sequence[Layer | Handed],
    said: Description,
    checkpoint: Checkpoint,
    upstream: Upstream,
    has_rename_mapper: bool,
    text_types: Mapping[str, str],
    ranks: Sequence[int] = (),
) -> DraftCheck:
    """Return what is wrong with the layers of a draft; see `ask_draft`."""
    given = ask_draft(draft, events, said, checkpoint, upstream, has_rename_mapper, text_types)
    answers, filled, forms = given.answers, given.filled, checkpoint.weights.forms
    findings = [
        *missing(answers, filled, forms, said),
        *mixed(answers),
        *unregistered(answers, upstream, filled),
        *odd_experts(answers, said, filled),
        *tensor_findings(answers, filled, forms, said, ranks),
    ]
    return replace(given, findings=(*given.findings, *(_of_draft(one) for one in findings)))


def ask_draft(
    draft: Draft | None,
    events: Sequence[Layer | Handed],
    said: Description,
    checkpoint: Checkpoint,
    upstream: Upstream,
    has_rename_mapper: bool,
    text_types: Mapping[str, str],
) -> DraftCheck:
    """Return what the layers of a draft are given, and which modules they are; findings by names where not known.

    Args:
        draft: the draft; None without one.
        events: of the model, which is made before.
        said: the description.
        checkpoint: its tensors count.
        upstream: the tables, with the rows that are to be written.
        has_rename_mapper: see `scaffold.modelslim.asked.asked`.
        text_types: see there.

    Raises:
        NotUnderstood: code that renames is beyond the interpreter.
    """
    if draft is None:
        return DraftCheck()
    if draft.why:
        return _by_names(said, checkpoint, draft.why)
    words = upstream.renames.entries(said.words, said.settings)
    before = () if draft.has_own else tuple(events)
    model = sum(isinstance(one, Layer) and one.prefix is not None for one in before)
    found = [
        list(asked((*before, *way), words, upstream, has_rename_mapper, text_types))[model:]
        for way in _ways(draft, conditions(upstream.root))
    ]
    one = found[0]
    different = [a for a, b in zip(one, found[-1], strict=True) if (a.entries, a.words) != (b.entries, b.words)]
    if different:
        types = sorted({different[0].layer.asked_as, draft.model_type})
        why = f"the rows of {' and '.join(types)} differ for {different[0].prefix}, and which is asked is not known"
        return _by_names(said, checkpoint, why)
    filled = _filled(one, draft_weights(checkpoint), draft)
    answers = [
        a for a in one if not a.layer.may_be_absent or a.layer.node in filled.parts or a.layer.node in filled.experts
    ]  # fmt: skip
    return DraftCheck(tuple(answers), filled)


def _ways(draft: Draft, own: frozenset[str] | None) -> list[tuple[Layer | Handed, ...]]:
    """Return by which model types the layers may be asked: the model's, the draft's, or either where that is not known.

    Args:
        draft: the draft.
        own: what chooses a proposer with the draft's own config.
    """
    if own is None:
        return [draft.events, draft.as_itself()]
    return [draft.as_itself() if own & draft.chosen_by else draft.events]


def _by_names(said: Description, checkpoint: Checkpoint, why: str) -> DraftCheck:
    return DraftCheck(findings=tuple(draft_findings(said, checkpoint)), notes=(f"{ENTRIES_ALONE}: {why}",))


def _of_draft(found: Finding) -> Finding:
    kind = DRAFT if found.kind == "not described" else found.kind
    return replace(found, kind=kind, says=f"{OF_DRAFT}{found.says}")


def _filled(answers: Sequence[Asked], names: Sequence[str], draft: Draft) -> Fills:
    """Return the modules that layers are by their names, or where that is open, by the entries that they look up."""
    stems = [next(name.removesuffix(leaf) for leaf in LEAVES if name.endswith(leaf)) for name in names]
    ours, theirs = filled_by_names(answers, stems, draft.loader), _described(answers, stems)
    return Fills({**theirs.parts, **ours.parts}, {**theirs.experts, **ours.experts})


def _described(answers: Sequence[Asked], stems: Sequence[str]) -> Fills:
    """Return the modules that have the names of the entries that layers look up.

    A draft's own loader renames what it takes. The entries of a description are named as its tensors are.
    """
    parts: dict[int, dict[Any, str]] = {}
    experts: dict[int, dict[str, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
    known = {one.names(stem + WEIGHT): stem for one in answers[:1] for stem in stems}
    for one in answers:
        if one.layer.kind == MOE:
            shards = dict(zip(one.layer.experts.names, ("w1", "w2", "w3"))) if one.layer.experts else {}
            for entry in one.entries:
                shard = shards.get(entry.removesuffix(WEIGHT).rpartition(".")[2])
                if shard is not None:
                    experts[one.layer.node][shard] |= dict(_experts(entry, known))
            continue
        found = [known[entry] for entry in one.entries if entry in known]
        if len(found) == len(one.entries) == len(one.layer.shards) or (len(found) == 1 and not one.packed):
            parts[one.layer.node] = dict(zip(one.layer.shards if len(found) > 1 else (None,), found))
    return Fills(parts, {node: of for node, of in experts.items() if any(of.values())})


def _experts(entry: str, known: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield number and module of each expert, of which the first one's entry is looked up."""
    before, mark, after = entry.rpartition(_FIRST)
    number = 0
    while mark and (stem := known.get(f"{before}.experts.{number}.{after}")):
        yield number, stem
        number += 1
