"""The main job up to the change set: read, decide, prove, render, place, document. Nothing is written here.

Each step is a function of what comes before it, in a file of its own; none remembers anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from codemods import ChangeSet
from scaffold.checkpoint.read import Checkpoint
from scaffold.mapping.proved import Proved
from scaffold.placement.protocol import Implementation
from scaffold.placement.table import PLACEMENTS
from scaffold.planning.answers import question_of, with_answers
from scaffold.planning.document import add_patches, document, document_values
from scaffold.planning.modelslim import add_modelslim_rows
from scaffold.planning.place import place
from scaffold.planning.prove import prove
from scaffold.planning.read import Subject, read
from scaffold.planning.refusal import refused_after
from scaffold.planning.render import check_calls, render
from scaffold.planning.render_mapper import render_mapper
from scaffold.planning.request import Request
from scaffold.planning.settle import check_settled
from scaffold.spec.model import ModelSpec
from scaffold.strategy.decide import Decision, decide
from scaffold.strategy.differences import Differences, nearest_models
from scaffold.strategy.protocol import Adds
from scaffold.strategy.purpose import check_writes_text, purpose_notes
from scaffold.strategy.quantised import check_method, method_notes
from scaffold.strategy.words import check_words


@dataclass(frozen=True)
class Plan:
    """What will be done: the change set, and what each step found.

    Attributes:
        proved: the rules of a module that the plan adds, with their proof; None without one.
        implementation: what the plan adds to the target; None where that serves the model already.
        documents: what test config and tutorial are filled from, but for the verdicts.
        changes: all creations and edits.
        notes: what is left to say of it.
    """

    request: Request
    subject: Subject
    decision: Decision
    proved: Proved | None
    implementation: Implementation | None
    documents: Mapping[str, Any]
    changes: ChangeSet
    notes: tuple[str, ...]

    @cached_property
    def diff(self) -> str:
        """Return the changes as one unified diff, the roots as its labels."""
        return self.changes.diff(self.subject.site.roots)

    @cached_property
    def near(self) -> tuple[Differences, ...]:
        """Return the nearest registered models, where the target does not serve this one as it is."""
        adds_nothing = self.decision.strategy.adds is Adds.NOTHING
        return () if adds_nothing else nearest_models(self.subject.reading, self.subject.tree)

    @property
    def proved_sizes(self) -> tuple[int, ...]:
        """Return the usual tensor-parallel sizes at which it was proved; empty where none was looked at."""
        decision = self.decision
        sizes = question_of(self.subject, self.request).sizes if decision.counts is not None else ()
        return tuple(size for size in sizes if size not in decision.misfits)

    @property
    def name(self) -> str:
        """Return the model's name."""
        return self.subject.site.name

    @property
    def checkpoint(self) -> Checkpoint:
        """Return the checkpoint that was read."""
        return self.subject.reading.checkpoint

    @property
    def spec(self) -> ModelSpec:
        """Return what its model is."""
        return self.subject.reading.spec

    @property
    def module(self) -> str:
        """Return the name of the module, if there is one."""
        return self.subject.site.module

    @property
    def adapter(self) -> str | None:
        """Return the module's text as it runs outside of any tree; None if no code is written."""
        code = self.implementation.code if self.implementation is not None else None
        return None if code is None else code.stand_alone

    def files(self, root: Path) -> tuple[Path, ...]:
        """Return the files below a root that the plan creates or edits, relative to it."""
        root = root.resolve()
        return tuple(p.relative_to(root) for p in self.changes.paths if p.is_relative_to(root))


def make_plan(request: Request) -> Plan:
    """Plan the adaptation of a checkpoint.

    Raises:
        NotPlanned: the model was read, and cannot be adapted as asked.
        ScaffoldError: the checkpoint, a root or the call is wrong.
        Refusal: a codemod or the change set refuses an edit.
    """
    return _plan(request, read(request))


def plan_again(plan: Plan, refuted: Mapping[str, str]) -> Plan:
    """Plan the same without strategies that were shown to be wrong: name → what showed it.

    Raises:
        NotPlanned: nothing is left, or what is left cannot be planned.
        Refusal: a codemod or the change set refuses an edit.
    """
    return _plan(replace(plan.request, refuted=refuted), plan.subject)


def _plan(request: Request, subject: Subject) -> Plan:
    with refused_after(subject):  # what no strategy changes, before what config and tensors disagree about
        question = question_of(subject, request)
        check_writes_text(question)
        check_method(subject.reading.checkpoint, subject.tree.root, subject.site.delivery)
        check_words(question)
    subject = with_answers(subject, request)
    with refused_after(subject):
        check_settled(subject.settled, request.believe)
        question = question_of(subject, request)
        decision = decide(question, request.strategy, request.refuted)
        proved = prove(decision)
    with refused_after(subject, proved, decision.strategy.name):
        code = render(proved, subject, question.target) or render_mapper(decision, subject)
        check_calls(code, subject.tree)
        placed = place(code, decision, subject, PLACEMENTS[request.placement])
        changes, told = add_modelslim_rows(placed.changes, code, decision, subject, request.ranks)
    documents = document_values(decision, subject, request)
    documented, unlisted = document(changes, documents, subject, request.verdicts)
    return Plan(
        request=request,
        subject=subject,
        decision=decision,
        proved=proved,
        implementation=placed.implementation,
        documents=documents,
        changes=add_patches(documented, request.patches, subject.site),
        notes=(
            *subject.reading.checkpoint.weights.notes,
            *subject.settled.notes,
            *placed.notes,
            *told,
            *unlisted,
            *decision.unproved,
            *decision.notes,
            *method_notes(subject.reading.checkpoint, subject.tree.root),
            *purpose_notes(question),
        ),
    )
