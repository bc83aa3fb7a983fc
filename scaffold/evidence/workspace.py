"""Where a run keeps its state: below the work directory, nowhere in the source trees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codemods import generated_digest
from scaffold.common.errors import UsageError
from scaffold.evidence.plan_record import PLAN, PlanRecord
from scaffold_validators.records import dump, load
from scaffold_validators.stages.table import position, stage_named
from scaffold_validators.verdict import VERDICT, Verdict

FOLDER = ".scaffold"


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
            path.parent.mkdir(parents=True, exist_ok=True)
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

    def forget(self, name: str) -> None:
        """Remove what was planned for a model; logs and verdicts stay as evidence."""
        (self.folder / name / "plan.json").unlink(missing_ok=True)

    def planned(self) -> list[str]:
        """Return the names of models for which there is a plan."""
        return sorted(path.parent.name for path in self.folder.glob("*/plan.json"))

    def save_verdict(self, name: str, verdict: Verdict) -> Path:
        """Keep a verdict beside the earlier ones, none of which is ever written again."""
        folder = self.folder / name / "verdicts"
        number = 1 + max((int(path.name.split("-")[0]) for path in folder.glob(VERDICT_FILES)), default=0)
        path = folder / f"{number:04d}-{verdict.stage}-tp{verdict.tensor_parallel_size}.json"
        _write(path, verdict.to_json())
        return path

    def verdicts(self, name: str) -> tuple[Verdict, ...]:
        """Return the newest verdict of each stage and tensor-parallel size, in the order of the stages.

        Raises:
            Problem: a record does not fit: broken, changed, of another version, or of an unknown stage.
        """
        newest: dict[tuple[str, int], Verdict] = {}
        for path in sorted((self.folder / name / "verdicts").glob(VERDICT_FILES)):
            verdict = load(VERDICT, path)
            stage = stage_named(verdict.stage, f"{path}, field content.stage")
            newest[stage.name, verdict.tensor_parallel_size] = verdict
        return tuple(sorted(newest.values(), key=lambda v: (position(v.stage), v.tensor_parallel_size)))


VERDICT_FILES = "[0-9][0-9][0-9][0-9]*-*-tp*.json"


def _write(path: Path, text: str) -> None:
    """Write a file as a whole: a full disk leaves no half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".half")
    half.write_text(text, encoding="utf-8")
    half.replace(path)
