"""A file in which a merge was left unresolved is not edited: between its marks stand two versions."""

import pytest

from codemods import Refusal, find_codemod

BEFORE = "Birch.yaml\n<<<<<<< HEAD\nCedar.yaml\n=======\nCedar-7B.yaml\n>>>>>>> theirs\nYew.yaml\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_list_with_marks_of_a_merge_is_refused_with_the_line(end):
    with pytest.raises(Refusal, match="line 2 is the mark of a merge that is not resolved") as refusal:
        find_codemod("accuracy-list").run(BEFORE.replace("\n", end), {"config": "Oak.yaml"})
    assert refusal.value.where == "tests/e2e/models/configs/accuracy.txt"


@pytest.mark.parametrize(
    "text",
    [
        "# A heading\n=======\n",
        BEFORE.replace("<<<<<<< HEAD\n", ""),
        BEFORE.replace("=======\n", ""),
        BEFORE.replace("<<<<<<< HEAD", "a <<<<<<< b"),
    ],
)
def test_what_only_looks_like_such_marks_is_edited(text):
    assert "Oak.yaml" in find_codemod("accuracy-list").run(text, {"config": "Oak.yaml"})
