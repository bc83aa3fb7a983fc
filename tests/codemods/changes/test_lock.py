"""Runs at the same time on one tree, each with a work directory of its own: nothing is lost."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from codemods import ChangeSet, Outdated, Refusal, apply, run, undo
from codemods.changes.lock import locked, places_to_lock
from tests.sampled import costly

LIST = "tests/e2e/models/configs/accuracy.txt"


def make_tree(folder):
    root = folder / "tree"
    (root / LIST).parent.mkdir(parents=True)
    (root / LIST).write_text("Birch.yaml\n")
    return root


@pytest.fixture
def tree(tmp_path):
    return make_tree(tmp_path)


def lines(tree):
    return sorted((tree / LIST).read_text().split())


PAIRS = """
import os, sys
from codemods import find, run
find("accuracy-list")  # imported once, before the processes part
tree, file, work = sys.argv[1:]
for number in range(12):
    read, write = os.pipe()
    pair = []
    for name, place in (("a", tree), ("b", file)):
        process = os.fork()
        if not process:
            os.close(write)
            os.read(read, 1)  # until the pipe is closed: both start at the same moment
            run("accuracy-list", place, journal=f"{work}/{name}", config=f"{name}-{number}.yaml")
            os._exit(0)
        pair.append(process)
    os.close(read), os.close(write)
    assert [os.waitpid(process, 0)[1] for process in pair] == [0, 0]
"""


@costly
def test_pairs_of_processes_lose_nothing_whatever_their_work_directory_and_root_is(memory):
    """Twelve pairs: one process is given the tree, the other one the file, each with a work directory of its own."""
    tree = make_tree(memory)
    subprocess.run([sys.executable, "-c", PAIRS, tree, tree / LIST, memory], check=True)
    names = [f"{name}-{number}.yaml" for name in "ab" for number in range(12)]
    assert lines(tree) == sorted(["Birch.yaml", *names])


def test_commands_at_the_same_time_lose_nothing(tree, tmp_path):
    words = [sys.executable, "-c", "from scaffold.cli import main; main()", "run", "accuracy-list", tree]
    running = []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        running.append(subprocess.Popen([*words, f"config={number}.yaml", "--work", tmp_path / str(number), "--quiet"]))
    assert [process.wait() for process in running] == [0, 0]
    assert lines(tree) == ["0.yaml", "1.yaml", "Birch.yaml"]


def test_a_change_set_made_before_another_runs_write_is_refused_and_told_apart(tree, tmp_path):
    changes = ChangeSet((tree,)).edit(tree / LIST, str.upper)
    run("accuracy-list", tree, journal=tmp_path / "other", config="Cedar.yaml")
    with pytest.raises(Outdated, match="changed since"):
        apply(changes, tmp_path / "journal")
    assert lines(tree) == ["Birch.yaml", "Cedar.yaml"]


def test_undo_waits_for_a_run_with_another_journal(tree, tmp_path):
    run("accuracy-list", tree, journal=tmp_path / "journal", config="Cedar.yaml")
    with ThreadPoolExecutor(1) as pool:
        with locked([tree]):
            undoing = pool.submit(undo, tmp_path / "journal")
            wait([undoing], timeout=0.2)
            assert not undoing.done()
            assert lines(tree) == ["Birch.yaml", "Cedar.yaml"]
        undoing.result(timeout=300)
    assert lines(tree) == ["Birch.yaml"]


def test_a_run_that_does_not_end_is_waited_for_only_so_long(tree):
    with locked([tree]), pytest.raises(Refusal, match="another run is writing right now"), locked([tree], wait=0):
        pass


def test_one_directory_under_two_names_is_locked_once(tree, tmp_path):
    (tmp_path / "link").symlink_to(tree)
    twice = [tree, tree, tmp_path / "link"]
    with locked(twice, wait=0), pytest.raises(Refusal, match="another run is writing"), locked([tree], wait=0):
        pass
    with locked([tmp_path / "link"], wait=0):  # free again, under either name
        assert tree.is_dir()


@pytest.mark.parametrize(
    ("file", "places"),
    [
        ("vllm/a.py", {"", "vllm"}),
        ("vllm/new/deep/a.py", {"", "vllm"}),  # the nearest directory that is there
        ("a.py", {""}),
    ],
)
def test_the_top_of_the_tree_and_the_files_own_directory_are_locked(tmp_path, file, places):
    (tmp_path / "vllm").mkdir()
    wanted = {tmp_path / place for place in places}
    assert places_to_lock([tmp_path / file], [tmp_path]) == wanted
    (tmp_path / ".git").mkdir()
    assert places_to_lock([tmp_path / file], [tmp_path / "vllm"]) == wanted
