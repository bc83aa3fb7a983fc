"""What an entry looks like is what ruff's formatter makes of it, in a list of any width."""

import subprocess
import sys

import pytest

from codemods import Style, find_codemod

OPTIONS = (
    "",
    "trust_remote_code=True",
    'trust_remote_code=True, revision="refs/pr/7", max_model_len=4096, is_available_online=False',
    'extras={"7b": "trees/cedar-7b", "30b": "trees/cedar-30b-instruct"}, min_transformers_version="5.3.0"',
    'transformers_version_reason={"vllm": "A reason that is a sentence, and longer than a line has columns; twice."}',
    'hf_overrides={"text_config": {"num_hidden_layers": 2, "layers": ["full", "linear", "full", "linear", "full"]}}',
    'speculative_model="trees/cedar-draft", use=("a",), none=(), one=-1, two=1e-5',
)


@pytest.mark.parametrize("width", [60, 88, 120])
def test_entries_are_laid_out_as_the_formatter_does(width: int) -> None:
    text = '_TEXT_GENERATION_EXAMPLE_MODELS = {\n    "AlderForCausalLM": 1,\n}\n'
    codemod, style = find_codemod("vllm-test-registry-entry"), Style(width, (3, 10))
    for number, options in enumerate(OPTIONS):
        arguments = {"architecture": f"Cedar{number}ForCausalLM", "checkpoint": "trees/cedar-7b-instruct-2026"}
        text = codemod.run(text, {**arguments, "options": options}, style)
    text += '\n_CLASS_TO_MODULE = {\n    "AlderConfig": "alder",\n}\n'
    classes = {"class_name": "CedarWithManyConesConfig", "module": "cedar_with_many_cones_and_needles"}
    text = find_codemod("vllm-config-class").run(text, classes, style)
    text += '\nTITLES = {\n    "a.md": {"en": "A", "zh": "A"},\n}\n'
    for chinese in ("雪松", "雪松" * 12, "雪松" * 30):
        titles = {"page": f"cedar-{len(chinese)}.md", "english": "Cedar", "chinese": chinese}
        text = find_codemod("nav-title").run(text, titles, style)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(width), "-"]
    formatted = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    assert formatted == text
