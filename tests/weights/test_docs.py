"""What docs/weights.md shows works as shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scaffold import testing
from scaffold.testing import mutations, properties, strategies
from scaffold.weights import Scope
from tests.cli.calls import commands_of
from tests.lab.checkpoints import checkpoint
from tests.runner import invoke

PAGE = (Path(__file__).parents[2] / "docs" / "weights.md").read_text()


def code_with(words: str) -> str:
    """Return the one block of Python of the page that has these words."""
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if words in block)
    return code


def test_its_commands_do_as_they_stand_what_it_says(
    vllm_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a checkpoint of the model that the rules are for; each ends with 0, the proof of rules by hand included."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    Path("my_rules.py").write_text(code_with("def weight_map"))
    calls = [words for words in commands_of(PAGE) if "/models/X" in words]
    assert [words[3:4] for words in calls] == [[], ["--tp"], ["--rules"], ["--emit"], ["--adapter"]]
    for words in calls:
        places = {"/models/X": str(checkpoint("qwen3")), "/src/vllm": str(vllm_source)}
        said = [places.get(word, word.replace("/src/vllm/", f"{vllm_source}/")) for word in words[1:]]
        result = invoke(said)
        assert result.exit_code == 0, (words, result.stdout, result.stderr)
        assert "--rules" not in words or "47 routed" in result.stdout
    assert code_with("@given").strip() in Path("test_x_weights.py").read_text()


def test_what_the_page_names_is_there() -> None:
    assert testing.__doc__
    for module in (strategies, properties):
        for line in PAGE.splitlines():
            if line.startswith(f"| `{module.__name__.rpartition('.')[2]}."):
                for name in re.findall(r"`([\w.]+)`", line):
                    assert hasattr(module, name.rpartition(".")[2]), name
    assert mutations.MUTATIONS
    methods = PAGE[PAGE.index("| method | for |") :].split("\n\n")[0]
    for name in re.findall(r"`([a-z_]+)`", re.sub(r"\| [^|]*\|$", "", methods, flags=re.MULTILINE)):
        assert hasattr(Scope, name), name
