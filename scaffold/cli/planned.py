"""A plan for people: what was decided and why, the diff, and at the end what was written and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import unified_diff

from scaffold.cli.disagreements import disagreement_lines
from scaffold.cli.next_steps import Step, step
from scaffold.cli.output import Output
from scaffold.cli.pager import page, pager
from scaffold.cli.present import hole_lines
from scaffold.planning.plan import Plan


def show_plan(output: Output, plan: Plan, *, inline: bool) -> bool:
    """Show the decision and the diff; on a terminal the diff goes through a pager, unless it is to be ``inline``.

    Returns:
        Whether a diff stands below the decision now.
    """
    lines = list(plan_lines(plan))
    command = None if inline or output.quiet or output.as_json or not plan.diff else pager()
    if command is not None and not page("\n".join([*lines, "", *output.coloured(plan.diff), ""]), command):
        command = None
    for line in lines:
        output.line(line)
    if command is None:
        output.line()
        output.diff(plan.diff)
    for path in plan.changes.conflicts:
        output.failure(f"{path}: what you edited and what is generated now contradict each other: marked as git does")
    return command is None and bool(plan.diff)


def decision_lines(plan: Plan) -> Iterator[str]:
    """Yield what was decided, and why nothing smaller."""
    unproved = plan.decision.unproved
    left = ", as far as could be read" if unproved else ""
    yield f"{plan.name}: {plan.spec.architecture}, strategy {plan.decision.strategy.name}{left}"
    yield from (f"  {reason}" for reason in plan.decision.why)
    yield from (f"  not proved: {one}" for one in unproved)


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield what was decided, and what else there is to know of it."""
    yield from decision_lines(plan)
    yield from disagreement_lines(plan.subject.settled.found)
    yield from hole_lines(plan.spec.holes)
    yield from (f"  {note}" for note in plan.notes if note not in plan.decision.unproved)
    yield from (f"  {line}" for one in plan.near for line in one.lines())
    counts = plan.decision.counts
    if counts is not None:
        told = f"{counts.taken} routed, {counts.left_out} left out with a reason, {len(counts.unknown)} not known"
        yield f"  weights: {len(plan.checkpoint.tensors)} tensors, {told}"
    if plan.proved_sizes:
        yield f"  tensor-parallel sizes that it was proved for: {', '.join(map(str, plan.proved_sizes))}"
    for size, why in plan.decision.misfits.items():
        yield f"  not at tensor-parallel {size}: {why[0]}"


def show_files(output: Output, plan: Plan, title: str) -> None:
    """Show which files a plan creates, edits and removes."""
    rows = [
        (
            "create" if change.before is None else "remove" if change.after is None else "edit",
            str(change.path),
            line_counts(change.before, change.after),
        )
        for change in plan.changes.changes
    ]
    if rows:
        output.table(title, ("action", "path", "lines"), rows)


def show_end(output: Output, plan: Plan, steps: Sequence[Step], *, written: bool, again: bool) -> None:
    """Show how a run ended: with ``again`` what was decided, which files, and the commands that come next."""
    if again:
        output.line()
        for line in decision_lines(plan):
            output.line(line)
    show_files(output, plan, "Written" if written else "Would be written")
    if not plan.changes.paths:
        output.line("nothing to change: all of it is there as planned")
    show_steps(output, steps)


def left_to_twin(plan: Plan, with_twin: bool) -> tuple[Step, ...]:
    """Return the call that shows what could not be read of the strategy, unless the twin has shown it."""
    if with_twin or not plan.decision.unproved:
        return ()
    return (
        step("new-model", (str(plan.checkpoint.path),), "a small random copy shows what could not be read", "--twin"),
    )


def show_steps(output: Output, steps: Sequence[Step]) -> None:
    """Show the commands that come next, each with what it is for."""
    output.document({"next": [step.line for step in steps]})
    if steps:
        output.line("next:")
    for one in steps:
        output.line(f"  {one.line}\n      # {one.why}")


def line_counts(before: bytes | None, after: bytes | None) -> str:
    """Return how many lines come and go, as a diff counts them."""
    old, new = ((text or b"").decode("utf-8", "replace").splitlines() for text in (before, after))
    signs = [line[0] for line in [*unified_diff(old, new, n=0)][2:]]
    return " ".join(f"{sign}{signs.count(sign)}" for sign in "+-" if sign in signs) or "0"
