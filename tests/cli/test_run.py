"""``scaffold run``: a codemod or a recipe as a command, as a check, on several files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codemods import CODEMODS
from scaffold.cli.run import sort_words
from scaffold.common.errors import UsageError
from tests.cli.conftest import Desk
from tests.snapshots import snapshot

LIST = "accuracy.txt"


@pytest.fixture
def lists(empty_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two files that one codemod edits."""
    monkeypatch.chdir(empty_desk.root)
    files = [empty_desk.root / folder / LIST for folder in ("one", "two")]
    for file in files:
        file.parent.mkdir()
        file.write_text("Birch.yaml\n")
    return files[0], files[1]


def test_several_files_are_one_run(empty_desk: Desk, lists: tuple[Path, Path]) -> None:
    before = snapshot(*(file.parent for file in lists))
    answer = empty_desk.call("run", "accuracy-list", "config=Cedar.yaml", *lists)  # arguments and files in any order
    assert (answer.code, answer.stderr) == (0, "")
    assert answer.stdout == "".join(f"changed: {file}\n" for file in lists)
    assert [file.read_text() for file in lists] == ["Birch.yaml\nCedar.yaml\n"] * 2
    assert empty_desk.call("undo").code == 0
    assert snapshot(*(file.parent for file in lists)) == before


@pytest.mark.parametrize("words", [["--config=Cedar.yaml"], ["--config", "Cedar.yaml"]])
def test_arguments_may_be_written_as_options(empty_desk: Desk, lists: tuple[Path, Path], words: list[str]) -> None:
    answer = empty_desk.call("run", "accuracy-list", lists[0], *words, "--check")
    assert (answer.code, answer.stdout) == (1, f"would change: {lists[0]}\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dryrun", "config=Cedar.yaml"], "No such option '--dryrun'. Did you mean '--dry-run'?"),
        (["--confog=Cedar.yaml"], "Did you mean '--config'?"),
        (["-n", "config=Cedar.yaml"], "No such option '-n'"),
        (["--config"], "'--config' requires an argument"),
    ],
)
def test_what_is_no_option_and_no_argument_is_said_and_nothing_is_written(
    empty_desk: Desk, lists: tuple[Path, Path], words: list[str], said: str
) -> None:
    answer = empty_desk.call("run", "accuracy-list", lists[0], *words)
    assert answer.code == 2
    assert said in answer.stderr.replace("\n", " ")
    assert lists[0].read_text() == "Birch.yaml\n"


def test_undo_says_where_it_left_edits_that_were_made_since(empty_desk: Desk, lists: tuple[Path, Path]) -> None:
    lists[1].write_text("Birch.yaml\nOak.yaml\n")
    assert empty_desk.call("run", "accuracy-list", "config=Cedar.yaml", *lists).code == 0
    lists[1].write_text("Alder.yaml\n" + lists[1].read_text())
    answer = empty_desk.call("undo")
    assert f"{lists[1]}: the run's own lines are taken back; what was edited there since stays" in answer.stdout
    assert [file.read_text() for file in lists] == ["Birch.yaml\n", "Alder.yaml\nBirch.yaml\nOak.yaml\n"]


def test_one_diff_of_several_files_applies_where_they_all_are(empty_desk: Desk, lists: tuple[Path, Path]) -> None:
    document = empty_desk.call("run", "accuracy-list", *lists, "config=Cedar.yaml", "--dry-run", "--json").document
    subprocess.run(["git", "apply"], cwd=empty_desk.root, input=document["diff"].encode(), check=True)
    assert [file.read_text() for file in lists] == ["Birch.yaml\nCedar.yaml\n"] * 2


def test_check_writes_nothing_and_ends_with_1_while_something_would_change(
    empty_desk: Desk, lists: tuple[Path, Path]
) -> None:
    words = ("run", "accuracy-list", *lists, "config=Cedar.yaml")
    before = snapshot(empty_desk.root)
    answer = empty_desk.call(*words, "--check")
    assert (answer.code, answer.stdout) == (1, "".join(f"would change: {file}\n" for file in lists))
    assert snapshot(empty_desk.root) == before
    assert empty_desk.call(*words).code == 0
    answer = empty_desk.call(*words, "--check", "--json")
    assert (answer.code, answer.document["changed"], answer.document["diff"]) == (0, False, "")


