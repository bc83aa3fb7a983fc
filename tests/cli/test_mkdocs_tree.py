"""A delivery to a tree of the kind that mkdocs makes a site of: every list has its entry, and undo takes all back."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

from tests.cli.conftest import Desk
from tests.lab.mkdocs_tree import mkdocs_tree
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
