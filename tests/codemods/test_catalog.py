"""The catalog: names, and what is imported when."""

import subprocess
import sys

import pytest

import codemods
from codemods import CODEMODS, RECIPES, Codemod, Recipe, Refusal, RefusedExample, find, find_codemod
from codemods.catalog import FILES


def test_a_codemod_has_the_name_under_which_the_catalog_lists_it():
    assert [codemod.name for codemod in CODEMODS] == list(FILES)
    assert all(find(name) is find_codemod(name) for name in FILES)
    assert CODEMODS[1:3] == (CODEMODS[1], CODEMODS[2])


def test_recipes_are_found_by_the_same_door():
    assert [find(recipe.name) for recipe in RECIPES] == list(RECIPES)
    assert all(isinstance(recipe, Recipe) for recipe in RECIPES)
    names = [*FILES, *(recipe.name for recipe in RECIPES)]
    assert len(set(names)) == len(names)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(Refusal, match=r"no codemod or recipe is named 'ad-patch'; expected .*accuracy-list.*add-patch"):
        find("ad-patch")
    with pytest.raises(Refusal, match="no codemod is named 'add-patch'"):
        find_codemod("add-patch")


def test_names_of_earlier_versions_go_on_working():
    assert codemods.Refused is RefusedExample
    assert isinstance(CODEMODS[0], Codemod)


IMPORTED = "import sys, codemods; {0}; print(*sorted(n for n in sys.modules if n in {1}))"


def imported_by(statement: str) -> str:
    names = ["libcst", "codemods.docs.toctree_entry", "codemods.docs.nav_title"]
    run = [sys.executable, "-c", IMPORTED.format(statement, names)]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


def test_a_codemods_file_is_imported_when_it_is_asked_for_and_libcst_only_with_those_that_need_it():
    assert imported_by("codemods.RECIPES, len(codemods.CODEMODS)") == ""
    assert imported_by("codemods.find('toctree-entry')") == "codemods.docs.toctree_entry"
    assert imported_by("codemods.find('nav-title')") == "codemods.docs.nav_title"
