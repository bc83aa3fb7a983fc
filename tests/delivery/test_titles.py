"""The first line of a commit has the form of the repo's own history."""

from __future__ import annotations

from scaffold.delivery.titles import title
from tests.rows import each

SUMMARY = "Add nova, served by an implementation that vLLM has"
CASES = [
    ([], True, "[Feature][Model] "),
    ([], False, "[Doc][Test] "),
    (["first commit", "v0.18.0: release"], True, "[Feature][Model] "),
    (["[Feat][Model] Add a", "[Feat] [Model] Add b", "[Feat][Model] Add c", "[BugFix] d"], True, "[Feat][Model] "),
    (["[Model] a", "[Feature] b", "[Model] c", "[BugFix][Model] d", "[BugFix] e", "[BugFix] f"], True, "[Model] "),
    (["[Doc] a", "[BugFix] b", "[Doc] c", "[Doc][Test] d"], False, "[Doc] "),
    (["[CI] a", "[BugFix] b"], True, "[Feature][Model] "),
    (["feat: add a", "fix: b", "[Doc] c"], True, "feat: "),
    (["feat(models): add a", "fix(ops)!: b", "chore: c"], True, "feat(models): "),
    (["feat(ops): add a", "fix(ops): b"], True, "feat(model): "),
    (["doc: a", "doc(x): b", "docs: c"], False, "doc: "),
    (["feat(models): add a", "fix(ops): b"], False, "docs: "),
    (["note: a", "wip: b", "[Model] c"], True, "[Model] "),
]


@each(("history", "has_code", "prefix"), CASES)
def test_a_title_has_the_form_of_those_before_it(history: list[str], has_code: bool, prefix: str) -> None:
    summary = SUMMARY if prefix.startswith("[") else "a" + SUMMARY[1:]
    assert title(SUMMARY, history, has_code=has_code) == prefix + summary
