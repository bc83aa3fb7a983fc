"""Outlines: headings and numbers of a tree's own template, with all that a tutorial has to say."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.delivery.layout import detect
from scaffold.delivery.tutorial.form import TEMPLATE, tutorial_form
from scaffold.delivery.tutorial.headings import headings
from scaffold.delivery.tutorial.links import PAGES
from scaffold.delivery.tutorial.outline import BLOCKS, outline
from tests.lab.mkdocs_tree import TEMPLATE as MADE_UP
from tests.lab.mkdocs_tree import mkdocs_tree

NEEDED = {block.name for block in BLOCKS if block.needed}


def shown(template: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(section.heading.text, section.blocks) for section in outline(template)]


def test_headings_in_blocks_of_code_are_none() -> None:
    text = "# A\n```bash\n# no\n```text\n```\n~~~~\n## no\n~~~\n~~~~\n## 1 B {: #b }\n### 1.1  C  (Optional) ##\n"
    found = list(headings(text))
    assert [heading.text for heading in found] == ["# A", "## 1 B {: #b }", "### 1.1 C"]
    assert [heading.slug for heading in found] == ["a", "b", "11-c"]


def test_a_template_is_followed_and_what_no_row_knows_is_kept() -> None:
    rows = shown(MADE_UP)
    assert ("## 5 Online Service Deployment {: #5-online-service-deployment }", ("deployment",)) in rows
    assert ("### 3.2 Verify Multi-node Communication", ("communication",)) in rows
    assert ("### 9.2 Growing Conditions", ("unmeasured",)) in rows
    titles = [title for title, _ in rows]
    written = [line.replace(" (Optional)", "") for line in MADE_UP.splitlines() if line.startswith(("## ", "### "))]
    assert titles == [line for line in written if "either" not in line]
    assert not any("Table 1" in title for title in titles), "a heading of the template's example"


@pytest.mark.parametrize("template", ["", MADE_UP, "# T\n\n" + "".join(f"## {n} Ring {n}\n" for n in range(1, 9))])
def test_every_tutorial_has_all_that_is_needed_once(template: str) -> None:
    names = [name for _, blocks in shown(template) for name in blocks]
    assert set(names) >= NEEDED
    assert len([name for name in names if name != "unmeasured"]) == len(set(names) - {"unmeasured"})


def test_sections_that_a_template_lacks_go_on_with_its_numbers() -> None:
    rows = shown("# T\n\n" + "".join(f"## {n} Ring {n}\n" for n in range(1, 9)))
    assert rows[7] == ("## 8 Ring 8", ("unmeasured",))
    assert rows[8] == ("## 9 Introduction", ("introduction",))


def test_real_templates_are_followed(ascend_source: Path) -> None:
    form = tutorial_form(ascend_source, detect(ascend_source))
    titles = [section.heading.text for section in form.sections]
    assert titles[:3] == ["## 1 Introduction", "## 2 Supported Features", "## 3 Prerequisites"]
    assert "### 5.1 Single-Node Online Deployment" in titles
    assert titles[-1] == "## 10 FAQ"
    assert not {name for section in form.sections for name in section.blocks} - {block.name for block in BLOCKS}
    assert form.links["communication"].endswith("(../../installation.md#verify-multi-node-communication)")
    assert (form.place, form.experimental) == ("", "")


def test_rules_and_links_are_those_of_the_tree(tmp_path: Path) -> None:
    tree = mkdocs_tree(tmp_path / "trees")
    form = tutorial_form(tree, detect(tree))
    assert (form.place, form.experimental) == ("<YOUR_MODEL_PATH>", "(Experimental)")
    start = "../../getting_started/installation.md#"
    assert form.links["docker"] == f"[using Docker]({start}docker)"
    assert form.links["communication"].endswith(f"({start}connectivity)")
    assert form.links["faqs"] == "[Public FAQs](../../faqs.md)"
    assert form.links["ais_bench"] == "Using AISBench", "no link to a page that the tree does not have"
    (tree / TEMPLATE).unlink()
    assert tutorial_form(tree, detect(tree)).sections == outline("")
    assert set(form.links) == set(PAGES)
