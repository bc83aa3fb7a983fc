import os
import subprocess

import pytest

from codemods import Change, ChangeSet, Refusal
from codemods.changes.digest import sha256


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a.txt").write_text("one\ntwo\n")
    return root


def test_edits_stack_on_one_another_and_write_nothing(tree):
    path = tree / "a.txt"
    changes = ChangeSet((tree,)).edit(path, str.upper).edit(path, lambda t: t + "THREE\n")
    assert changes.changes == (Change(path, b"one\ntwo\n", b"ONE\nTWO\nTHREE\n"),)
    assert changes.read(path) == "ONE\nTWO\nTHREE\n"
    assert path.read_text() == "one\ntwo\n"


def test_a_created_file_can_be_edited(tree):
    changes = ChangeSet((tree,)).create(tree / "b.txt", "b").edit(tree / "b.txt", str.upper)
    assert changes.changes == (Change(tree / "b.txt", None, b"B"),)


def test_an_edit_that_changes_nothing_is_no_change(tree):
    path = tree / "a.txt"
    assert ChangeSet((tree,)).edit(path, str).is_empty
    assert ChangeSet((tree,)).edit(path, str.upper).edit(path, str.lower).is_empty


def test_creating_a_file_that_has_the_same_bytes_is_no_change(tree):
    assert ChangeSet((tree,)).create(tree / "a.txt", "one\ntwo\n").is_empty


def test_a_file_with_other_bytes_is_replaced_only_if_the_tool_wrote_it(tree):
    path, written = tree / "a.txt", sha256(b"one\ntwo\n")
    with pytest.raises(Refusal, match="other content"):
        ChangeSet((tree,)).create(path, "new")
    with pytest.raises(Refusal, match="other content"):
        ChangeSet((tree,)).create(path, "new", generated=sha256(b"else"))
    assert ChangeSet((tree,)).create(path, "new", generated=written).read(path) == "new"


def test_a_set_is_not_changed_by_what_is_added_to_it(tree):
    empty = ChangeSet((tree,))
    empty.create(tree / "b.txt", "b")
    assert empty.is_empty


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda tree: tree / "../out.txt", "outside the source trees"),
        (lambda tree: tree / "link/out.txt", "outside the source trees"),
        (lambda tree: tree / "loop", "cannot be resolved|regular"),
        (lambda tree: tree / "directory", "a directory is at the file's path"),
        (lambda tree: tree / "pipe", "not a regular file"),
        (lambda tree: tree / "a.txt/b.txt", "cannot be read"),
        (lambda tree: tree / "nul\0.txt", "cannot be resolved"),
    ],
)
def test_what_is_no_file_of_the_tree_is_refused(tree, make, message):
    (tree / "directory").mkdir()
    (tree / "link").symlink_to(tree.parent)
    (tree / "loop").symlink_to(tree / "loop")
    os.mkfifo(tree / "pipe")
    with pytest.raises(Refusal, match=message):
        ChangeSet((tree,)).create(make(tree), "text")


def test_a_link_inside_of_the_tree_is_the_file_that_it_leads_to(tree):
    (tree / "link.txt").symlink_to(tree / "a.txt")
    changes = ChangeSet((tree,)).edit(tree / "link.txt", str.upper)
    assert changes.edit(tree / "a.txt", str.lower).is_empty
    assert changes.paths == (tree / "a.txt",)


def test_editing_what_is_not_there_or_no_text_is_refused(tree):
    (tree / "bytes").write_bytes(b"ab\xff")
    with pytest.raises(Refusal, match="no such file"):
        ChangeSet((tree,)).edit(tree / "none.txt", str)
    with pytest.raises(Refusal, match="byte 2 is not UTF-8"):
        ChangeSet((tree,)).edit(tree / "bytes", str)


def test_the_digest_depends_on_content_and_not_on_place_or_order(tmp_path):
    digests = []
    for name, files in (("x", "ab"), ("y", "ba"), ("z", "bc")):
        root = tmp_path / name
        root.mkdir()
        changes = ChangeSet((root,))
        for file in files:
            changes = changes.create(root / file, file)
        digests.append(changes.digest())
    assert digests[0] == digests[1] != digests[2]


CONTENTS = [
    ("one\ntwo\n", "one\n2\n"),
    ("no end", "no end\nmore"),
    ("end\n", "end"),
    ("", "text\n"),
    ("text\n", ""),
    (None, "new\n"),
    (None, "new, no end"),
    ("form\x0cfeed\n\u2028x\n", "form\x0cfeed\n\u2028y\n"),
    ("a\r\nb\r\n", "a\r\nc\r\n"),
    (
        "".join(f"{n}\n" for n in range(50)),
        "".join(f"{n}\n" for n in range(50) if n not in (3, 40)),
    ),
]


@pytest.mark.parametrize("name", ["file.txt", "folder/with space/ä.txt", 'quo"te\\\tx'])
@pytest.mark.parametrize("tool", ["git apply", "patch -p1 -s"])
@pytest.mark.parametrize(("before", "after"), CONTENTS)
def test_the_diff_applies(tmp_path, name, tool, before, after):
    if tool.startswith("patch") and (name.startswith("quo") or after == "" or before == ""):
        pytest.skip("GNU patch reads such names and empty files in its own way")
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if before is not None:
        path.write_bytes(before.encode())
        changes = ChangeSet((tmp_path,)).edit(path, lambda _: after)
    else:
        changes = ChangeSet((tmp_path,)).create(path, after)
    diff = changes.diff({"": tmp_path})
    subprocess.run(tool.split(), cwd=tmp_path, input=diff.encode(), check=True)
    assert path.read_bytes() == after.encode()


def test_the_diff_shows_creations_edits_and_labels(tree):
    changes = ChangeSet((tree,)).edit(tree / "a.txt", lambda t: t + "three")
    assert changes.create(tree / "b.txt", "b\n").diff({"vllm": tree}) == (
        "diff --git a/vllm/a.txt b/vllm/a.txt\n"
        "--- a/vllm/a.txt\n"
        "+++ b/vllm/a.txt\n"
        "@@ -1,2 +1,3 @@\n"
        " one\n"
        " two\n"
        "+three\n"
        "\\ No newline at end of file\n"
        "diff --git a/vllm/b.txt b/vllm/b.txt\n"
        "new file mode 100644\n"
        "--- /dev/null\n"
        "+++ b/vllm/b.txt\n"
        "@@ -0,0 +1 @@\n"
        "+b\n"
    )
