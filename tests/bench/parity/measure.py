"""Serves the cases, and compares each with the reference."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scaffold.checkpoint.read import read_checkpoint
from scaffold.slicing.layers import layers_of
from scaffold.slicing.value import slice_of
from scaffold.slicing.write import write_slice
from scaffold_validators.parity.judge import EXACT, Answered, Comparison, Referred, compare
from scaffold_validators.parity.prompts import NEW_TOKENS, make_prompts
from scaffold_validators.records import structure
from scaffold_validators.reference.run import Reference, run_reference
from tests.bench.coverage.rows import Row, make_rows, over, rows
from tests.bench.coverage.server import Server
from tests.lab.engine import engine

HERE = Path(__file__).parent
FOLDER = Path(".bench/parity")
DTYPE = "bfloat16"
MAX_MODEL_LEN = 512
SECONDS = 900
"""Limit of a server: in bfloat16 on a busy processor without instructions for it."""
SLICE = 6
"""Layers of the slices of checkpoints with twelve."""


@dataclass(frozen=True)
class Case:
    """A checkpoint that is served, and what was planted in what the server is given; nothing in a right one."""

    name: str
    row: str
    fault: Mapping[str, Any] = field(default_factory=dict)
    layers: int | None = None
    """How many of its first layers are served and compared; None for all."""
    below_noise: bool = False
    """Whether the fault was measured to change less than rounding does."""
    beyond_slice: bool = False
    """Whether the fault lies in layers that a slice does not have."""

    @property
    def is_to_hold(self) -> bool:
        """Return whether parity is to be found: of what is right, and of faults that nobody can see here."""
        return not self.fault or self.below_noise or (self.layers is not None and self.beyond_slice)

    @property
    def served(self) -> Path:
        """Return the checkpoint that is served, made if it is a slice."""
        if self.layers is None:
            return self.folder
        cut = self.folder.with_name(f"{self.folder.name}-first-{self.layers}")
        if not cut.exists():
            whole = read_checkpoint(self.folder)
            write_slice(whole, slice_of(whole, layers_of(whole, None), self.layers), cut)
        return cut

    @property
    def folder(self) -> Path:
        """Return where what the server is given lies."""
        planted = hashlib.sha256(json.dumps(dict(self.fault), sort_keys=True).encode()).hexdigest()[:8]
        return (FOLDER / f"{self.row.replace('@', '-')}-{DTYPE}-{planted}").resolve()


@cache
def _table() -> dict[str, Any]:
    return yaml.safe_load((HERE / "cases.yaml").read_text())  # type: ignore[no-any-return]


def right_cases() -> list[Case]:
    """Return a case for each row of which vLLM's own model is right, without a fault."""
    return [Case(name, name) for name, how in _table()["rows"].items() if not how.get("reference_alone")]


def faults() -> list[Case]:
    """Return the cases with a fault."""
    found = []
    for name, how in _table()["faults"].items():
        planted = {key: value for key, value in how.items() if key not in ("row", "below_noise", "beyond_slice")}
        told = {key: bool(how.get(key)) for key in ("below_noise", "beyond_slice")}
        found.append(Case(name, how["row"], planted, **told))
    return found


def sliced(cases: Sequence[Case]) -> list[Case]:
    """Return the cases of deep rows, whole and as slices of `SLICE` layers, side by side."""
    deep = [case for case in cases if case.row.endswith("@deep")]
    return [one for case in deep for one in (case, replace(case, name=f"{case.name}, sliced", layers=SLICE))]


def row_of(name: str) -> Row:
    """Return the row of the coverage benchmark that a case is made of."""
    how = _table()["rows"][name]
    base = rows()[how.get("row", name)]
    return Row(name, over(base.config, how["over"]), False, base.prompt_tokens) if "over" in how else base


def measure(cases: Sequence[Case], server: Server) -> Iterator[tuple[Case, Comparison | str]]:
    """Yield each case with its comparison, or why there is none; cases of one row share the reference's process."""
    names = list(dict.fromkeys(case.row for case in cases))
    make_rows([row_of(name) for name in names])
    for name in names:
        of_row = [case for case in cases if case.row == name]
        right = Case(name, name)
        _make([right, *of_row])
        served = [(case, _serve(case, server)) for case in of_row]
        for layers in dict.fromkeys(case.layers for case in of_row):
            yield from _compared(replace(right, layers=layers), [one for one in served if one[0].layers == layers])


def _compared(
    right: Case, served: Sequence[tuple[Case, list[Answered] | str]]
) -> Iterator[tuple[Case, Comparison | str]]:
    """Compare the cases of one right checkpoint with one run of its reference."""
    answered = [said for _, found in served if not isinstance(found, str) for said in found]
    referred = _refer(right, answered) if answered else {}
    position = 0
    for case, found in served:
        if isinstance(found, str):
            yield case, found
            continue
        part = slice(position, position + len(found))
        position = part.stop
        yield case, compare(found, referred[EXACT][part], referred[DTYPE][part], DTYPE)


def _make(cases: Sequence[Case]) -> None:
    asked = [
        [str(row_of(case.row).checkpoint), str(case.folder), {"dtype": DTYPE, **case.fault}]
        for case in cases
        if not (case.folder / "model.safetensors").is_file()
    ]
    script = str(HERE / "edit.py")
    subprocess.run([str(engine().python), script], input=json.dumps(asked), text=True, check=True)


def _serve(case: Case, server: Server) -> list[Answered] | str:
    job: dict[str, Any] = {
        "name": case.name.replace(" ", "-").replace("'", ""),
        "checkpoint": str(case.served),
        "model_impl": "vllm",
        "plugin": None,
        "shims": True,
        "seconds": SECONDS,
        "new_tokens": NEW_TOKENS,
        "prompts": [list(prompt) for prompt in make_prompts(512, MAX_MODEL_LEN)],
        "options": {"dtype": DTYPE, "max_model_len": MAX_MODEL_LEN},
    }
    if "patch" in case.fault:
        job |= {"plugin": [str(HERE), "patches"], "env": {"FAULT": case.fault["patch"]}}
    said = server.ask(job)
    return structure(said["answers"], list[Answered], "answers") if "answers" in said else str(said["error"])


def _refer(right: Case, answered: Sequence[Answered]) -> dict[str, tuple[Referred, ...]]:
    reference = Reference(engine().python, right.served, seconds=SECONDS)
    return run_reference(reference, [said.tokens for said in answered], (DTYPE,))
