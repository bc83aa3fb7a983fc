"""The examples of the codemods are their tests."""

import subprocess
import sys

import pytest

from codemods import (
    CODEMODS,
    Codemod,
    Example,
    Refusal,
    RefusedExample,
    find_codemod,
    libcst_commands,
    target_file,
)
from tests.rows import each
from tests.sampled import costly

EXAMPLES = [(c, e) for c in CODEMODS for e in c.examples if isinstance(e, Example)]
REFUSED = [(c, e) for c in CODEMODS for e in c.examples if isinstance(e, RefusedExample)]


def _ids(cases):
    return [f"{codemod.name}-{number}" for number, (codemod, _) in enumerate(cases)]


@each(("codemod", "example"), EXAMPLES, ids=_ids(EXAMPLES))
def test_an_example_becomes_what_it_says_and_stays_so(codemod: Codemod, example: Example):
    after = codemod.run(example.before, example.arguments)
    assert after == example.after
    assert codemod.run(after, example.arguments) == after


@each(("codemod", "example"), REFUSED, ids=_ids(REFUSED))
def test_a_refused_example_is_refused_for_its_reason(codemod: Codemod, example: RefusedExample):
    with pytest.raises(Refusal) as refusal:
        codemod.run(example.before, example.arguments)
    assert example.because in str(refusal.value)


EDITS = [(c, e) for c, e in EXAMPLES if not c.creates]


@each(("codemod", "example"), EDITS, ids=_ids(EDITS))
def test_line_ends_of_the_file_are_kept(codemod: Codemod, example: Example):
    before, after = (t.replace("\r\n", "\n").replace("\n", "\r\n") for t in (example.before, example.after))
    if "\r\n" in before:
        assert codemod.run(before, example.arguments) == after


@each("codemod", CODEMODS, ids=lambda codemod: codemod.name)
def test_each_codemod_shows_an_edit_and_a_refusal_and_explains_its_arguments(codemod: Codemod):
    kinds = {type(example) for example in codemod.examples}
    assert kinds == {Example, RefusedExample}
    for example in codemod.examples:
        assert set(example.arguments) <= {parameter.name for parameter in codemod.parameters}


def test_missing_and_unknown_arguments_are_named():
    with pytest.raises(Refusal, match=r"unknown: colour; missing: config"):
        find_codemod("accuracy-list").run("", {"colour": "red"})


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(Refusal, match="accuracy-list"):
        find_codemod("accurate-list")


def test_the_target_file_is_the_first_place_that_exists(tmp_path):
    old = tmp_path / "docs/source/tutorials/index.md"
    old.parent.mkdir(parents=True)
    old.touch()
    codemod = find_codemod("toctree-entry")
    assert target_file(codemod, tmp_path, {"page": "A.md"}) == old
    with pytest.raises(Refusal, match=r"expected mkdocs\.yml"):
        target_file(find_codemod("mkdocs-nav-entry"), tmp_path, {"page": "A.md"})


def test_a_target_may_depend_on_an_argument(tmp_path):
    path = tmp_path / "vllm_ascend/patch/platform/__init__.py"
    path.parent.mkdir(parents=True)
    path.touch()
    arguments = {"module": "patch_x", "kind": "platform"}
    assert target_file(find_codemod("ascend-patch-import"), tmp_path, arguments) == path


def test_each_codemod_that_edits_python_is_a_command_for_libcsts_own_tool():
    commands = {
        "VllmRegistryEntry",
        "VllmTestRegistryEntry",
        "AscendModelRegistration",
        "AscendPatchImport",
        "NavTitle",
    }
    for name in commands:
        assert getattr(libcst_commands, name) is getattr(libcst_commands, name)
    for name in ("AccuracyList", "AscendWorkerPatch", "MkdocsNavEntry", "Codemod"):
        assert not hasattr(libcst_commands, name)


@costly
def test_a_codemod_runs_through_libcsts_own_tool(tmp_path):
    codemod = find_codemod("vllm-registry-entry")
    example = next(e for e in codemod.examples if isinstance(e, Example))
    file, other = tmp_path / "registry.py", tmp_path / "other.py"
    file.write_text(f"\ufeff{example.before}")
    other.write_text("x = 1\n")
    arguments = [f"--{name.replace('_', '-')}={v}" for name, v in example.arguments.items()]
    command = ["-m", "libcst.tool", "codemod", "--no-format", "-j1", "-x"]
    command += ["codemods.libcst_commands.VllmRegistryEntry", *arguments, str(file), str(other)]
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True)
    assert file.read_text() == f"\ufeff{example.after}"
    assert "Traceback" not in done.stderr
    assert f"Skipped codemodding {other}: {other}: " in done.stderr  # a refusal is one line
