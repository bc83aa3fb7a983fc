"""Pages and hooks say what the codemods' own files say, and a hook does what pre-commit asks of it."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

from codemods import CODEMODS, RECIPES, Example
from codemods.pages import FOLDER, HOOKS, all_files
from tests.lab.commands import git_commit_all
from tests.rows import each
from tests.sampled import costly

ROOT = Path(__file__).parents[2]
FILES = all_files()


@each("path", FILES, ids=str)
def test_each_page_is_what_the_codemods_own_file_says(path):
    assert (ROOT / path).is_file(), "run: make codemod-pages"
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path], "run: make codemod-pages"


def test_there_is_a_page_of_each_codemod_and_recipe_and_no_other_one():
    names = {found.name for found in (*CODEMODS, *RECIPES)}
    assert {path.stem for path in (ROOT / FOLDER).glob("*.md")} == names | {"README"}


def test_a_page_shows_arguments_an_edit_and_a_refusal():
    page = FILES[FOLDER / "accuracy-list.md"]
    assert "$ scaffold run accuracy-list /src/vllm-ascend config=…\n" in page
    assert "\n+Cedar" in page
    assert "## Refused\n" in page


HOOK = {hook["id"]: hook for hook in yaml.safe_load((ROOT / HOOKS).read_text(encoding="utf-8"))}


def test_there_is_a_hook_for_each_codemod_of_a_file_that_is_there():
    found = [codemod for codemod in CODEMODS if codemod.edits_alone]
    assert list(HOOK) == [codemod.name for codemod in found]
    for codemod in found:
        if "files" in HOOK[codemod.name]:
            assert all(re.search(HOOK[codemod.name]["files"], target) for target in codemod.targets)
        else:  # which file it is depends on the arguments: the hook is given the tree
            assert HOOK[codemod.name]["entry"].endswith(" .")


@costly
def test_a_hook_edits_the_files_that_it_is_given_and_the_next_time_leaves_them(tmp_path):
    """As pre-commit calls it: the entry's words, the arguments, the names of the files; a change fails the commit."""
    (codemod,) = (codemod for codemod in CODEMODS if codemod.name == "accuracy-list")
    example = next(example for example in codemod.examples if isinstance(example, Example))
    file = tmp_path / codemod.targets[0]
    file.parent.mkdir(parents=True)
    file.write_text(example.before)
    git_commit_all(tmp_path, "tree")
    program, *entry = shlex.split(HOOK[codemod.name]["entry"])
    assert program == "scaffold"
    words = [*entry, *(f"{name}={value}" for name, value in example.arguments.items()), codemod.targets[0]]
    command = [sys.executable, "-c", "from scaffold.cli import main; main()", *words]

    def changed():
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        status = ["git", "status", "--porcelain", "-uall"]
        return subprocess.run(status, cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    assert changed() == f" M {codemod.targets[0]}\n"
    assert file.read_text() == example.after
    git_commit_all(tmp_path, "edited")
    assert changed() == ""
