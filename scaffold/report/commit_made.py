"""The commit of a plan, found again in its repo: by the digests of the evidence that its message names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scaffold.common.errors import UsageError
from scaffold.delivery.layout import TEST_CONFIGS
from scaffold.evidence.plan_record import PlanRecord
from scaffold.report.value import CommitMade, Run

RECORD = "record sha256 {}"
"""How a commit's message names a verdict (scaffold/delivery/message.py)."""
EXCUSES = {
    "without_parity": "Parity with the reference was not shown: ",
    "accuracy_pending": "No accuracy has been measured: ",
}
"""How it gives a reason (scaffold/delivery/excuses.py)."""
EXCUSED = "Not shown, "
"""How it names another point that was excused, and why."""
FIELDS = ("%H", "%s", "%aI", "%G?", "%B")


def commit_of(record: PlanRecord, history: Sequence[Run]) -> tuple[CommitMade | None, tuple[int, ...]]:
    """Return the newest commit of a plan on the present branch, and the numbers of the runs that it names.

    A commit that was amended since is found as well; one without the evidence of this work directory is not it.

    Raises:
        UsageError: git does not answer.
    """
    from git import Repo
    from git.exc import GitError

    if not history:
        return None, ()
    named = {RECORD.format(run.verdict.evidence[:16]): run.number for run in history}
    words = [f"--grep={name}" for name in sorted(named)]
    config = (TEST_CONFIGS / f"{record.name}.yaml").as_posix()
    try:
        git = Repo(Path(record.delivery)).git
        log = ["log", "-1", "--no-show-signature", "--fixed-strings", *words, f"--format={'%x00'.join(FIELDS)}"]
        found = git.execute(["git", *log, "HEAD", "--", config])
        if not isinstance(found, str) or not found:
            return None, ()
        hash_, subject, date, signature, message = found.split("\0", 4)
        show = ["show", "--no-show-signature", "--no-renames", "--name-only", "-z", "--format="]
        files = git.execute(["git", *show, hash_])
    except (GitError, OSError) as error:
        raise UsageError(
            f"git does not answer: {error}",
            where=record.delivery,
            expected="the delivery repo, which is asked for the commit",
            remedy="see git's own words: it has to be a repo that this user may read",
        ) from error
    lines = message.splitlines()
    excuses = {name: _after(start, lines) for name, start in EXCUSES.items()}
    made = CommitMade(
        hash=hash_,
        subject=subject,
        date=date,
        signature=signature,
        signed_off=any(line.startswith("Signed-off-by: ") for line in lines),
        files=tuple(sorted(filter(None, str(files).split("\0")))),
        excused=tuple(line.removeprefix(EXCUSED) for line in lines if line.startswith(EXCUSED)),
        **excuses,
    )
    return made, tuple(sorted(number for name, number in named.items() if name in message))


def _after(start: str, lines: Sequence[str]) -> str:
    return next((line.removeprefix(start) for line in lines if line.startswith(start)), "")
