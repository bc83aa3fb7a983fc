"""Files that nest deeply are refused by their name: libcst's parser would end the process, its visitors recurse."""

import pytest

from codemods import Refusal
from codemods.text.python_text import MAX_DEPTH, parse_module
from tests.rows import each

DEEP = {
    "parentheses": ("x = ", "(", "1", ")"),
    "lists": ("x = ", "[", "", "]"),
    "minus": ("x = ", "-", "1", ""),
    "sums": ("x = ", "1+", "1", ""),
    "calls": ("x = a", "", "", "()"),
    "attributes": ("x = a", "", "", ".b"),
}


@each("name", DEEP)
@each("depth", [900, 5_000, 100_000])
def test_a_file_that_is_nested_too_deeply_is_refused(name, depth):
    before, opening, inside, closing = DEEP[name]
    with pytest.raises(Refusal) as refusal:
        parse_module(f"{before}{opening * depth}{inside}{closing * depth}\n", "registry.py")
    assert refusal.value.where == "registry.py"
    assert "nested too deeply" in refusal.value.found or "too many nested" in refusal.value.found


@pytest.mark.parametrize("name", DEEP)
def test_what_is_nested_less_is_read_and_visited(name):
    import libcst as cst

    before, opening, inside, closing = DEEP[name]
    depth = MAX_DEPTH - 20
    text = f"{before}{opening * depth}{inside}{closing * depth}\n"
    assert parse_module(text, "registry.py").visit(cst.CSTTransformer()).code == text
