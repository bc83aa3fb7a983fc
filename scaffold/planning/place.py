"""Place: what serves the model goes into the change set, where the placement has it."""

from __future__ import annotations

from dataclasses import dataclass

from codemods import ChangeSet
from scaffold.common.errors import CheckFailed
from scaffold.placement.protocol import Code, Implementation, Placement, Site
from scaffold.placement.registration import Registration
from scaffold.planning.processor import processor_of, why_none
from scaffold.planning.read import Subject
from scaffold.roots.vllm_tree import MODELS, MULTIMODAL_DICT, PROCESSORS, TEXT_DICT, Registered
from scaffold.strategy.decide import Decision
from scaffold.strategy.protocol import Adds


@dataclass(frozen=True)
class Placed:
    """The change set with the code in it, and what there is to say of it."""

    changes: ChangeSet
    implementation: Implementation | None
    notes: tuple[str, ...]


def place(code: Code | None, decision: Decision, subject: Subject, placement: Placement) -> Placed:
    """Add what serves the model to an empty change set.

    Raises:
        CheckFailed: the tree's own registry has the architecture, and the placement edits that.
        Refusal: the tree cannot take it, or a file that this tool did not write is in its place.
        UsageError: the model type gives no name that a distribution may have.
    """
    changes = ChangeSet(tuple(subject.site.roots.values()), earlier=subject.site.earlier)
    implementation = _implementation(code, decision, subject)
    if implementation is not None:
        _check_vacant(implementation, placement, decision, subject)
        changes = placement.place(changes, implementation, subject.site)
    return Placed(changes, implementation, _notes(implementation, placement, decision, subject))


def _check_vacant(implementation: Implementation, placement: Placement, decision: Decision, subject: Subject) -> None:
    """Check that the tree's own registry leaves the architecture to what is added.

    Raises:
        CheckFailed: it has an implementation of its own, which does not fit; an edit would have to replace that.
    """
    architecture = implementation.registration.architecture
    entry = subject.registry.get(architecture)
    if entry is None or not placement.edits_registry or _is_generated(entry, subject.site):
        return
    raise CheckFailed(
        f"{'; '.join(decision.why)}; vLLM's tree has {entry.module}.{entry.class_name} of its own for {architecture}, "
        "which stays as it is",
        where=f"--placement {placement.name}",
        expected="a placement that adds an implementation without editing the one that is there",
        remedy="pass --placement plugin, a package that registers it instead of vLLM's own",
    )


def _is_generated(entry: Registered, site: Site) -> bool:
    """Return whether this tool wrote an entry's module, for this checkpoint or another: it may bring it up to date."""
    return site.generated(site.vllm / MODELS / f"{entry.module}.py") is not None


def _implementation(code: Code | None, decision: Decision, subject: Subject) -> Implementation | None:
    checkpoint, architecture = subject.reading.checkpoint, subject.reading.spec.architecture
    if code is not None:
        table = MULTIMODAL_DICT if checkpoint.is_multimodal else TEXT_DICT
        return Implementation(Registration(architecture, code.module, architecture, table), code)
    entry = decision.entry
    if decision.strategy.adds is Adds.REGISTRATION and entry is not None:
        return Implementation(Registration(architecture, entry.module, entry.class_name, entry.table))
    return None


def _notes(
    implementation: Implementation | None, placement: Placement, decision: Decision, subject: Subject
) -> tuple[str, ...]:
    strategy, is_multimodal = decision.strategy.name, subject.reading.checkpoint.is_multimodal
    notes: list[str] = []
    if implementation is None and not placement.edits_trees:
        notes.append(f"no plugin: the strategy {strategy} needs no code")
    code = implementation.code if implementation is not None else None
    if code is not None and code.config is not None and code.config.instead:
        of, served = code.config.model_type, code.config.class_name
        notes.append(f"{code.config.instead}: {served} reads every config.json of type {of} where this is installed")
    if not is_multimodal:
        notes.append("no processor stub: the checkpoint has no vision config and no image processor files")
    elif code is None:
        notes.append(f"no processor stub: with the strategy {strategy} vLLM has the processor")
    elif not code.processor:
        notes.append(f"no processor stub: {why_none(processor_of(subject.reading), subject.reading)}")
    elif placement.has_processors:
        stub = PROCESSORS / f"{code.module}.py"
        notes.append(f"{stub} is a stub: how images are turned into tokens has to be written")
    else:
        notes.append("no processor stub: it belongs in vLLM's tree, see --placement vllm")
    return tuple(notes)
