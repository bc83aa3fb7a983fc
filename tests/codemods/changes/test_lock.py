"""Runs at the same time on one tree, each with a work directory of its own: nothing is lost."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import pytest

from codemods import ChangeSet, Outdated, Refusal, apply, run, undo
from codemods.changes.lock import locked, places_to_lock

LIST = "tests/e2e/models/configs/accuracy.txt"


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    (root / LIST).parent.mkdir(parents=True)
    (root / LIST).write_text("Birch.yaml\n")
    return root


def lines(tree):
    return sorted((tree / LIST).read_text().split())


def test_runs_at_the_same_time_lose_nothing_whatever_their_work_directory_and_root_is(tree, tmp_path):
    """Twelve pairs: one run is given the tree, the other one the file."""
    barrier = threading.Barrier(2)

    def add(number, place, name):
        barrier.wait()
        return run("accuracy-list", place, journal=tmp_path / name, config=f"{name}-{number}.yaml").is_written

    with ThreadPoolExecutor(2) as pool:
        for number in range(12):
            pair = [pool.submit(add, number, tree, "a"), pool.submit(add, number, tree / LIST, "b")]
            assert [future.result() for future in pair] == [True, True]
    names = [f"{name}-{number}.yaml" for name in "ab" for number in range(12)]
    assert lines(tree) == sorted(["Birch.yaml", *names])


def test_runs_in_processes_of_their_own_lose_nothing(tree, tmp_path):
    words = [
        sys.executable,
        "-c",
        "from scaffold.cli import main; main()",
        "codemod",
        "run",
        "accuracy-list",
        str(tree),
    ]
    running = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        running.append(subprocess.Popen([*words, f"config={number}.yaml", "--work", tmp_path / str(number), "--quiet"]))
    assert [process.wait() for process in running] == [0, 0, 0]
    assert lines(tree) == ["0.yaml", "1.yaml", "2.yaml", "Birch.yaml"]


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
        undoing.result(timeout=60)
    assert lines(tree) == ["Birch.yaml"]


def test_a_run_that_does_not_end_is_waited_for_only_so_long(tree):
    with locked([tree]), pytest.raises(Refusal, match="another run is writing at this moment"), locked([tree], wait=0):
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
