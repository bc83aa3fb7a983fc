"""Where a run keeps its state: below the work directory, nowhere in the source trees."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from codemods import FOLDER, Earlier, earlier_of, generated_digest, keep_out_of_git
from scaffold.common.errors import InUse, UsageError
from scaffold.delivery.accuracy import Accuracy
from scaffold.delivery.benchmark import Benchmark
from scaffold.evidence.plan_record import PLAN, PlanRecord
from scaffold_validators.digest import sha256_of
from scaffold_validators.problem import Problem
from scaffold_validators.records import Kind, dump, load
from scaffold_validators.stages.table import position, stage_named
from scaffold_validators.verdict import VERDICT, Verdict

if TYPE_CHECKING:
    from scaffold.evidence.account import Account

M = TypeVar("M", Accuracy, Benchmark)
"""What is measured of a served model, with the results file that it was read of."""


@dataclass(frozen=True)
class Workspace:
    """The state of one work directory."""

    work: Path

    @property
    def folder(self) -> Path:
        """Return the folder that holds everything."""
        return self.work / FOLDER

    @property
    def journal(self) -> Path:
        """Return the journal of the change sets."""
        return self.folder / "journal"

    def generated(self, path: Path) -> str | None:
        """Return the SHA-256 of what this tool wrote last to a file that it made, None if it did not make it."""
        return generated_digest(self.journal, path)

    def earlier(self, *, force: bool = False) -> Earlier:
        """Return what this tool generated before, to be merged with what a person made of it, or replaced."""
        return earlier_of(self.journal, force=force)

    def logs(self, name: str) -> Path:
        """Return the folder of a model's serve logs."""
        return self.folder / name / "logs"

    def slice(self, name: str) -> Path:
        """Return the folder of a model's slice."""
        return self.folder / name / "slice"

    def save_weights_test(self, name: str, module: str, text: str) -> tuple[Path, bool]:
        """Keep the test file of a model's weight rules; one that is there already is left as it is, edits and all.

        Returns:
            The file, and whether it has this text now.
        """
        path = self.folder / name / f"test_{module}_weights.py"
        if not path.exists():
            _make(path.parent)
            path.write_text(text, encoding="utf-8")
        return path, path.read_text(encoding="utf-8") == text

    def save_record(self, record: PlanRecord) -> None:
        """Keep what was planned for a model."""
        _write(self.folder / record.name / "plan.json", dump(PLAN, record))

    def record(self, name: str) -> PlanRecord:
        """Return what was planned for a model.

        Raises:
            UsageError: nothing was.
            Problem: the record does not fit: broken, changed, or of another version.
        """
        path = self.folder / name / "plan.json"
        if not path.is_file():
            raise UsageError(
                f"no run for {name!r}",
                where=str(self.folder),
                expected="a model for which new-model has been run from this work directory",
                remedy="run scaffold new-model first, or pass its --work and --name",
            )
        return load(PLAN, path)

    def save_account(self, name: str, account: Account) -> None:
        """Keep what the newest plan of a model found out."""
        from scaffold.evidence.account import ACCOUNT  # here, as plans and reports alone have one

        _write(self.folder / name / "account.json", dump(ACCOUNT, account))

    def account(self, name: str) -> Account | None:
        """Return what the newest plan of a model found out; None of a plan that kept nothing.

        Raises:
            Problem: the record does not fit: broken, changed, or of another version.
        """
        path = self.folder / name / "account.json"
        from scaffold.evidence.account import ACCOUNT

        return load(ACCOUNT, path) if path.is_file() else None

    def forget(self, name: str) -> None:
        """Remove what was planned for a model; logs and verdicts stay as evidence."""
        for kept in ("plan.json", "account.json"):
            (self.folder / name / kept).unlink(missing_ok=True)

    def planned(self) -> list[str]:
        """Return the names of models for which there is a plan."""
        return sorted(path.parent.name for path in self.folder.glob("*/plan.json"))

    def save_measured(self, kind: Kind[M], name: str, measured: M) -> Path:
        """Keep what was measured of a model, and a copy of its results file; earlier ones stay."""
        folder = self.folder / name / kind.name
        number = 1 + max((int(path.stem) for path in folder.glob(NUMBERED)), default=0)
        kept, path = folder / f"{number:04d}.results", folder / f"{number:04d}.json"
        _write(kept, Path(measured.results).read_text(encoding="utf-8"))
        _write(path, dump(kind, replace(measured, results=str(kept))))
        return path

    def measured(self, kind: Kind[M], name: str) -> M | None:
        """Return what was measured last of a model; None without it.

        Raises:
            Problem: its record does not fit, or the results file was changed or is gone.
        """
        path = max((self.folder / name / kind.name).glob(NUMBERED), default=None)
        if path is None:
            return None
        found = load(kind, path)
        _check_results(found.results, found.results_sha256, path, kind.remedy)
        return found

    @contextmanager
    def gates_lock(self) -> Iterator[None]:
        """Hold the lock of the work directory's gates: two at once would measure each other.

        Raises:
            InUse: another process holds it; its id is in the message.
        """
        _make(self.folder)
        path = self.folder / "gates.lock"
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise InUse(
                    f"gates that run already, in process {file.read().strip() or 'unknown'}",
                    where=str(path),
                    expected="one run of gates for each work directory",
                    remedy="wait for it, end it, or pass another --work",
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def save_verdict(self, name: str, verdict: Verdict) -> Path:
        """Keep a verdict after the earlier ones, none of which is ever written again, with the digest of the last."""
        kept = self._verdict_files(name)
        number = 1 + max((int(path.name.split("-")[0]) for path in kept), default=0)
        folder = self.folder / name / "verdicts"
        path = folder / f"{number:04d}-{verdict.stage}-tp{verdict.tensor_parallel_size}.json"
        _write(path, replace(verdict, previous=sha256_of(kept[-1]) if kept else "").to_json())
        return path

    def keep(self, name: str, verdict: Verdict) -> Verdict:
        """Keep a verdict, and return it as it is on record: what is shown of it is what is kept."""
        return load(VERDICT, self.save_verdict(name, verdict))

    def verdicts(self, name: str) -> tuple[Verdict, ...]:
        """Return the newest verdict of each stage and tensor-parallel size, in the order of the stages.

        Raises:
            Problem: a record does not fit: broken, changed, of another version, or of an unknown stage; it does not
                follow on the one before it; or a log that one rests on was changed or is gone.
        """
        newest = {(verdict.stage, verdict.tensor_parallel_size): verdict for verdict in self.history(name)}
        for verdict in newest.values():
            _check_log(verdict)
        return tuple(sorted(newest.values(), key=lambda v: (position(v.stage), v.tensor_parallel_size)))

    def history(self, name: str) -> tuple[Verdict, ...]:
        """Return all verdicts of a model, the oldest first: those of states that are gone, too.

        Raises:
            Problem: a record does not fit, as `verdicts` says; of logs nothing is asked.
        """
        found: list[Verdict] = []
        before = ""
        for path in self._verdict_files(name):
            verdict = load(VERDICT, path)
            if verdict.previous != before:
                given, is_there = verdict.previous[:16] or "nothing", before[:16] or "none"
                raise _not_the_evidence(
                    f"previous {given}, and the record before it has {is_there}",
                    f"{path}, field content.previous",
                    "the record that follows on the one before it: one was changed, removed, or brought from elsewhere",
                )
            before = sha256_of(path)
            stage_named(verdict.stage, f"{path}, field content.stage")
            found.append(verdict)
        return tuple(found)

    def _verdict_files(self, name: str) -> list[Path]:
        """Return the records of a model's verdicts, the oldest first."""
        found = (self.folder / name / "verdicts").glob(VERDICT_FILES)
        return sorted(found, key=lambda path: int(path.name.split("-")[0]))


VERDICT_FILES = "[0-9][0-9][0-9][0-9]*-*-tp*.json"


NUMBERED = "[0-9][0-9][0-9][0-9].json"


def _check_results(results: str, digest: str, record: Path, remedy: str) -> None:
    """Check that a results file is the one that a record was made of.

    Raises:
        Problem: it was changed, or is gone.
    """
    if not Path(results).is_file() or sha256_of(Path(results)) != digest:
        raise Problem(
            "another file, or none",
            where=results,
            expected=f"the results that {record} was made of, sha256 {digest[:16]}",
            remedy=remedy,
            exit_code=2,
        )


def _make(folder: Path) -> None:
    """Make a folder of the state, which git does not show, wherever the work directory is."""
    folder.mkdir(parents=True, exist_ok=True)
    keep_out_of_git(folder)


def _write(path: Path, text: str) -> None:
    """Write a file as a whole: a full disk leaves no half of it."""
    _make(path.parent)
    half = path.with_name(path.name + ".half")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def _check_log(verdict: Verdict) -> None:
    """Check that the log of a verdict is the one that it was reached on.

    Raises:
        Problem: it was changed, or is gone.
    """
    now = sha256_of(Path(verdict.log)) if verdict.log_sha256 else ""
    if now != verdict.log_sha256:
        found = f"sha256 {now[:16]}" if now else "no such file"
        raise _not_the_evidence(found, verdict.log, f"the log of stage {verdict.stage}, {verdict.log_sha256[:16]}")


def _not_the_evidence(found: str, where: str, expected: str) -> Problem:
    return Problem(
        found,
        where=where,
        expected=expected,
        remedy="remove the folder verdicts of this model, and run its stages again with scaffold validate",
        exit_code=2,
    )
