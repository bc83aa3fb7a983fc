"""Undo of files that somebody edited since: the run's own lines go, the edits stay, or the lines are named."""

import itertools
import stat
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemods import ChangeSet, Refusal, apply, run, undo
from codemods.changes.journal_files import read_state
from codemods.changes.reversing import without_run
from tests.codemods.changes.test_journal import IN_MEMORY, Crash, CrashingDisk
from tests.drawn import examples

REGISTRY = """\
_TEXT_GENERATION_MODELS = {
    "AlderForCausalLM": ("alder", "AlderForCausalLM"),
    "BirchForCausalLM": ("birch", "BirchForCausalLM"),
    "ElmForCausalLM": ("elm", "ElmForCausalLM"),
    "OakForCausalLM": ("oak", "OakForCausalLM"),
    "WillowForCausalLM": ("willow", "WillowForCausalLM"),
}
"""
CEDAR = {"architecture": "CedarForCausalLM", "module": "cedar", "class_name": "CedarForCausalLM"}
ENTRY = '    "CedarForCausalLM": ("cedar", "CedarForCausalLM"),\n'
PINE = '    "PineForCausalLM": ("pine", "PineForCausalLM"),\n'


@pytest.fixture
def registry(tmp_path):
    file = tmp_path / "tree/vllm/model_executor/models/registry.py"
    file.parent.mkdir(parents=True)
    file.write_text(REGISTRY)
    return file


def registered(registry, journal):
    run("vllm-registry-entry", registry.parents[3], journal=journal, **CEDAR)
    assert ENTRY in registry.read_text()


def test_lines_that_somebody_added_elsewhere_stay(registry, tmp_path):
    registered(registry, tmp_path)
    registry.chmod(0o640)
    registry.write_text(registry.read_text().replace('    "Willow', PINE + '    "Willow'))
    taken_back = undo(tmp_path)
    assert registry.read_text() == REGISTRY.replace('    "Willow', PINE + '    "Willow')
    assert stat.S_IMODE(registry.stat().st_mode) == 0o640
    assert [change.keeps_edits for change in taken_back.changes] == [True]
    assert read_state(tmp_path).undoable == []


@pytest.mark.parametrize("other", ["Cedar2ForCausalLM", "CecropiaForCausalLM", "BirdsForCausalLM"])
def test_neighbours_of_what_the_run_added_stay(registry, tmp_path, other):
    registered(registry, tmp_path)
    line = f'    "{other}": ("other", "{other}"),\n'
    with_other = ENTRY + line if other > "CedarF" or other == "Cedar2ForCausalLM" else line + ENTRY
    registry.write_text(registry.read_text().replace(ENTRY, with_other))
    undo(tmp_path)
    assert registry.read_text() == REGISTRY.replace('    "Elm', line + '    "Elm')


def test_what_was_put_under_a_condition_of_the_runs_is_not_left_without_it(tmp_path):
    file = tmp_path / "tree/a.py"
    file.parent.mkdir()
    file.write_text("if a:\n    b = 1\nc = 2\n")
    apply(ChangeSet((file.parent,)).edit(file, lambda text: text.replace("c =", "if d:\n    e = 1\nc =")), tmp_path)
    edited = file.read_text().replace("    e = 1\n", "    e = 1\n    mine = 3\n")
    file.write_text(edited)
    with pytest.raises(Refusal, match="are not as the run wrote them, or touch its own"):
        undo(tmp_path)
    assert file.read_text() == edited


def test_runs_of_two_work_directories_are_taken_back_in_any_order(registry, tmp_path):
    registered(registry, tmp_path / "first")
    pine = {"architecture": "PineForCausalLM", "module": "pine", "class_name": "PineForCausalLM"}
    run("vllm-registry-entry", registry.parents[3], journal=tmp_path / "second", **pine)
    undo(tmp_path / "first")
    assert registry.read_text() == REGISTRY.replace('    "Willow', PINE + '    "Willow')
    undo(tmp_path / "second")
    assert registry.read_text() == REGISTRY


def test_lines_that_touch_the_runs_own_are_named_and_nothing_is_restored(registry, tmp_path):
    registered(registry, tmp_path)
    edited = registry.read_text().replace('("cedar", ', '("cedrus", ')
    registry.write_text(edited)
    with pytest.raises(Refusal) as refused:
        undo(tmp_path)
    assert 'lines 4 to 4 are not as the run wrote them, or touch its own: `"CedarForC' in refused.value.found
    assert refused.value.where == str(registry)
    assert registry.read_text() == edited
    registry.write_text(REGISTRY)
    assert undo(tmp_path).is_empty


