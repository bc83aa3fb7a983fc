"""Entries of a model in vllm-ascend's lists: each where the tree has it, and what a list refuses is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from codemods import ChangeSet
from scaffold.checkpoint.read import read_checkpoint
from scaffold.delivery.config_form import REWARD, TEXT, VISION
from scaffold.delivery.documents import Delivery, delivery_context, render_documents
from scaffold.delivery.layout import detect
from scaffold.delivery.tutorial.chinese import SENTENCES, messages
from scaffold.delivery.tutorial.form import tutorial_form
from scaffold.planning.listings import MATRIX, Listed, list_model
from scaffold.reading.from_source import read_from_source
from scaffold.running.measured_lists import with_measured_lists
from tests.delivery.test_accuracy import measured
from tests.lab.mkdocs_tree import mkdocs_tree


@pytest.fixture
def trees(tmp_path: Path) -> Path:
    """A tree of the kind that mkdocs makes a site of."""
    return mkdocs_tree(tmp_path / "trees")


def listed(root: Path, model: Listed) -> tuple[dict[str, list[str]], tuple[str, ...]]:
    """Return file → the lines that are added to it, and what is left to say."""
    layout = detect(root)
    changes, notes = list_model(ChangeSet((root,)), root, layout, tutorial_form(root, layout).sections, model)
    added = {}
    for change in changes.changes:
        before = (change.before or b"").decode().splitlines()
        lines = (change.after or b"").decode().splitlines()
        added[change.path.relative_to(root).as_posix()] = [line for line in lines if line not in before]
    return added, notes


def test_a_model_stands_in_every_list_that_the_tree_has(trees: Path) -> None:
    added, notes = listed(trees, Listed("Cedar", "trees/Cedar", TEXT, 1))
    assert notes == ()
    assert added["mkdocs.yml"] == ["      - tutorials/models/Cedar.md"]
    assert added["docs/hooks/nav_titles.py"] == ['    "tutorials/models/Cedar.md": {"en": "Cedar", "zh": "Cedar"},']
    assert added[MATRIX.as_posix()] == ["| Cedar | 🟡 | |"]
    assert '            "trees/Cedar"' in added[".github/workflows/misc/model_dataset_list.json"]
    catalogue = added["docs/source/locale/zh_CN/LC_MESSAGES/tutorials/models/Cedar.po"]
    assert 'msgid "# Cedar"' in catalogue
    assert (
        catalogue[catalogue.index('msgid "### 5.1 Single-Node Online Deployment"') + 1]
        == 'msgstr "### 5.1 单机在线部署"'
    )
    assert catalogue[catalogue.index('msgid "### 9.2 Growing Conditions"') + 1] == 'msgstr "### 9.2 生长条件"'


def test_what_a_section_says_of_every_model_is_said_in_chinese(trees: Path, nova: Path) -> None:
    layout, form, read = detect(trees), tutorial_form(trees, detect(trees)), read_checkpoint(nova)
    spec = read_from_source(read, None)
    values = delivery_context(Delivery("nova", read, spec, "native", "mkdocs", False, tutorial_form=form))
    page = render_documents("nova", values)[layout.tutorials / "nova.md"]
    written = dict(messages(trees, layout.tutorials, form.sections, "nova", page))
    assert written["Nothing has been measured for this section yet."] == "本节尚无测试数据。"
    english = [text for text in SENTENCES if text in written]
    assert set(SENTENCES) - set(english) <= {
        "A deployment that separates prefill and decode has not been tried yet.",  # no heading of this tree's
        "No other way of deployment has been tried.",
    }, "a sentence that no section has"


def test_what_is_not_known_is_in_no_list(trees: Path) -> None:
    added, _ = listed(trees, Listed("Cedar", "", VISION, 16))
    assert ".github/workflows/misc/model_dataset_list.json" not in added
    assert (trees / MATRIX).read_text().count("Cedar") == 0
    vision = [line for line in added[MATRIX.as_posix()] if "Cedar" in line]
    assert vision == ["| Cedar | 🟡 | |"]


def test_what_a_list_refuses_is_said_and_stays(trees: Path) -> None:
    added, notes = listed(trees, Listed("Alder", "", TEXT, 1))
    assert MATRIX.as_posix() not in added
    assert "is listed already" in notes[0]
    added, notes = listed(trees, Listed("Cedar", "", REWARD, 1))
    assert MATRIX.as_posix() not in added
    assert "ascend-support-matrix left its list as it is" in notes[0]


def test_a_tree_without_lists_has_an_index_alone(delivery_repo: Path) -> None:
    added, notes = listed(delivery_repo, Listed("Cedar", "trees/Cedar", TEXT, 1))
    assert (list(added), notes) == (["docs/source/tutorials/models/index.md"], ())


def test_a_measured_model_is_tested_and_a_served_one_is_called_so(trees: Path, tmp_path: Path) -> None:
    layout, model = detect(trees), Listed("Cedar", "", TEXT, 1)
    sections = tutorial_form(trees, layout).sections
    changes, _ = list_model(ChangeSet((trees,)), trees, layout, sections, model)
    config = {"config": {"tested": "yes"}}
    (tmp_path / "r").mkdir()
    accuracy = measured(tmp_path / "r")
    done = with_measured_lists(changes, trees, "Cedar", config, accuracy, on_npu=True)
    assert (done.read(trees / "tests/e2e/models/configs/accuracy.txt") or "").splitlines()[-1] == "Cedar.yaml"
    assert "| Cedar | 🔵 | |" in (done.read(trees / MATRIX) or "").splitlines()
    assert with_measured_lists(changes, trees, "Cedar", config, None, on_npu=False) == changes
    own = changes.edit(trees / MATRIX, lambda text: text.replace("| Cedar | 🟡 | |", "| Cedar | 🟡 | mine |"))
    kept = with_measured_lists(own, trees, "Cedar", config, None, on_npu=True)
    assert "| Cedar | 🟡 | mine |" in (kept.read(trees / MATRIX) or "").splitlines(), "edited by hand"
