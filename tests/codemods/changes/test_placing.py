"""What is no content of a file stays: permissions, owner, hard links, attributes; read-only files are refused."""

import os
import stat
import subprocess

import pytest

from codemods import ChangeSet, Refusal, apply, run, undo
from codemods.changes.disk import Disk
from tests.lab.commands import git_commit_all
from tests.snapshots import snapshot


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.txt").write_text("a\n")
    return root


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def shout(tree, name="a.txt"):
    return ChangeSet((tree,)).edit(tree / name, str.upper)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755, 0o4755, 0o666])
def test_permissions_stay(tree, journal, mode):
    (tree / "a.txt").chmod(mode)
    for act in (lambda: apply(shout(tree), journal), lambda: undo(journal)):
        act()
        assert stat.S_IMODE((tree / "a.txt").stat().st_mode) == mode


def test_hard_links_stay_links_and_undo_leaves_them_so(tree, journal):
    (tree / "b.txt").hardlink_to(tree / "a.txt")
    for act, text in ((lambda: apply(shout(tree), journal), "A\n"), (lambda: undo(journal), "a\n")):
        act()
        assert (tree / "b.txt").read_text() == text
        assert (tree / "b.txt").samefile(tree / "a.txt")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_stays(tree, journal):
    os.chown(tree / "a.txt", 1234, 4321)
    (tree / "a.txt").chmod(0o4750)
    for act in (lambda: apply(shout(tree), journal), lambda: undo(journal)):
        act()
        state = (tree / "a.txt").stat()
        assert (state.st_uid, state.st_gid, stat.S_IMODE(state.st_mode)) == (1234, 4321, 0o4750)


def test_a_file_that_was_removed_comes_back_with_its_permissions_and_owner(tree, journal):
    if os.geteuid() == 0:
        os.chown(tree / "a.txt", 1234, 4321)
    (tree / "a.txt").chmod(0o750)
    before, state = snapshot(tree), (tree / "a.txt").stat()
    changes = ChangeSet((tree,)).remove(tree / "a.txt").remove(tree / "none.txt")
    assert changes.paths == (tree / "a.txt",)
    apply(changes, journal)
    assert not list(tree.iterdir())
    undo(journal)
    assert snapshot(tree) == before
    assert ((tree / "a.txt").stat().st_uid, (tree / "a.txt").stat().st_gid) == (state.st_uid, state.st_gid)


def test_extended_attributes_stay(tree, journal):
    try:
        os.setxattr(tree / "a.txt", "user.note", b"mine")
    except (OSError, AttributeError):
        pytest.skip("this file system has no extended attributes")
    for act in (lambda: apply(shout(tree), journal), lambda: undo(journal)):
        act()
        assert os.getxattr(tree / "a.txt", "user.note") == b"mine"


@pytest.mark.parametrize("mode", [0o444, 0o555])
def test_a_read_only_file_is_refused_by_its_name_with_nothing_written(tree, journal, mode):
    (tree / "b.txt").write_text("b\n")
    (tree / "b.txt").chmod(mode)
    before = snapshot(tree)
    with pytest.raises(Refusal, match=rf"{tree}/b\.txt: the file is read-only; .* chmod u\+w {tree}/b\.txt"):
        apply(shout(tree).edit(tree / "b.txt", str.upper), journal)
    assert snapshot(tree) == before


class FullDisk(Disk):
    def write(self, path, *arguments):
        if path.name.endswith(".tmp") and path.parent.name == "tree":
            raise OSError(28, "No space left on device", str(path))
        super().write(path, *arguments)


def test_an_error_of_the_disk_names_the_file_and_no_temporary_one(tree, journal):
    with pytest.raises(Refusal) as refused:
        apply(shout(tree), journal, disk=FullDisk())
    assert refused.value.where == str(tree / "a.txt")
    assert "No space left" in refused.value.found


class CutOffError(Exception):
    pass


class OverwritingHalf(Disk):
    """Dies in the middle of an overwritten file, and writes nothing more."""

    def overwrite(self, path, content):
        super().overwrite(path, content[: len(content) // 2])
        raise CutOffError


def test_a_half_written_file_is_undone_and_a_persons_edit_of_it_is_not(tree, journal):
    (tree / "a.txt").write_text("one two three\n")
    (tree / "b.txt").hardlink_to(tree / "a.txt")
    changes, dying = shout(tree), OverwritingHalf()
    with pytest.raises(CutOffError):  # taking it back at once dies in the same way
        apply(changes, journal, disk=dying)
    assert (tree / "a.txt").read_text() == "one two"
    (tree / "a.txt").write_text("mine")
    with pytest.raises(Refusal, match=r"a\.txt: the file was edited since"):
        undo(journal)
    (tree / "a.txt").write_text("ONE TW")  # a part of what the run writes
    undo(journal)
    assert (tree / "a.txt").read_text() == "one two three\n"
    assert (tree / "b.txt").samefile(tree / "a.txt")


def test_a_finished_run_takes_no_part_of_a_file_for_its_own(tree, journal):
    (tree / "b.txt").hardlink_to(tree / "a.txt")
    apply(shout(tree), journal)
    (tree / "a.txt").write_text("")  # a person emptied it
    with pytest.raises(Refusal, match=r"a\.txt: the file was edited since"):
        undo(journal)


def test_nothing_of_ours_shows_in_git_status(tmp_path, monkeypatch):
    config = tmp_path / "tests/e2e/models/configs/accuracy.txt"
    config.parent.mkdir(parents=True)
    config.write_text("Birch.yaml\n")
    git_commit_all(tmp_path, "tree")
    monkeypatch.chdir(tmp_path)
    run("accuracy-list", tmp_path, config="Cedar.yaml")
    run("accuracy-list", tmp_path, journal=tmp_path / "elsewhere/remembered", config="Yew.yaml")
    assert (tmp_path / ".scaffold/journal/state.json").exists()
    status = subprocess.run(["git", "status", "--porcelain", "-uall"], capture_output=True, text=True, check=True)
    assert status.stdout == " M tests/e2e/models/configs/accuracy.txt\n"
