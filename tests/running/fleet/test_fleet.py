"""A fleet: its list, its jobs, what a machine's death costs, and the table."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.common.errors import UsageError
from scaffold.running.fleet.job import STATE, Job, Ran, job_of, run_job, write_files
from scaffold.running.fleet.rows import Row, read_rows
from scaffold.running.fleet.run import Here, run_fleet
from scaffold.running.fleet.table import cells, markdown, why

LIST = """
all: {stage: real, options: [--no-ladder]}
models:
- {checkpoint: /models/A, work: a, tp: "1,4"}
- {checkpoint: /models/B, name: b, stage: all, npus: 0, extra: [--block-size, "32"]}
"""


def read(folder: Path, text: str) -> tuple[Row, ...]:
    file = folder / "fleet.yaml"
    file.write_text(text)
    return read_rows(file)


def test_a_list_has_rows_and_what_all_of_them_have(tmp_path: Path) -> None:
    one, two = read(tmp_path, LIST)
    assert (one.shown, one.stage, one.ranks, one.place(tmp_path)) == ("A", "real", 4, tmp_path / "a")
    assert (two.shown, two.stage, two.ranks, two.place(tmp_path)) == ("b", "all", 0, tmp_path)
    said = "validate /models/B --work /w --name b --tp 1 --stage all --no-ladder --port 7 --json -- --block-size 32"
    assert two.words(Path("/w"), 7) == said.split()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: []", "no model"),
        ("- a", "no object with models"),
        ("models: [{checkpoint: 7}]", "models[0].checkpoint"),
        ("models: [{checkpoint: /a, stages: x}]", "stages"),
        ("models: [{checkpoint: /a, tp: '0'}]", "models[0].tp"),
        ("models: [/a]", "which is no object"),
        ("models: [{checkpoint: /a}, {checkpoint: /a}]", "the same row twice: 'a'"),
        ("models: [", "expected the node content"),
    ],
)
def test_a_list_that_does_not_fit_is_one_error_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError) as error:
        read(tmp_path, text)
    assert says in error.value.found
    assert error.value.where == str(tmp_path / "fleet.yaml")


def planned(work: Path, name: str) -> Row:
    """Make what ``new-model`` leaves, as far as a job asks for it."""
    folder = work / STATE / name
    (folder / "verdicts").mkdir(parents=True)
    (folder / "plan.json").write_text("{}")
    return Row(f"/models/{name}", name)


SAYS = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--work") + 1]) / ".scaffold" / "a"
(folder / "logs").mkdir(exist_ok=True)
(folder / "logs" / "real.log").write_text("log")
print(json.dumps({"verdicts": [], "words": sys.argv[1:]}))
sys.exit(1)
"""


def test_a_job_says_what_its_tool_said_and_brings_back_what_is_new_from_elsewhere(tmp_path: Path) -> None:
    row = planned(tmp_path, "a")
    here = replace(job_of(row, tmp_path), argv=(sys.executable, "-c", SAYS))
    ran = run_job(here)
    assert (ran.code, ran.files) == (1, {})
    assert ran.document["words"][:2] == ["validate", "/models/a"]
    elsewhere = replace(here, work=tmp_path / "elsewhere", mark="fleet-1")
    ran = run_job(elsewhere)
    assert ran.files == {f"{STATE}/a/logs/real.log": b"log"}
    assert (tmp_path / "elsewhere" / STATE / "a" / "plan.json").read_text() == "{}"


BUSY_ONCE = """
import json, pathlib, sys
ran = pathlib.Path(sys.argv[sys.argv.index("--work") + 1]) / "ran"
error = {} if ran.exists() else {"error": {"kind": "InUse", "found": "gates"}}
ran.touch()
print(json.dumps({"verdicts": [], **error}))
"""


def test_a_job_whose_work_directory_was_taken_in_between_runs_again(tmp_path: Path) -> None:
    job = replace(job_of(planned(tmp_path, "a"), tmp_path), argv=(sys.executable, "-c", BUSY_ONCE))
    assert run_job(job).document == {"verdicts": []}


def test_a_model_that_was_not_planned_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no plan of 'a'"):
        job_of(Row("/models/a"), tmp_path)


def test_files_of_another_machine_are_written_below_the_state_alone_and_never_over_others(tmp_path: Path) -> None:
    write_files(tmp_path, {f"{STATE}/a/x": b"1"})
    write_files(tmp_path, {f"{STATE}/a/x": b"2"})
    assert (tmp_path / STATE / "a" / "x").read_bytes() == b"1"
    for name in ("../x", f"{STATE}/../x", "/etc/x"):
        with pytest.raises(UsageError):
            write_files(tmp_path, {name: b"1"})


class Mortal(Here):
    """A place whose machines die so often before they end what a model was given to them for."""

    def __init__(self, deaths: dict[str, int], lacks: str = "") -> None:
        super().__init__()
        self.deaths, self.lacks = deaths, lacks

    def ended(self) -> tuple[int, Ran | None, str]:
        number, job = self._waiting.pop(0)
        left = self.deaths.get(job.row.shown, 0)
        self.deaths[job.row.shown] = left - 1
        return number, None if left > 0 else Ran(0, {"verdicts": []}), "the machine died" if left > 0 else ""

    def can_hold(self, job: Job) -> str:
        return "no machine has 8 NPU" if job.row.shown == self.lacks else ""


def test_a_machine_that_dies_costs_a_try_and_no_result(tmp_path: Path) -> None:
    rows = [planned(tmp_path, name) for name in ("a", "b", "c", "d")]
    said: list[str] = []
    place = Mortal({"b": 1, "c": 9}, lacks="d")
    found = {row.shown: ran for row, ran in run_fleet(rows, tmp_path, place, said.append, tries=3)}
    assert {name: (ran.code, ran.tries) for name, ran in found.items()} == {
        "a": (0, 1), "b": (0, 2), "c": (None, 3), "d": (None, 0),
    }  # fmt: skip
    assert found["c"].errors == "the machine died, 3 times"
    assert found["d"].errors == "no machine has 8 NPU"
    assert said == ["b: the machine died; tried again", *["c: the machine died; tried again"] * 2]
    assert [path.name for path in (tmp_path / STATE).iterdir() if path.is_file()] == []


def test_the_table_says_why() -> None:
    row = Row("/models/a")
    verdict = {"stage": "real", "kind": "false-ready", "outcome": "false-ready", "reason": "r", "cause": "a | b"}
    failed = Ran(1, {"static": {"verdict": "passed", "stops": []}, "verdicts": [verdict]}, machine="m", seconds=9.6)
    assert cells(row, failed) == ("a", "static passed, real false-ready", "a | b", "m", "1", "10")
    assert "| a | static passed, real false-ready | a / b | m | 1 | 10 |" in markdown([cells(row, failed)])
    assert why(Ran(1, {"static": {"verdict": "stopped", "stops": ["weights: x"]}, "verdicts": []})) == "weights: x"
    assert why(Ran(2, {"error": {"found": "no run for 'a'"}})) == "no run for 'a'"
    assert why(Ran(3, errors="died\nbadly")) == "died badly"
    assert json.loads(json.dumps(cells(row, Ran(None)))) == ["a", "none", "exit code None", "–", "1", "0"]
