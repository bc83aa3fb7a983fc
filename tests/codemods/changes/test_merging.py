"""A generated file that a person edited: what is generated anew is merged into it."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codemods import ChangeSet, Codemod, Parameter, Refusal, apply, earlier_of, generated_text, run, undo
from codemods.catalog import FILES
from codemods.changes.digest import sha256
from codemods.changes.merging import Merged, merge
from tests.drawn import examples
from tests.lab.trees import vllm_tree

BEFORE = "".join(f"line {number}\n" for number in range(12))
MINE = BEFORE.replace("line 1\n", "line 1, mine\n")
NOW = BEFORE.replace("line 10\n", "line ten\n")
BOTH = MINE.replace("line 10\n", "line ten\n")
CLASH = BEFORE.replace("line 1\n", "line one\n")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "tree" / "new.py"


@pytest.fixture
def generate(tmp_path, file):
    """Generate a text as `new-model` does, with what the journal knows."""
    journal = tmp_path / "journal"
    file.parent.mkdir()

    def create(text, **options):
        changes = ChangeSet((file.parent,), earlier=earlier_of(journal, **options)).create(file, text)
        apply(changes, journal)
        return changes

    return create


def test_edits_of_both_sides_stand_together_and_the_next_time_too(generate, file):
    generate(BEFORE)
    file.write_text(MINE)
    assert generate(NOW).conflicts == ()
    assert file.read_text() == BOTH
    assert generate(NOW).is_empty  # the same again
    generate(NOW.replace("line 5\n", ""))
    assert file.read_text() == BOTH.replace("line 5\n", "")


def test_what_only_a_person_changed_stays(generate, file):
    generate(BEFORE)
    file.write_text(MINE)
    assert generate(BEFORE).is_empty
    assert file.read_text() == MINE


def test_a_conflict_is_marked_as_git_does_and_undo_brings_the_edit_back(generate, file, tmp_path):
    generate(BEFORE)
    file.write_text(MINE)
    assert generate(CLASH).conflicts == (file,)
    marked = "<<<<<<< as edited\nline 1, mine\n=======\nline one\n>>>>>>> as generated now\n"
    assert file.read_text() == BEFORE.replace("line 1\n", marked)
    undo(tmp_path / "journal")
    assert file.read_text() == MINE
    assert generated_text(tmp_path / "journal", file) == BEFORE


def test_force_replaces_the_edit(generate, file):
    generate(BEFORE)
    file.write_text(MINE)
    assert generate(CLASH, force=True).conflicts == ()
    assert file.read_text() == CLASH


def test_a_file_that_was_not_generated_or_of_which_no_copy_was_kept_is_refused(generate, file):
    file.write_text(MINE)
    for options in ({}, {"force": True}):
        with pytest.raises(Refusal, match="other content already exists"):
            generate(NOW, **options)
    with pytest.raises(Refusal, match="other content already exists"):
        ChangeSet((file.parent,)).create(file, NOW, generated=sha256(BEFORE.encode()))
    assert file.read_text() == MINE


def write_page(text, *, title):
    page = f"# {title}\n\nOne.\n\nTwo.\n\nThree.\n"
    if text not in ("", page):
        raise Refusal("other content", where="page.md", expected="nothing, or this page", remedy="move it away")
    return page


def test_what_a_codemod_makes_as_a_whole_is_merged_too(tmp_path, monkeypatch):
    title = (Parameter("title", "its title"),)
    codemod = Codemod("page", "write a page", "", "vllm", ("page.md",), title, write_page, (), creates=True)
    monkeypatch.setitem(FILES, "page", "page_codemod")
    monkeypatch.setitem(sys.modules, "page_codemod", SimpleNamespace(CODEMOD=replace(codemod, is_whole=True)))
    page, journal = tmp_path / "page.md", tmp_path / "journal"
    run("page", tmp_path, journal=journal, title="Alder")
    page.write_text(page.read_text() + "Mine.\n")
    assert not run("page", tmp_path, journal=journal, title="Alder").is_changed
    assert run("page", tmp_path, journal=journal, title="Birch").changes.conflicts == ()
    assert page.read_text() == write_page("", title="Birch") + "Mine.\n"
    page.write_text(page.read_text().replace("Birch", "My own"))
    assert run("page", tmp_path, journal=journal, title="Cedar").changes.conflicts == (page,)
    undo(journal)
    assert page.read_text() == write_page("", title="My own") + "Mine.\n"
    with pytest.raises(Refusal, match="other content"):
        run("page", tmp_path, journal=tmp_path / "other", title="Cedar", force=True)
    run("page", tmp_path, journal=journal, title="Cedar", force=True)
    assert page.read_text() == write_page("", title="Cedar")
    # Where the file has more than what the arguments say, a refusal is one, whatever is known of the file.
    monkeypatch.setitem(sys.modules, "page_codemod", SimpleNamespace(CODEMOD=codemod))
    with pytest.raises(Refusal, match="other content"):
        run("page", tmp_path, journal=journal, title="Alder", force=True)


def test_an_edit_of_a_file_that_a_person_edited_makes_the_persons_edits_no_part_of_what_is_generated(
    generate, file, tmp_path
):
    journal, shout = tmp_path / "journal", lambda text: text.replace("line 5", "LINE 5")
    generate(BEFORE)
    apply(ChangeSet((file.parent,)).edit(file, shout), journal)
    assert generated_text(journal, file) == shout(BEFORE)  # all of it is the tool's
    file.write_text(shout(MINE))
    apply(ChangeSet((file.parent,)).edit(file, lambda text: text.replace("line 7", "LINE 7")), journal)
    assert generated_text(journal, file) == shout(BEFORE)
    changes = ChangeSet((file.parent,), earlier=earlier_of(journal)).create(file, NOW).edit(file, shout)
    apply(changes, journal)
    assert generated_text(journal, file) == shout(NOW)
    assert file.read_text() == shout(BOTH).replace("line 7", "LINE 7")


def test_copies_of_what_was_generated_are_kept_while_they_can_be_needed(generate, file, tmp_path):
    journal = tmp_path / "journal"
    generate(BEFORE)
    generate(NOW)
    assert len(list((journal / "generated").iterdir())) == 2
    undo(journal)
    assert generated_text(journal, file) == BEFORE
    assert len(list((journal / "generated").iterdir())) == 1


MODEL = "vllm/model_executor/models/olmoe.py"


def test_a_model_file_of_one_release_with_a_persons_edit_becomes_that_of_the_next_with_the_edit(generate, file):
    """As of an adapter that is generated anew, on vLLM's own OLMoE in two releases."""
    before, now = ((vllm_tree(release) / MODEL).read_text() for release in ("0.28.0", "0.33.0"))
    assert before != now
    mine = "\n# Ours: routers stay in float32.\nROUTER_DTYPE = torch.float32\n"
    generate(before)
    file.write_text(before + mine)
    assert generate(now).conflicts == ()
    assert file.read_text() == now + mine
    ours = now.replace("class OlmoeModel(", "class OurOlmoeModel(")
    file.write_text(ours)
    assert generate(now.replace("class OlmoeModel(", "class OlmoeDecoder(")).conflicts == (file,)
    assert "<<<<<<< as edited\nclass OurOlmoeModel(" in file.read_text()


def test_without_git_it_is_refused_and_says_what_to_do(file, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Refusal, match=r"new\.py: the file was edited .* git cannot be run .*--force"):
        merge(b"a", b"b", b"c", file)


def test_what_git_takes_for_a_binary_file_is_refused_and_not_emptied(file):
    with pytest.raises(Refusal, match=r"new\.py: the file was edited .* git cannot merge it"):
        merge(b"a\x00b\n", b"b\n", b"c\n", file)


LINES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=8).map(lambda lines: "".join(f"{x}\n" for x in lines))


@examples(8)
@given(LINES, LINES)
def test_one_side_that_did_not_change_leaves_the_other_one_as_it_is(text, other):
    before, now = text.encode(), other.encode()
    for edited, generated in ((before, now), (now, before), (now, now)):
        assert merge(edited, before, generated, Path("file")) == Merged(now, 0)
