"""Where a run keeps its state: below the work directory, nowhere in the source trees."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codemods import generated_digest
from scaffold.common.errors import UsageError

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

    def save_record(self, name: str, record: Mapping[str, Any]) -> None:
        """Keep what was planned for a model."""
        self._write(self.folder / name / "plan.json", record)

    def record(self, name: str) -> dict[str, Any]:
        """Return what was planned for a model.

        Raises:
            UsageError: nothing was.
        """
        path = self.folder / name / "plan.json"
        if not path.is_file():
            raise UsageError(
                f"no run for {name!r}",
                where=str(self.folder),
                expected="a model for which new-model has been run from this work directory",
                remedy="run scaffold new-model first, or pass its --work and --name",
            )
        return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]

    def forget(self, name: str) -> None:
        """Remove what was planned for a model; logs and verdicts stay as evidence."""
        (self.folder / name / "plan.json").unlink(missing_ok=True)

    def planned(self) -> list[str]:
        """Return the names of models for which there is a plan."""
        return sorted(path.parent.name for path in self.folder.glob("*/plan.json"))

    def save_verdict(self, name: str, stage: str, tensor_parallel_size: int, text: str) -> Path:
        """Keep a verdict; the newest of a stage replaces the one before."""
        path = self.folder / name / "verdicts" / f"{stage}-tp{tensor_parallel_size}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def verdicts(self, name: str) -> list[dict[str, Any]]:
        """Return all verdicts that are kept of a model, in the order of the stages."""
        order = {"dummy": 0, "real": 1, "parity": 2}
        found = [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((self.folder / name / "verdicts").glob("*.json"))
        ]
        return sorted(found, key=lambda v: (order[v["stage"]], v["numbers"].get("tensor_parallel_size", 1)))

    def _write(self, path: Path, value: Mapping[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
