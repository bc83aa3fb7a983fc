"""The list of a fleet: a YAML file of models that were planned, each with how its gates are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scaffold.common.errors import UsageError
from scaffold_validators.records import structure


@dataclass(frozen=True)
class Row:
    """One model, or one setting of it. Rows of one work directory run one after the other, all others side by side.

    Attributes:
        checkpoint: its directory, the same on every machine.
        name: the model's; by default the checkpoint's folder.
        work: the work directory in which it was planned; by default the one of the call.
        stage: as ``scaffold validate --stage`` takes it; empty for those that run where nobody says which.
        tp: tensor-parallel sizes, such as ``1,2``: that many NPUs are asked for.
        cpus: cores that it asks for.
        npus: NPUs that it asks for; by default the largest of its sizes.
        options: further options of ``scaffold validate``.
        extra: what goes to ``vllm serve`` as it is.
    """

    checkpoint: str
    name: str = ""
    work: str = ""
    stage: str = ""
    tp: str = "1"
    cpus: int = 1
    npus: int | None = None
    options: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Return what it is called in the table."""
        return self.name or Path(self.checkpoint).name

    @property
    def ranks(self) -> int:
        """Return how many NPUs it takes where there are any."""
        return max(int(size) for size in self.tp.split(",")) if self.npus is None else self.npus

    def words(self, work: Path, port: int) -> list[str]:
        """Return the call of this tool that runs it."""
        said = ["validate", self.checkpoint, "--work", str(work), "--name", self.shown, "--tp", self.tp]
        said += ["--stage", self.stage] if self.stage else []
        said += [*self.options, "--port", str(port), "--json"]
        return [*said, "--", *self.extra] if self.extra else said

    def place(self, work: Path) -> Path:
        """Return its work directory."""
        return work / self.work if self.work else work


def read_rows(path: Path) -> tuple[Row, ...]:
    """Read a list: ``models`` with a row each, and ``all`` with what holds for every row that does not say otherwise.

    Raises:
        UsageError: it is no such list, or two rows are the same.
    """
    import yaml

    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or set(found) - {"all", "models"} or not isinstance(found.get("models"), list):
            raise ValueError("no object with models, a list, and all")
        shared: Mapping[str, Any] = found.get("all") or {}
        rows = structure([_joined(shared, row) for row in found["models"]], tuple[Row, ...], "models")
        _check(rows)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UsageError(
            str(error),
            where=str(path),
            expected="a list of planned models: models: [{checkpoint: /models/X, work: x, stage: real}, …]",
            remedy="correct the file; what a row may have is in docs/fleet.md",
        ) from error
    return rows


def _joined(shared: Mapping[str, Any], row: Any) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ValueError(f"a row {row!r:.80}, which is no object")
    return {**shared, **row}


def _check(rows: tuple[Row, ...]) -> None:
    """Check what no type says.

    Raises:
        ValueError: it is not so.
    """
    if not rows:
        raise ValueError("no model")
    for number, row in enumerate(rows):
        if not all(size.strip().isdigit() and int(size) > 0 for size in row.tp.split(",")):
            raise ValueError(f"tp {row.tp!r} @ models[{number}].tp")
        if row.cpus < 1 or (row.npus is not None and row.npus < 0):
            raise ValueError(f"cpus {row.cpus}, npus {row.npus} @ models[{number}]")
    twice = next((row for number, row in enumerate(rows) if row in rows[:number]), None)
    if twice is not None:
        raise ValueError(f"the same row twice: {twice.shown!r}")