def test_what_would_leave_no_python_is_refused(tmp_path):
    file = tmp_path / "tree/a.py"
    file.parent.mkdir()
    file.write_text("1,\n2,\n3\n")
    apply(ChangeSet((file.parent,)).edit(file, lambda text: f"[\n{text}]\n"), tmp_path)
    file.write_text(file.read_text().replace("2,", "2 +"))
    with pytest.raises(Refusal, match="the rest is no Python"):
        undo(tmp_path)


@pytest.mark.parametrize("is_removed", [False, True])
def test_files_that_were_made_or_removed_as_a_whole_are_refused(tmp_path, is_removed):
    tree, file = tmp_path / "tree", tmp_path / "tree/a.txt"
    tree.mkdir()
    if is_removed:
        file.write_text("old\n")
    changes = ChangeSet((tree,))
    apply(changes.remove(file) if is_removed else changes.create(file, "new\n"), tmp_path)
    file.write_text("mine\n")
    with pytest.raises(Refusal, match="made or removed as a whole"):
        undo(tmp_path)
    assert file.read_text() == "mine\n"


LINES = st.lists(st.integers(0, 999), min_size=7, max_size=14, unique=True)
NEW = st.lists(st.sampled_from("pqrs"), max_size=3)


@examples(25)
@given(LINES, st.integers(0, 2), NEW, st.integers(0, 2), NEW, st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_an_edit_of_other_lines_is_the_same_with_and_without_the_run(lines, gone, new, gone_too, also, is_first, end):
    """Each of the two replaces a few lines by a few others, at least one untouched line from the other."""
    begin, middle = 1, 3 + gone
    runs, persons = (
        (begin, gone, [f"run {word}" for word in new]),
        (middle, gone_too, [f"mine {word}" for word in also]),
    )
    if not is_first:
        runs, persons = (middle, gone_too, runs[2]), (begin, gone, persons[2])

    def text(*edits):
        result = [f"line {number}" for number in lines]
        for at, count, replaced in sorted(edits, reverse=True):
            result[at : at + count] = replaced
        return "".join(f"{line}{end}" for line in result).encode()

    found = without_run(text(runs, persons), text(runs), text(), Path("a.txt"))
    assert found == text(persons)


@pytest.mark.parametrize(("part", "is_linked"), [("before", False), ("within", True)])
def test_an_undo_that_keeps_edits_and_crashes_anywhere_is_finished_by_the_next(part, is_linked):
    for step in itertools.count():
        with TemporaryDirectory(dir=IN_MEMORY) as directory:
            tree, journal = Path(directory, "tree"), Path(directory, "journal")
            tree.mkdir()
            file, other = tree / "a.txt", tree / "b.txt"
            file.write_text("".join(f"{n}\n" for n in range(8)))
            other.write_text("b\n")
            if is_linked:  # such a file is overwritten, and may be half-written
                (tree / "c.txt").hardlink_to(file)
            apply(ChangeSet((tree,)).edit(other, str.upper).edit(file, lambda text: f"new\n{text}"), journal)
            file.write_text(file.read_text() + "mine\n")
            with suppress(Crash):
                undo(journal, disk=CrashingDisk(step, part=part))
                break
            if read_state(journal).undoable:
                undo(journal)
            assert (file.read_text(), other.read_text()) == ("".join(f"{n}\n" for n in range(8)) + "mine\n", "b\n")
    assert step > 5


NAMES = st.lists(st.sampled_from(["Cedar", "Cedar2", "Bay", "Fig", "Pine", "Yew"]), min_size=2, max_size=4, unique=True)


@examples(12)
@given(NAMES, st.randoms(use_true_random=False), st.sampled_from(["\n", "\r\n"]))
def test_runs_that_are_taken_back_in_whatever_order_leave_the_file_as_it_was(names, chance, end):
    """Of as many work directories as runs; entries that stand beside each other are no hindrance."""
    with TemporaryDirectory(dir=IN_MEMORY) as directory:
        tree = Path(directory, "tree")
        file = tree / "vllm/model_executor/models/registry.py"
        file.parent.mkdir(parents=True)
        file.write_bytes(REGISTRY.replace("\n", end).encode())
        for name in names:
            words = {"architecture": f"{name}ForCausalLM", "module": name.lower(), "class_name": name}
            assert run("vllm-registry-entry", tree, journal=Path(directory, name), **words).is_written
        chance.shuffle(names)
        for name in names:
            undo(Path(directory, name))
        assert file.read_bytes() == REGISTRY.replace("\n", end).encode()


def test_a_file_that_git_takes_for_a_binary_one_is_refused():
    with pytest.raises(Refusal, match=r"since the run that wrote it, and git cannot merge it .*no file was restored"):
        without_run(b"a\x00b\n", b"b\n", b"c\n", Path("weights.bin"))
