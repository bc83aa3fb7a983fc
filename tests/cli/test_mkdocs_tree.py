"""A delivery to a tree of the kind that mkdocs makes a site of: every list has its entry, and undo takes all back."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import Desk
from tests.lab.mkdocs_tree import mkdocs_tree
from tests.lab.ports import free_port
from tests.sampled import costly


@costly
def test_lists_get_their_entries_and_undo_takes_all_back(desk: Desk, nova: Path) -> None:
    desk = replace(desk, delivery=mkdocs_tree(desk.root / "trees"))

    def changed() -> set[str]:
        words = ["git", "status", "--porcelain", "-uall"]
        said = subprocess.run(words, cwd=desk.delivery, check=True, capture_output=True, text=True).stdout
        return {line[3:] for line in said.splitlines()}

    made = desk.new_model(nova, "--name", "nova", "--model-id", "lab/nova", "--json")
    assert made.code == 0, made.stderr
    assert changed() == {
        ".github/workflows/misc/model_dataset_list.json",
        "docs/hooks/nav_titles.py",
        "docs/source/locale/zh_CN/LC_MESSAGES/tutorials/models/nova.po",
        "docs/source/tutorials/models/nova.md",
        "docs/source/user_guide/support_matrix/supported_models.md",
        "mkdocs.yml",
        "tests/e2e/models/configs/nova.yaml",
    }
    tutorial = (desk.delivery / "docs/source/tutorials/models/nova.md").read_text()
    assert tutorial.startswith("# nova (Experimental)\n")
    assert "vllm serve <YOUR_MODEL_PATH> \\" in tutorial
    assert "    -v <YOUR_MODEL_PATH>:<YOUR_MODEL_PATH> \\" in tutorial
    again = desk.new_model(nova, "--name", "nova", "--model-id", "lab/nova", "--json")
    assert (again.code, again.document["notes"]) == (0, made.document["notes"])
    undone = desk.call("undo", "--work", desk.work)
    assert (undone.code, changed()) == (0, set()), undone.stderr


PO = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.M)


def messages(catalogue: str) -> dict[str, str]:
    """Return the texts of a catalogue, and their translations, without the head."""

    def text(lines: str) -> str:
        return "".join(map(ast.literal_eval, lines.splitlines()))

    return {text(english): text(chinese) for english, chinese in PO.findall(catalogue)} | {"": ""}


@costly
def test_the_chinese_catalogue_is_of_the_page_that_is_committed(desk: Desk, nova: Path, fake_engine: Path) -> None:
    desk = replace(desk, delivery=mkdocs_tree(desk.root / "trees"))
    assert desk.new_model(nova, "--name", "good", "--python", fake_engine).code == 0
    catalogue = desk.delivery / "docs/source/locale/zh_CN/LC_MESSAGES/tutorials/models/good.po"
    catalogue.write_text(catalogue.read_text() + '\nmsgid "our own"\nmsgstr "自己的"\n')
    words = ("--work", desk.work, "--name", "good")
    served = desk.call("validate", nova, *words, "--python", fake_engine, "--port", str(free_port()), "--stage", "real")
    assert served.code == 0, served.stderr
    reasons = ("--accept-device", "cpu", "--without-parity", "a stand-in", "--accuracy-pending", "a stand-in")
    made = desk.call("commit", nova, *words, *reasons, "--without", "features", "no", "--without", "capacity", "no")
    assert made.code == 0, made.stderr
    page = " ".join((desk.delivery / "docs/source/tutorials/models/good.md").read_text().split())
    written = messages(catalogue.read_text())
    assert [english for english in written if " ".join(english.split()) not in page] == ["our own"]
    assert written["No accuracy has been measured: a stand-in."] == "尚未评估精度，原因：a stand-in。"
    assert "The server is ready when it says:" in written
    committed = ["git", "show", f"HEAD:{catalogue.relative_to(desk.delivery)}"]
    text = subprocess.run(committed, cwd=desk.delivery, check=True, capture_output=True, text=True).stdout
    assert messages(text) == written