def test_the_diff_is_shown_of_what_is_written_and_of_what_would_be(empty_desk: Desk, lists: tuple[Path, Path]) -> None:
    words = ("run", "accuracy-list", lists[0], "config=Cedar.yaml")
    assert "+Cedar.yaml" in empty_desk.call(*words, "--dry-run").stdout
    assert "+Cedar.yaml" in empty_desk.call(*words, "--check", "--diff").stdout
    document = empty_desk.call(*words, "--diff", "--json").document
    assert (document["changed"], document["written"], document["dry_run"]) == (True, True, False)
    assert "+Cedar.yaml" in document["diff"]
    assert empty_desk.call(*words, "--diff").stdout == "nothing to change\n"


def test_a_refusal_is_one_line_that_names_the_file_and_nothing_is_written(
    empty_desk: Desk, lists: tuple[Path, Path]
) -> None:
    registry = empty_desk.root / "registry.py"
    registry.write_text("x = 1\n")
    before = snapshot(empty_desk.root)
    words = ("architecture=CedarForCausalLM", "module=cedar", "class_name=CedarForCausalLM")
    answer = empty_desk.call("run", "vllm-registry-entry", registry, *words)
    (line,) = answer.stderr.splitlines()
    assert answer.code == 2
    assert line.startswith(f"error: {registry}: ")
    lists[1].write_text("Birch.yaml\n\udcff", errors="surrogateescape")
    answer = empty_desk.call("run", "accuracy-list", *lists, "config=Cedar.yaml")
    (line,) = answer.stderr.splitlines()
    assert (answer.code, str(lists[1]) in line, "not UTF-8" in line) == (2, True, True)
    lists[1].write_text("Birch.yaml\n")
    assert snapshot(empty_desk.root) == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("config=Cedar.yaml",), "no source tree and no file"),
        ((LIST,), "accuracy.txt is not there; expected a source tree, a file of one, or name=value"),
        ((".", "config=a.yaml", "config=b.yaml"), "config is given twice"),
        ((".", "colour=red", "config=a.yaml"), "unknown: colour"),
    ],
)
def test_a_wrong_call_ends_with_2_and_says_why(
    empty_desk: Desk, lists: tuple[Path, Path], words: tuple[str, ...], says: str
) -> None:
    answer = empty_desk.call("run", "accuracy-list", *words)
    assert answer.code == 2
    assert says in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_what_has_no_entries_replaces_none(empty_desk: Desk) -> None:
    answer = empty_desk.call("run", "ascend-patch-import", ".", "module=patch_nova", "--replace")
    assert answer.code == 2
    assert "no such argument" in answer.stderr


def test_a_file_that_is_called_like_an_argument_is_a_file_unless_the_codemod_has_such_an_argument(
    lists: tuple[Path, Path],
) -> None:
    (codemod,) = (codemod for codemod in CODEMODS if codemod.name == "accuracy-list")
    for name in ("x=1", "config=1"):
        Path(name).touch()
    assert sort_words(codemod, ["x=1", "config=1"]) == ([Path("x=1")], {"config": "1"})
    with pytest.raises(UsageError, match="no source tree"):
        sort_words(codemod, ["config=1"])


def test_a_run_imports_no_more_than_an_edit_takes(lists: tuple[Path, Path]) -> None:
    """Half of what the command once took went into libraries that it had no use for."""
    program = (
        "import atexit, sys; from scaffold.cli import main; "
        "atexit.register(lambda: print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)); "
        "main()"
    )
    words = ["run", "accuracy-list", str(lists[0]), "config=Cedar.yaml", "--diff"]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "codemods" in loaded
    assert not loaded & {"libcst", "cattrs", "rich", "numpy", "jinja2", "yaml", "httpx", "psutil", "subprocess"}


def completions(*words: str) -> list[str]:
    """Return what bash is offered for the last word, which stands there in part."""
    asked = {"_SCAFFOLD_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    program = "import sys; sys.argv[0] = 'scaffold'; from scaffold.cli import main; main()"
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


def test_the_shell_completes_commands_names_and_arguments() -> None:
    assert completions("scaffold", "ru") == ["plain,run"]
    assert completions("scaffold", "run", "accuracy") == ["plain,accuracy-list"]
    assert completions("scaffold", "run", "accuracy-list", "c") == ["file,c", "plain,config="]
