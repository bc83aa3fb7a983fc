"""What terminals, `grep`, lists in Markdown, containers and supervisors do to a whole log changes no diagnosis."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from scaffold_validators.diagnosis import diagnose
from scaffold_validators.diagnosis.pasted import restored

LOG = """\
(APIServer pid=1) INFO 11-27 18:10:42 [api_utils.py:286] non-default args: {'model': '/models/nova', 'max_model_len': 1}
(Worker_TP0 pid=7) ERROR 11-27 18:11:39 [multiproc.py:852] WorkerProc hit an exception.
(Worker_TP0 pid=7) ERROR 11-27 18:11:39 [multiproc.py:852] Traceback (most recent call last):
(Worker_TP0 pid=7) ERROR 11-27 18:11:39 [multiproc.py:852]   File "/opt/plugin/nova/model.py", line 88, in forward
(Worker_TP0 pid=7) ERROR 11-27 18:11:39 [multiproc.py:852]     return self.norm(hidden_states) + residual.view(-1)
(Worker_TP0 pid=7) ERROR 11-27 18:11:39 [multiproc.py:852] OddError: what nobody knows
(EngineCore pid=5) ERROR 11-27 18:11:40 [core.py:1] RuntimeError: Worker failed with error 'what', please check above
(APIServer pid=1) ERROR 11-27 18:11:40 [async_llm.py:1] vllm.v1.engine.exceptions.EngineDeadError: EngineCore died.
"""
PLAIN = """\
starting
with a model
Traceback (most recent call last):
  File "/opt/plugin/nova/model.py", line 88, in forward
    return self.norm(hidden_states) + residual
OddError: what nobody knows
"""


def each(change: Callable[[str], str]) -> Callable[[str], str]:
    """Return what changes each line."""
    return lambda text: "".join(change(line) + "\n" for line in text.splitlines())


def as_json(key: str) -> Callable[[str], str]:
    """Return what keeps each line as a record of JSON."""
    return each(lambda line: json.dumps({key: line + "\n", "stream": "stderr", "time": "2026-11-27T18:11:39Z"}))


def numbered(form: str) -> Callable[[str], str]:
    """Return what numbers lines, from 118."""
    return lambda text: "".join(form.format(n) + line + "\n" for n, line in enumerate(text.splitlines(), 118))


def wrapped(width: int) -> Callable[[str], str]:
    """Return what wraps lines as a terminal of that width does."""
    return each(lambda line: "\n".join(re.findall(rf".{{1,{width}}}", line)))


DONE = {
    "ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "ends as editors show them": each(lambda line: line + "^M"),
    "a byte order mark": lambda text: "\ufeff" + text,
    "zero bytes": lambda text: text.replace("ERROR", "ERR\x00OR"),
    "blank lines between": each(lambda line: line + "\n\n"),
    "spaces at the end": each(lambda line: line + "  "),
    "colours": each(lambda line: re.sub(r"^(\(.*?\))", "\x1b[1;36m\\1\x1b[0;0m", line)),
    "in a list of Markdown": each(lambda line: "    " + line),
    "after a tab": each(lambda line: "\t" + line),
    "quoted twice": each(lambda line: "> > " + line),
    "numbered by cat": numbered("   {}\t"),
    "numbered by grep": numbered("{}:"),
    "found by grep in a folder": numbered("logs/serve.log:{}:"),
    "Docker's JSON": as_json("log"),
    "a collector's JSON": as_json("message"),
    "compose": each(lambda line: "vllm-1  | " + line),
    "compose in Kubernetes": each(lambda line: "2026-11-27T18:11:39.1Z stderr F vllm-1  | " + line),
    "journald": each(lambda line: "Nov 27 18:11:39 node7 vllm[4411]: " + line),
    "a supervisor": each(lambda line: "2026-11-27 18:11:39,100 - nova.backends - INFO - " + line),
    "a collector that shows the newest line first": lambda text: "".join(
        f"2026-11-27T18:11:{59 - n}.100Z {line}\n" for n, line in enumerate(text.splitlines()[::-1])
    ),
    "a supervisor, turned": lambda text: "".join(
        f"2026-11-27 18:11:{59 - n},100 - nova.backends - INFO - {line}\n"
        for n, line in enumerate(text.splitlines()[::-1])
    ),
    "another supervisor": each(
        lambda line: "2026-11-27T18:11:39,100 [INFO ] W-9000-nova_1.0-stdout MODEL_LOG - " + line
    ),
}


@pytest.mark.parametrize("done", DONE)
@pytest.mark.parametrize("log", [LOG, PLAIN], ids=["of a server", "of a script"])
def test_what_was_done_to_a_whole_log_changes_nothing(log: str, done: str) -> None:
    cause = diagnose(DONE[done](log)).cause
    assert cause is not None
    assert (cause.id, cause.exception, cause.message) == ("unknown", "OddError", "what nobody knows")
    assert cause.frame == "/opt/plugin/nova/model.py:88 in forward"


@pytest.mark.parametrize("width", [90, 100, 110])
def test_lines_that_a_terminal_wrapped_are_one_again(width: int) -> None:
    text = wrapped(width)(LOG)
    assert [line.rstrip("\n") for _, line in restored(text.splitlines(keepends=True))] == LOG.splitlines()
    cause = diagnose(text).cause
    assert cause is not None
    assert (cause.exception, cause.line_number) == ("OddError", text[: text.index("OddError")].count("\n") + 1)


def test_lines_keep_their_own_numbers() -> None:
    cause = diagnose(numbered("{}:")(LOG)).cause
    assert cause is not None
    assert cause.line_number == 6
    cause = diagnose(DONE["a collector that shows the newest line first"](LOG)).cause
    assert cause is not None
    assert cause.line_number == 3


@pytest.mark.parametrize(
    "text",
    [
        "ERROR 11-27 18:11:39 [core.py:1] OddError: 1\nERROR 11-27 18:11:39 [core.py:1] OddError: 2\nplain\n",
        "2026-11-27 18:11:39 ERROR one\n2026-11-27 18:11:39 ERROR two\n2026-11-27 18:11:39 ERROR three\n",
        "  one\n  two\n  three\n",
        "{'a': 1}\n{'a': 2}\n{'a': 3}\n",
        '{"a": 1}\n{"a": 2}\n{"a": 3}\n',
        "1 apple\n1 pear\n2 plums\n",
        PLAIN
        + '  File "/opt/x.py", line 12345, in a_function_with_a_name_that_is_long\n    and_its_line_of_python(it)\n'
        * 3,
    ],
)
def test_a_log_to_which_nothing_was_done_stays(text: str) -> None:
    lines = text.splitlines(keepends=True)
    assert list(restored(lines)) == list(enumerate(lines, 1))
