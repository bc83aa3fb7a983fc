"""``lm_eval`` in an environment of its own, and a task of a few questions that needs no network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.lab.cache import once
from tests.lab.commands import run

LM_EVAL = "0.4.13"
TASK = "counting"
QUESTIONS = 6
_TASK = """\
task: {task}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {questions}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{answer}}}}"
doc_to_choice: ["one", "two"]
metric_list:
- metric: acc
  aggregation: mean
  higher_is_better: true
"""


def lm_eval_python() -> Path:
    """Return a Python that has ``lm_eval`` (two minutes on first use)."""
    return once(f"lm-eval-{LM_EVAL}", f"installing lm-eval {LM_EVAL}", _install) / "venv" / "bin" / "python"


def _install(root: Path) -> None:
    run(sys.executable, "-m", "venv", root / "venv")
    python = root / "venv" / "bin" / "python"
    pip = (python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install")
    run(*pip, f"lm-eval[api]=={LM_EVAL}", "transformers")


def write_task(folder: Path) -> Path:
    """Write a task, and return its folder: which of two words follows; a random model is right now and then."""
    folder.mkdir(parents=True)
    rows = [{"question": f"count {number}:", "answer": number % 2} for number in range(QUESTIONS)]
    questions = folder / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / f"{TASK}.yaml").write_text(_TASK.format(task=TASK, questions=questions))
    return folder
