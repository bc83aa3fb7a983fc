"""The skill for agents: every command in it is one that the tool takes, and its core path runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import yaml

from scaffold.cli.main import COMMANDS, scaffold
from scaffold.cli.skill import known_options, skill_text
from scaffold.strategy.table import NAMES
from scaffold_validators.outcome import Outcome
from scaffold_validators.stages.table import gates
from tests.cli.calls import FENCE, check_call, commands_of
from tests.cli.conftest import Desk
from tests.lab.ports import free_port
from tests.rows import each
from tests.sampled import costly

CORE = {
    "inspect /models/X -v --vllm /vllm-workspace/vllm": 0,
    "weights /models/X": 0,
    "new-model /models/X --dry-run --json": 0,
    "new-model /models/X --twin": 0,
    "validate /models/X --stage static": 0,
    "validate /models/X --stage dummy": 0,
    "commit /models/X --dry-run": 1,
    "skill": 0,
}
"""Calls of the skill in its order, and how each ends here: dummy evidence commits nothing."""
SHORT = 160
"""Lines."""


def test_its_head_is_as_skills_have_it() -> None:
    _, head, body = skill_text().split("---\n", 2)
    told = yaml.safe_load(head)
    assert set(told) == {"name", "description"}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", told["name"])
    assert 100 < len(told["description"]) <= 1024
    assert len(body.splitlines()) < SHORT


@each("words", list(commands_of(skill_text())), ids=shlex.join)
def test_the_command_line_takes_every_command_of_it(words: list[str]) -> None:
    check_call(words)


def test_commands_within_sentences_are_taken_too() -> None:
    said = re.findall(r"`(scaffold [^`]+)`", FENCE.sub("", skill_text()))
    assert len(said) >= 4
    for line in said:
        check_call(shlex.split(line))


def test_each_option_that_it_names_is_one_of_a_command() -> None:
    of_git = {"--no-verify"}  # which is never used
    assert set(re.findall(r"(?<![-\w])--[a-z][a-z-]+", skill_text())) - known_options() == of_git


def test_it_says_what_to_do_at_each_way_in_which_a_stage_ends() -> None:
    rows = "\n".join(line for line in skill_text().splitlines() if line.startswith("| "))
    told = {"stopped": "static: stopped"}
    for outcome in Outcome:
        assert outcome is Outcome.PASSED or told.get(outcome.value, outcome.value) in rows


def test_it_goes_through_every_stage_and_names_the_strategies_in_their_order() -> None:
    text = skill_text()
    default = ("real", "parity")  # of a call without --stage
    for stage in gates():
        assert stage.name in default or f"--stage {stage.name}" in text
    assert ", ".join(NAMES) in text


def test_reports_are_written_by_hand_only_where_no_command_writes_them() -> None:
    assert "scaffold report" not in skill_text([name for name in COMMANDS if name != "report"])
    assert "scaffold report /models/X --lang zh" in skill_text([*COMMANDS, "report"])


def test_what_a_release_lacks_is_not_in_its_skill() -> None:
    assert "--num-fewshot 5 --bench\n" in skill_text(options=[*known_options(), "--bench"])
    lacking = skill_text(options=known_options() - {"--bench", "--accept-device"})
    assert "--bench" not in lacking
    assert "--accept-device" not in lacking
    assert "`--without-parity`, `--accuracy-pending`, `--accept-device`, `--allow`" in skill_text()


@costly
def test_its_core_path_runs_on_a_made_up_checkpoint(desk: Desk, nova: Path, fake_engine: Path) -> None:
    said = [shlex.join(words[1:]) for words in commands_of(skill_text())]
    assert [call for call in said if call in CORE] == list(CORE)
    places = {"/models/X": str(nova), "/vllm-workspace/vllm": str(desk.vllm)}
    elsewhere = {"--vllm": desk.vllm, "--delivery": desk.delivery, "--work": desk.work, "--python": fake_engine}
    for call, code in CORE.items():
        words = [places.get(word, word) for word in shlex.split(call) if word != "--twin"]  # an engine test has it
        command = scaffold.get_command(click.Context(scaffold), words[0])
        assert command is not None
        takes = {word for parameter in command.params for word in parameter.opts}
        for option, path in elsewhere.items():
            words += [option, str(path)] if option in takes and option not in words else []
        words += ["--port", str(free_port())] if "--port" in takes else []
        answer = desk.call(*words)
        assert answer.code == code, (call, answer.stdout, answer.stderr)
    assert "has not been run" in desk.call("commit", nova, "--work", desk.work).stderr


def test_it_is_written_where_it_is_asked_for_and_never_over_another(empty_desk: Desk) -> None:
    folder = empty_desk.root / "skills" / "vllm-ascend-scaffold"
    assert empty_desk.call("skill", "--output", folder).code == 0
    assert (folder / "SKILL.md").read_text() == skill_text()
    assert empty_desk.call("skill").stdout == skill_text()
    assert empty_desk.call("skill", "--json").document["skill"] == skill_text()
    assert empty_desk.call("skill", "--output", folder).code == 0
    (folder / "SKILL.md").write_text("mine")
    answer = empty_desk.call("skill", "--output", folder)
    assert (answer.code, (folder / "SKILL.md").read_text()) == (2, "mine")
    assert "another skill is there" in answer.stderr


def test_a_folder_that_cannot_be_made_is_one_error(empty_desk: Desk) -> None:
    (empty_desk.root / "file").write_text("")
    answer = empty_desk.call("skill", "--output", empty_desk.root / "file" / "below")
    assert (answer.code, "remedy" in answer.stderr) == (2, True)
