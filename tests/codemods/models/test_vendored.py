"""Definitions copied out of a newer tree into a module, which is copied again when more of them are wanted."""

import pytest

from codemods import Refusal, run

HEAD = "# Copyright 2026 The trees.\n"
LAZY = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from .soil import *\n"
GROVE = f"""\
{HEAD}
from .earth.soil import Neighbours, Soil

RINGS = 3


class Oak(Soil):
    rings = RINGS


class Elm:
    pass


class Ash(Soil):
    near: Neighbours
"""
NEWER = f"{HEAD}class Soil:\n    pass\n\n\nNeighbours = dict[str, Soil]\n"


@pytest.fixture
def vendor(tmp_path):
    """Copy names of a newer package, one of whose sub-packages binds its names by a star."""
    newer, here = tmp_path / "newer", tmp_path / "here"
    for tree in (newer, here):
        (tree / "trees/earth").mkdir(parents=True)
        (tree / "trees/__init__.py").write_text('__version__ = "9.0"\n')
        (tree / "trees/earth/__init__.py").write_text(LAZY)
        (tree / "trees/earth/soil.py").write_text(f"{HEAD}class Soil:\n    pass\n")
    (newer / "trees/grove.py").write_text(GROVE)
    (newer / "trees/earth/soil.py").write_text(NEWER)
    (newer / "trees/bank.py").write_text(f"{HEAD}from .earth import Soil\n\n\nclass Reed(Soil):\n    pass\n")

    def run_it(names, **more):
        arguments = {"source": "trees.grove", "transformers": str(newer), "installed": str(here), **more}
        run("vendor-symbols", tmp_path, journal=tmp_path / "journal", module="parts", names=names, **arguments)
        return (tmp_path / "parts.py").read_text()

    return run_it


def test_what_a_package_binds_by_a_star_is_imported_from_it(vendor):
    assert "\n\nfrom trees.earth import Soil\n\n\nclass Reed(Soil):\n" in vendor("Reed", source="trees.bank")


def test_a_constant_below_imports_has_one_blank_line_above(vendor):
    assert "import Soil\n\nRINGS = 3\n\n\nclass Oak(Soil):\n" in vendor("Oak")


def test_what_a_copied_helper_needs_is_imported_where_the_installed_tree_has_it(vendor):
    text = vendor("Ash")
    assert "\n\nfrom trees.earth.soil import Soil\n\nNeighbours = dict[str, Soil]\n\n\nclass Ash(Soil):\n" in text
    assert "class Soil" not in text


def test_a_class_below_imports_has_two_blank_lines_above(vendor):
    assert vendor("Elm").endswith("\n\n\nclass Elm:\n    pass\n")


def test_more_names_are_copied_again_and_fewer_do_not_take_the_place_of_what_is_there(vendor):
    before = vendor("Oak")
    with pytest.raises(Refusal, match="all definitions that this one should have"):
        vendor("Elm")
    assert "class Oak" in before
    assert {"class Oak(Soil):", "class Elm:"} <= set(vendor("Oak,Elm").splitlines())


HINTED = f"""\
{HEAD}
import typing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from .earth.soil import Loam, Neighbours, Soil


class Oak:
    def plant(self, soil: "Soil", size: "np.ndarray") -> "Soil":
        return soil


class Elm:
    def near(self) -> "Neighbours":
        raise NotImplementedError
"""


def test_what_is_imported_for_type_checkers_alone_stays_so(vendor, tmp_path):
    (tmp_path / "newer/trees/wood.py").write_text(HINTED)
    text = vendor("Oak", source="trees.wood")
    imports = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import numpy as np\n"
    assert imports + "    from trees.earth.soil import Soil\n\n\nclass Oak:\n" in text
    assert "#   trees/wood.py: Oak\n" in text


def test_what_type_checkers_need_and_the_installed_tree_lacks_is_copied_along(vendor, tmp_path):
    (tmp_path / "newer/trees/wood.py").write_text(HINTED)
    text = vendor("Elm", source="trees.wood")
    assert "TYPE_CHECKING" not in text
    assert "Neighbours = dict[str, Soil]\n" in text
    assert "from trees.earth.soil import Soil\n" in text
