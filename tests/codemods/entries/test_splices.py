"""An edit is a splice: without the new lines the file is what it was, however it is written."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from codemods import find_codemod
from tests.drawn import examples

NAMES = ("Alder", "Birch", "Cedar2", "Elm", "Fir", "Oak", "Willow")
NEW = {"architecture": "CedarForCausalLM", "module": "cedar", "class_name": "CedarForCausalLM"}
COMMENTS = ("", "", "  # a, (b", "  # ümläut }", " # it's")
ABOVE = ("", "", "# one, more\n", "# [Decoder-only]\n", "\n", "# 木 (\n")


@st.composite
def registries(draw: st.DrawFn) -> str:
    """Draw a registry's text: ends, indentation, quotes, comments, wrapped entries, text around, a byte order mark."""
    unit = draw(st.sampled_from(["    ", "  ", "\t"]))
    quote = draw(st.sampled_from(['"', "'"]))
    lines = []
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    for number, name in enumerate(names):
        above, comment = draw(st.sampled_from(ABOVE)), draw(st.sampled_from(COMMENTS))
        comma = "," if number + 1 < len(names) else draw(st.sampled_from([",", ""]))
        key, value = f"{quote}{name}Model{quote}", f"({quote}m{quote}, {quote}{name}{quote})"
        if draw(st.booleans()):
            value = value.replace("(", f"(\n{unit}{unit}").replace(", ", f",\n{unit}{unit}").replace(")", f",\n{unit})")
        before_comma = draw(st.sampled_from(["", "", " "]))
        lines.append(f"{unit if above.strip() else ''}{above}{unit}{key}: {value}{before_comma}{comma}{comment}\n")
    around = draw(st.sampled_from(["", "x = 'ü {'\n", "'''\n}\n'''; Y = 1\n"]))
    text = f"{around}_TEXT_GENERATION_MODELS = {{\n{''.join(lines)}}}\n{around}"
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return draw(st.sampled_from(["", "\ufeff"])) + text.replace("\n", end)


def entries(text: str) -> dict[str, tuple[str, str]]:
    statements = ast.parse(text.removeprefix("\ufeff")).body
    (found,) = (s.value for s in statements if isinstance(s, ast.Assign) and isinstance(s.value, ast.Dict))
    return ast.literal_eval(found)


@given(registries())
@examples(40)
def test_a_new_entry_is_all_that_changes(text: str) -> None:
    codemod = find_codemod("vllm-registry-entry")
    after = codemod.run(text, NEW)
    assert entries(after) == {**entries(text), "CedarForCausalLM": ("cedar", "CedarForCausalLM")}
    assert codemod.run(after, NEW) == after
    lines, before = after.splitlines(keepends=True), text.splitlines(keepends=True)
    (added,) = (line for line in lines if "CedarForCausalLM" in line)
    lines.remove(added)
    ours, theirs = "".join(lines), "".join(before)
    if ours != theirs:  # the last entry had no comma yet: one character more
        index = next((n for n, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), len(theirs))
        assert (ours[index], ours[:index] + ours[index + 1 :]) == (",", theirs)


@given(registries())
@examples(20)
def test_an_entry_that_is_replaced_and_put_back_is_what_it_was_but_for_its_layout(text: str) -> None:
    codemod = find_codemod("vllm-registry-entry")
    key, (module, name) = next(iter(entries(text).items()))
    changed = codemod.run(text, {**NEW, "architecture": key, "replace": "yes"})
    assert entries(changed) == {**entries(text), key: ("cedar", "CedarForCausalLM")}
    back = codemod.run(changed, {"architecture": key, "module": module, "class_name": name, "replace": "yes"})
    assert entries(back) == entries(text)
    assert list(entries(back)) == list(entries(text))
