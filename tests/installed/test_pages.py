"""What README and the quick start show, from the wheel, as it stands: a new user's first minutes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.calls import commands_of
from tests.installed.conftest import Installation
from tests.installed.person import as_person
from tests.snapshots import snapshot

pytestmark = [pytest.mark.installed, pytest.mark.engine]

TOP = Path(__file__).parents[2]
PAGES = ("README.md", "docs/quick-start.md")
ELSEWHERE = {
    "--twin": "written without a proof here; tests/engine/test_twin.py proves it",
    "--python": "this person has no vLLM: the model's source is beside its config",
}
"""Options of these pages that need an engine, and what stands for them."""
SERVED = ("validate", "evaluate", "commit")
"""Commands that need one from the start: tests/engine/test_main_job.py runs them in this order."""


@pytest.mark.parametrize("page", PAGES)
def test_its_commands_run_as_they_stand(installation: Installation, page: str) -> None:
    text = (TOP / page).read_text(encoding="utf-8")
    places = {"/models/X": "nova", "/src/vllm-ascend": "vllm-ascend", "/src/vllm": "vllm"}
    (settings,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    lines = [line for line in settings.splitlines() if not line.startswith("python")]
    for place, folder in places.items():
        lines = [line.replace(f'"{place}"', f'"{installation.folder / folder}"') for line in lines]
    before = snapshot(installation.vllm, installation.ascend)
    own = installation.folder / "scaffold.toml"
    own.write_text("\n".join(lines), encoding="utf-8")
    try:
        for words in commands_of(text):
            if words[1] not in SERVED:
                _run(installation, _as_here(words, places))
        assert snapshot(installation.vllm, installation.ascend) == before  # each page ends with the way back
    finally:
        own.unlink()


def _as_here(words: list[str], places: dict[str, str]) -> list[str]:
    """Return a call with this person's places, without what needs an engine."""
    said: list[str] = []
    for word in words[1:]:
        if said and said[-1] == "--python":
            said.pop()
        elif word != "--twin":
            said.append(places.get(word, word))
    return said


def _run(installation: Installation, words: list[str]) -> None:
    answer = as_person(
        installation.environment / "bin/scaffold", *words, cwd=installation.folder, env=installation.home
    )
    assert answer.code == 0, (shlex.join(words), answer.stdout, answer.stderr)


def test_the_skill_is_in_the_wheel(installation: Installation) -> None:
    assert installation.scaffold("skill").document["skill"].startswith("---\nname: vllm-ascend-scaffold\n")
