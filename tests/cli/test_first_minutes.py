"""What a person sees on a terminal: the diff in a pager, what was decided, written and comes next, what Ctrl-C left."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from scaffold.cli import interrupted, pager
from scaffold.cli.output import Output
from scaffold_validators.shims.engine import ON_PATH
from tests.cli.calls import check_call
from tests.cli.conftest import Desk
from tests.lab.ports import free_port
from tests.sampled import costly
from tests.snapshots import snapshot

MAIN = """
import fcntl, signal, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)
from scaffold.cli import main
main()
"""
"""The command on the terminal that it controls, so that Ctrl-C reaches it as a signal. A shell that runs these tests in
the background lets them ignore it."""
LIMIT_SECONDS = 400


@dataclass(frozen=True)
class Seen:
    """What a terminal showed, and how the command ended."""

    code: int
    text: str


def on_terminal(
    *words: str | Path, environment: dict[str, str], when: Callable[[str], bool] = lambda text: False, key: bytes = b""
) -> Seen:
    """Run a command on a terminal of its own, and type a key once what it shows is as asked."""
    terminal, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *map(str, words)],
        **dict.fromkeys(("stdin", "stdout", "stderr"), child),
        env={**os.environ, **environment},
        start_new_session=True,
    )
    os.close(child)
    shown, typed, until = b"", False, time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < until:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:  # Linux: the other side was closed
            break
        if key and not typed and when(shown.decode(errors="replace")):
            typed = bool(os.write(terminal, key))
    os.close(terminal)
    return Seen(process.wait(LIMIT_SECONDS), shown.decode(errors="replace").replace("\r", ""))


def roots(desk: Desk) -> tuple[str | Path, ...]:
    return "--vllm", desk.vllm, "--delivery", desk.delivery, "--work", desk.work


@costly
def test_the_diff_goes_through_gits_pager_and_the_end_says_what_comes_next(desk: Desk, nova: Path) -> None:
    paged = desk.root / "paged"
    plain = {"GIT_PAGER": f"cat > {shlex.quote(str(paged))}", "TERM": "xterm", "COLUMNS": "300", "NO_COLOR": "1"}
    seen = on_terminal("new-model", nova, *roots(desk), "--tp", "1", environment=plain)
    assert seen.code == 0, seen.text
    assert "NovaForCausalLM, strategy native" in paged.read_text()
    assert "+class NovaForCausalLM" in re.sub(r"\x1b\[\d*m", "", paged.read_text())
    assert "class NovaForCausalLM" not in seen.text
    assert re.search(r"\d:\d\d:\d\d.* reading", seen.text)  # the clock beside what takes long
    decided, written, following = (seen.text.index(part) for part in ("strategy native", "Written", "next:"))
    assert decided < written < following
    assert f"scaffold validate {nova} --work {desk.work} --tp 1" in seen.text.replace(
        " --python '<Python that has vllm>'", ""
    )
    assert f"scaffold undo --work {desk.work}" in seen.text


@costly
def test_ctrl_c_says_what_was_written_and_how_to_take_it_back(desk: Desk, nova: Path, fake_engine: Path) -> None:
    before = snapshot(desk.vllm, desk.delivery)
    gates = ("--validate", "--name", "hangs-on-request", "--python", fake_engine, "--port", str(free_port()))
    seen = on_terminal(
        *("new-model", nova, *roots(desk), *gates, "--diff"),
        environment={"TERM": "xterm", "COLUMNS": "300"},
        when=lambda text: "sending requests" in text,
        key=b"\x03",
    )
    assert seen.code == 130, seen.text
    told = seen.text[seen.text.index("written before that") :]
    assert str(desk.vllm / "vllm/model_executor/models/nova.py") in told
    assert "interrupted: what was started has been ended" in told
    (undo,) = re.findall(r"(scaffold undo .*) takes it back", told)
    assert desk.call(*shlex.split(undo)[1:]).code == 0
    assert snapshot(desk.vllm, desk.delivery) == before


def test_what_ctrl_c_left_is_what_was_written_since_the_call(desk: Desk, nova: Path) -> None:
    (desk.work / ".scaffold").mkdir()
    before = interrupted.before({"work": desk.work})
    assert before is not None
    assert before.lines() == ["no file of a source tree was written"]
    desk.new_model(nova)
    assert before.lines()[0] == "written before that, as a whole:"
    again = interrupted.before({"work": desk.work})
    assert again is not None
    assert again.lines() == ["no file of a source tree was written"]
    state = desk.work / ".scaffold/journal/state.json"
    state.write_text(state.read_text().replace('"finished": true', '"finished": false'))
    assert "the undo was interrupted; scaffold undo" in again.lines()[0]
    state.write_text("{")
    assert again.lines()[0].startswith(f"what was written cannot be told: {state}")
    assert interrupted.before({"work": desk.work}) is None


def test_commands_that_come_next_are_ones_that_the_command_line_takes(
    desk: Desk, nova: Path, fake_engine: Path
) -> None:
    options = ("--name", "nova-2", "--python", fake_engine, "--max-model-len", "64", "--trust-remote-code")
    answer = desk.new_model(nova, *options, "--believe", "config", "--json")
    following = [shlex.split(line) for line in answer.document["next"]]
    called = [words[1] for words in following]
    assert called == ["validate", "validate", "validate", "evaluate", "commit", "report", "undo"]
    assert [words[words.index("--stage") + 1] for words in following[1:3]] == ["features", "capacity"]
    for words in following:
        check_call(words)
    validate = " ".join(following[0])
    for said in ("--name nova-2", f"--python {fake_engine}", "--max-model-len 64", "--trust-remote-code", "--work"):
        assert said in validate
    for remembered in ("--vllm", "--delivery", "--believe", "--json"):
        assert remembered not in validate
    assert "<Python" not in validate


def test_a_dry_run_ends_with_the_same_call_without_it(desk: Desk, nova: Path) -> None:
    answer = desk.new_model(nova, "--dry-run", "--placement", "vllm", "--tp", "1")
    assert pager.pager({"GIT_PAGER": "less"}) is None  # no terminal: nothing is paged
    assert "+class NovaForCausalLM" in answer.stdout
    (call,) = re.findall(r"next:\n  (.*)\n", answer.stdout)
    assert shlex.split(call)[:2] == ["scaffold", "new-model"]
    for said in ("--placement vllm", f"--vllm {desk.vllm}", "--tp 1"):
        assert said in call
    assert "--dry-run" not in call
    assert "Would be written" in answer.stdout
    check_call(shlex.split(call))


def test_a_plugin_is_installed_next(desk: Desk, nova: Path) -> None:
    answer = desk.call(
        *("new-model", nova, "--vllm", desk.vllm, "--work", desk.work, "--placement", "plugin"),
        *("--output", desk.root / "plug in", "--json"),
    )
    install, undo = answer.document["next"]
    assert shlex.split(install) == ["pip", "install", "--no-deps", str(desk.root / "plug in")]
    assert undo == f"scaffold undo --work {desk.work}"


def test_a_plugin_is_served_with_what_stands_in_for_kernels_that_answer_wrongly(
    desk: Desk, nova: Path, fake_engine: Path
) -> None:
    answer = desk.call(
        *("new-model", nova, "--vllm", desk.vllm, "--work", desk.work, "--placement", "plugin"),
        *("--output", desk.root / "plugin", "--python", fake_engine, "--json"),
    )
    _, serve, _ = map(shlex.split, answer.document["next"])
    assert serve == ["env", f"PYTHONPATH={ON_PATH}", "vllm", "serve", str(nova)]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"GIT_PAGER": "cat"}, None),
        ({"GIT_PAGER": ""}, None),
        ({"PAGER": "more -s"}, "more -s"),
        ({"GIT_PAGER": "less -R", "PAGER": "more"}, "less -R"),
    ],
)
def test_the_pager_is_the_one_that_git_takes(
    environment: dict[str, str], expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    clean = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    assert pager.pager({**clean, **environment}) == expected


def test_ctrl_c_in_a_pager_is_the_pagers_own(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    kill = f"trap 'echo kept > {shlex.quote(str(tmp_path / 'kept'))}' INT; kill -INT {os.getpid()}; kill -INT $$; cat"
    assert pager.page("text", f"{kill} > /dev/null")
    assert (tmp_path / "kept").exists()
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        pager.page("text", "kill -INT $$")
    assert not pager.page("text", "no-such-pager-here 2> /dev/null")


def test_git_is_not_needed_to_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert pager.pager({"PATH": str(tmp_path), "PAGER": "more"}) == "more"
    assert pager.pager({"PATH": str(tmp_path)}) == "less"


def test_a_command_that_is_misspelt_is_told_the_near_one(empty_desk: Desk) -> None:
    answer = empty_desk.call("inspct", "/models/X")
    assert (answer.code, "Did you mean inspect?" in answer.stderr) == (2, True)
    assert "Did you mean" not in empty_desk.call("xyzzy").stderr


def test_without_trees_and_vllm_the_first_thing_said_is_how_to_name_them(desk: Desk, nova: Path) -> None:
    answer = desk.call("new-model", nova, "--work", desk.work)
    assert answer.code == 3
    assert "pass --vllm and --vllm-ascend" in answer.stderr
    assert "the plugin" in desk.call("new-model", nova, "--work", desk.work, "--placement", "plugin").stderr


def test_an_interrupted_command_ends_its_document_with_what_it_left(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True, quiet=False, verbose=False)
    output.document({"name": "nova"})
    output.interrupted(["no file of a source tree was written"])
    told = capsys.readouterr()
    assert json.loads(told.out) == {
        "schema": 1,
        "name": "nova",
        "interrupted": ["no file of a source tree was written"],
    }
    assert told.err == "no file of a source tree was written\n"


@costly
def test_gates_that_passed_are_followed_by_accuracy_and_commit(desk: Desk, nova: Path, referred_engine: Path) -> None:
    gates = ("--validate", "--stage", "dummy", "--name", "good", "--port", str(free_port()))
    answer = desk.new_model(nova, "--python", referred_engine, *gates, "--json")
    assert answer.code == 0, answer.stderr
    following = [shlex.split(line) for line in answer.document["next"]]
    assert [words[1] for words in following] == ["validate", "validate", "evaluate", "commit", "report"]
    for words in following:
        check_call(words)
        assert words[words.index("--name") + 1] == "good"
