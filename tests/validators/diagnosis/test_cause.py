"""The cause is the first error of the process that died first; that an engine has died never stands for it."""

from __future__ import annotations

import pytest

from scaffold_validators.diagnosis import Diagnosis, diagnose
from scaffold_validators.watching.marks import MARKS
from tests.rows import each

DEAD = "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above)"


def _prefixed(prefix: str, text: str) -> str:
    return "".join(f"{prefix}{line}\n" for line in text.strip("\n").splitlines())


def _ids(found: Diagnosis) -> tuple[str, list[str]]:
    assert found.cause is not None
    return found.cause.id, [finding.id for finding in found.cascade]


def test_a_known_cause_stands_before_what_followed_from_it() -> None:
    log = f"INFO up\nTraceback (most recent call last):\nRuntimeError: NPU out of memory. Tried 1 GiB\n{DEAD}\n"
    found = diagnose(log)
    assert found.cause is not None
    assert (found.cause.id, found.cause.line_number, found.cause.kind) == ("npu-out-of-memory", 3, "capacity")
    assert (found.known, found.read) == (True, ())


TWO_WORKERS = (
    _prefixed(
        "(Worker_TP1 pid=12) ERROR 04-17 03:55:34 [multiproc_executor.py:852] ",
        """
WorkerProc failed to start.
Traceback (most recent call last):
  File "/opt/vllm/vllm/v1/executor/multiproc_executor.py", line 837, in worker_main
    worker = WorkerProc(*args, **kwargs)
  File "/opt/plugin/nova/model.py", line 88, in forward
    return self.mix(states)
  File "/opt/python3/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1775, in _wrapped_call_impl
    return self._call_impl(*args, **kwargs)
nova.errors.OddError: the first line,
  and the second one
""",
    )
    + _prefixed(
        "(Worker_TP0 pid=11) ERROR 04-17 03:55:35 [multiproc_executor.py:852] ",
        """
WorkerProc hit an exception.
Traceback (most recent call last):
  File "/opt/vllm/vllm/v1/executor/multiproc_executor.py", line 900, in worker_busy_loop
    output = func(*args, **kwargs)
zmq.error.ContextTerminated: Context was terminated
""",
    )
    + _prefixed(
        "(EngineCore pid=5) ERROR 04-17 03:55:36 [core.py:1099] ",
        """
EngineCore failed to start.
Traceback (most recent call last):
  File "/opt/vllm/vllm/v1/engine/core.py", line 1, in run_engine_core
    engine_core = EngineCoreProc(*args, **kwargs)
Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause.
""",
    )
    + "(APIServer pid=1) RuntimeError: Engine core initialization failed. See root cause above.\n"
)


def test_the_root_cause_is_the_first_error_with_its_class_message_and_frame() -> None:
    found = diagnose(TWO_WORKERS)
    assert found.cause is not None
    assert (found.cause.id, found.cause.process) == ("unknown", "Worker_TP1 pid=12")
    assert (found.cause.exception, found.cause.line_number) == ("OddError", 9)
    assert found.cause.message == "the first line,\n  and the second one"
    assert found.cause.frame == "/opt/plugin/nova/model.py:88 in forward"
    assert {finding.engine_died for finding in found.cascade} == {True}
    assert found.read[0].startswith("1: (Worker_TP1 pid=12) ERROR")
    assert any(line.startswith("9: ") for line in found.read)


@each(
    "prefix",
    [
        "",
        "\x1b[1;36m(EngineCore_DP0 pid=568)\x1b[0;0m ERROR 07-02 20:39:50 [core.py:1099] ",
        "(EngineCore_DP0 pid=5) (Worker_TP3_EP3 pid=9) ERROR 07-02 20:39:50 [v1/executor/multiproc_executor.py:1] ",
        "ERROR 07-02 20:39:50 core.py:1099] ",
        "ERROR [core.py:1099] ",
        "(VllmWorker rank=0 pid=114020) ERROR 07-01 08:38:50 [multiproc_executor.py:492] ",
        "(RayWorkerWrapper pid=9, ip=10.0.0.2) ERROR 06-09 06:57:48 worker_base.py:581] ",
        "[rank4]: ",
        "[default3]:",
        "2026-07-02T20:39:50.123456Z stderr F (EngineCore pid=5) ERROR 07-02 20:39:50 [core.py:1] ",
        "vllm-1  | (EngineCore pid=5) ERROR 07-02 20:39:50 [core.py:1] ",
        "Jul 02 20:39:50 node7 vllm[4711]: ERROR 07-02 20:39:50 [core.py:1] ",
        "[RAW SERVER] (Worker_TP2 pid=1456) ERROR 09-17 05:36:01 [multiproc_executor.py:654] ",
        "2024-10-21 10:42:00,218 - nova - ERROR - ",
    ],
)
def test_prefixes_of_loggers_and_launchers_are_read(prefix: str) -> None:
    text = """
Traceback (most recent call last):
  File "/opt/vllm-ascend/vllm_ascend/worker/worker.py", line 7, in load_model
    self.model_runner.load_model()
OddError: what
"""
    found = diagnose(_prefixed(prefix, text))
    assert found.cause is not None
    assert (found.cause.exception, found.cause.message, found.cause.line_number) == ("OddError", "what", 4)
    assert found.cause.frame == "/opt/vllm-ascend/vllm_ascend/worker/worker.py:7 in load_model"


def test_of_chained_exceptions_the_first_is_the_cause() -> None:
    log = """
Traceback (most recent call last):
  File "/opt/nova/model.py", line 3, in forward
    x = table[key]
OddError: the first

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/opt/nova/model.py", line 5, in forward
    raise RuntimeError("the second") from error
RuntimeError: the second

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/opt/vllm/vllm/v1/engine/core.py", line 9, in run
    raise
ValueError: the third
"""
    found = diagnose(log)
    assert found.cause is not None
    assert (found.cause.exception, found.cause.message.splitlines()[0]) == ("OddError", "the first")
    assert found.cascade == ()


def test_what_a_lookup_raised_does_not_hide_the_failure_that_is_known() -> None:
    log = """
Traceback (most recent call last):
  File "/opt/lib/python3.11/site-packages/transformers/models/auto/configuration_auto.py", line 1, in from_pretrained
    config_class = CONFIG_MAPPING[config_dict["model_type"]]
KeyError: 'nova'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/opt/lib/python3.11/site-packages/transformers/models/auto/configuration_auto.py", line 2, in from_pretrained
    raise ValueError(
ValueError: The checkpoint you are trying to load has model type `nova` but Transformers does not recognize this one.
"""
    assert _ids(diagnose(log)) == ("model-type-unknown", [])


def test_a_rank_that_waited_is_not_the_cause_where_another_one_failed() -> None:
    log = (
        "[rank1]: EI0006: [PID: 9] Getting socket times out. Reason: the remote rank did not send the data in time.\n"
        "[rank0]: RuntimeError: NPU out of memory. Tried to allocate 2.00 GiB (NPU 0; 60.97 GiB total capacity)\n"
    )
    assert _ids(diagnose(log)) == ("npu-out-of-memory", ["hccl-timeout"])


def test_a_rank_that_waited_is_the_cause_where_nothing_else_is_known() -> None:
    log = "[rank1]: EI0006: [PID: 9] Getting socket times out.\n[rank0]: OddError: what followed\n"
    assert _ids(diagnose(log)) == ("hccl-timeout", ["unknown"])


ANSWERED = '(APIServer pid=1) INFO:     127.0.0.1:5 - "POST /v1/completions HTTP/1.1" 200 OK\n'


def test_what_the_server_survived_is_not_why_it_died() -> None:
    refused = "(APIServer pid=1) ERROR 07-02 20:39:50 [serving.py:1] OddError: one request\n"
    died = "(EngineCore pid=5) ERROR 07-02 21:39:50 [core.py:1] RuntimeError: NPU out of memory. Tried 1 GiB\n"
    found = diagnose(refused + ANSWERED * 5 + died)
    assert _ids(found) == ("npu-out-of-memory", [])
    assert [finding.exception for finding in found.survived] == ["OddError"]


def test_answers_that_were_under_way_are_no_survival() -> None:
    died = "(EngineCore pid=5) ERROR 07-02 21:39:50 [core.py:1] OddError: the end\n"
    found = diagnose(died + ANSWERED * 5 + f"(APIServer pid=1) {DEAD}\n")
    assert _ids(found)[0] == "unknown"
    found = diagnose(died + ANSWERED + f"(APIServer pid=1) {DEAD}\n" + ANSWERED * 5)
    assert _ids(found) == ("unknown", ["engine-dead"])


UP = "(APIServer pid=1) INFO:     Application startup complete.\n"
SAID = "(EngineCore pid=5) ERROR 07-02 20:39:50 [nova.py:1] the table of novas is not there\n"


def test_what_nobody_knows_accuses_nobody_where_the_server_went_on_to_answer() -> None:
    odd = "(APIServer pid=1) ERROR 07-02 20:39:50 [serving.py:1] OddError: one request\n"
    for log in (SAID + UP, SAID + ANSWERED * 5, odd + ANSWERED * 5):
        found = diagnose(log)
        assert (found.cause, found.findings) == (None, ())
        assert [finding.line_number for finding in found.survived] == [1]


def test_an_exception_before_the_server_came_up_may_be_why_an_earlier_one_did_not() -> None:
    odd = "(EngineCore pid=5) ERROR 07-02 20:39:50 [core.py:1] OddError: the first start\n"
    assert _ids(diagnose(odd + UP)) == ("unknown", [])


def test_a_line_before_the_death_of_an_engine_is_not_made_up_for_by_the_next_start() -> None:
    assert _ids(diagnose(SAID + f"(APIServer pid=1) {DEAD}\n" + UP)) == ("unknown", ["engine-dead"])


def test_a_request_that_was_refused_does_not_hide_a_failure() -> None:
    log = (
        "(APIServer pid=1) ERROR 07-02 20:39:50 [serving.py:1] ValueError: This model's maximum context length is 9\n"
        "(EngineCore pid=5) ERROR 07-02 21:39:50 [core.py:1] OddError: the end\n"
    )
    assert _ids(diagnose(log)) == ("unknown", [])


ENDED = (
    "(EngineCore pid=7842) INFO 11-27 01:37:07 [core.py:1454] [shutdown] EngineCore: trigger received signal=SIGTERM\n"
)


def test_errors_of_a_server_that_is_being_ended_are_none() -> None:
    aftermath = f"(APIServer pid=1) ERROR 11-27 01:37:07 [async_llm.py:906] {DEAD}\nOddError: in a destructor\n"
    found = diagnose(ENDED + aftermath)
    assert (found.cause, found.harmless) == (None, ("ended-from-outside",))
    known = (
        "(EngineCore pid=7842) ERROR 11-27 01:37:08 [core.py:1] TimeoutError: RPC call to sample_tokens timed out.\n"
    )
    assert _ids(diagnose(ENDED + known))[0] == "worker-call-timeout"


def test_an_unknown_cause_is_not_hidden_by_the_death_of_the_engine() -> None:
    log = "INFO up\nTraceback (most recent call last):\n  File ...\nOddError: what\n" + f"{DEAD}\n" * 20
    found = diagnose(log)
    assert found.cause is not None
    assert (found.cause.id, found.cause.line, found.known) == ("unknown", "OddError: what", False)
    assert found.read[0] == "2: Traceback (most recent call last):"


def test_a_log_that_tells_of_a_dead_engine_alone_says_that() -> None:
    assert _ids(diagnose(f"{DEAD}\n")) == ("engine-dead", [])


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        ("start.sh: line 3:    71 Killed                  vllm serve nova", "killed-by-system"),
        ("Segmentation fault (core dumped)", "segmentation-fault"),
        ("!!!!!!! Segfault encountered !!!!!!!", "segmentation-fault"),
        ("Bus error (core dumped)", "bus-error"),
        (
            "[ERROR] RUNTIME(9,python3):2026-04-17-09:16:39.9 [a.cc:1]9 Setup:[SqCqManage]Alloc sq cq fail",
            "streams-exhausted",
        ),
        ("EZ9999: Inner Error!", "inner-error"),
        (
            "ERROR 07-02 20:39:50 [core.py:1] Worker proc VllmWorker-0 died unexpectedly, exit code: -9",
            "killed-by-system",
        ),
    ],
)
def test_logs_without_a_traceback_are_understood(line: str, id_: str) -> None:
    assert _ids(diagnose(f"INFO up\n{line}\n")) == (id_, [])


def test_a_line_of_level_error_weighs_less_than_an_exception() -> None:
    log = "ERROR 07-02 20:39:50 [x.py:1] something odd\n(Worker pid=3) ValueError: the reason\n"
    found = diagnose(log)
    assert found.cause is not None
    assert found.cause.message == "the reason"


@pytest.mark.parametrize(
    "log",
    [
        "INFO:     Application startup complete.\n",
        "WARNING [x.py:2] Model has no errors='strict' setting\n",
        "INFO 07-02 20:39:50 [logger.py:41] Received request cmpl-1: prompt: 'RuntimeError: NPU out of memory'\n",
        "WARNING 07-02 [a.py:1] Traceback (most recent call last):\nWARNING 07-02 [a.py:1] OddError: caught\n",
        'INFO:     127.0.0.1:1 - "GET /health HTTP/1.1" 200 OK\n',
        "INFO 07-02 20:39:50 [worker.py:1] Available KV cache memory: 12.50 GiB\n",
        "",
    ],
)
def test_a_healthy_log_has_no_cause(log: str) -> None:
    assert diagnose(log).findings == ()


def test_what_is_allowed_is_no_failure() -> None:
    log = "RuntimeError: NPU out of memory. Tried 1 GiB\n"
    assert diagnose(log, allow=["npu-out-of-memory"]) == Diagnosis(None, harmless=("npu-out-of-memory",))


@pytest.mark.parametrize("mark", MARKS)
def test_what_follows_the_end_that_the_gate_made_is_no_failure(mark: str) -> None:
    after = "(Worker_TP0 pid=9) ERROR 07-02 20:39:50 [x.py:7] RuntimeError: NPU out of memory. Tried to allocate 1 GiB"
    assert diagnose(f"INFO: fine\n{after}\n").cause is not None
    assert diagnose(f"INFO: fine\n{mark}\n{after}\n").cause is None
    before = "ModuleNotFoundError: No module named 'torch_npu'"
    found = diagnose(f"Traceback (most recent call last):\n{before}\n{mark}\n{after}\n")
    assert found.cause is not None
    assert found.cause.line_number == 2
    assert found.cascade == ()


SUBPROCESS = """\
ERROR 11-27 18:11:39 [registry.py:1120] Error in inspecting model architecture 'NovaForCausalLM'
ERROR 11-27 18:11:39 [registry.py:1120] Traceback (most recent call last):
ERROR 11-27 18:11:39 [registry.py:1120]   File "/opt/vllm/models/registry.py", line 1569, in _run_in_subprocess
ERROR 11-27 18:11:39 [registry.py:1120] subprocess.CalledProcessError: Command 'python' returned non-zero exit status 1.
ERROR 11-27 18:11:39 [registry.py:1120]
ERROR 11-27 18:11:39 [registry.py:1120] The above exception was the direct cause of the following exception:
ERROR 11-27 18:11:39 [registry.py:1120]
ERROR 11-27 18:11:39 [registry.py:1120] Traceback (most recent call last):
ERROR 11-27 18:11:39 [registry.py:1120]   File "/opt/vllm/models/registry.py", line 1572, in _run_in_subprocess
ERROR 11-27 18:11:39 [registry.py:1120] RuntimeError: Error raised in subprocess:
ERROR 11-27 18:11:39 [registry.py:1120] <frozen runpy>:128: RuntimeWarning: 'registry' found in sys.modules
ERROR 11-27 18:11:39 [registry.py:1120] Traceback (most recent call last):
ERROR 11-27 18:11:39 [registry.py:1120]   File "/opt/vllm/models/registry.py", line 1093, in load_model_cls
ERROR 11-27 18:11:39 [registry.py:1120]   File "/opt/plugin/nova/model.py", line 29, in <module>
ERROR 11-27 18:11:39 [registry.py:1120] {raised}
Traceback (most recent call last):
  File "/opt/bin/vllm", line 12, in <module>
    sys.exit(main())
pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
  Value error, Model architectures ['NovaForCausalLM'] failed to be inspected. [type=value_error, input_value=1]
"""


@pytest.mark.parametrize("between", ["\n", "\n\n"], ids=["as it is", "with blank lines between"])
@pytest.mark.parametrize(
    ("raised", "id_"),
    [
        ("OddError: the moon is full", "unknown"),
        ("ModuleNotFoundError: No module named 'moon'", "model-imports-missing"),
    ],
)
def test_of_a_traceback_of_another_process_its_own_error_is_the_cause(raised: str, id_: str, between: str) -> None:
    found = diagnose(SUBPROCESS.format(raised=raised).replace("\n", between))
    assert found.cause is not None
    assert (found.cause.id, found.cause.line) == (id_, raised)
    assert found.cause.frame == "/opt/plugin/nova/model.py:29 in <module>"


def test_the_line_of_a_refused_value_is_the_one_that_says_why() -> None:
    log = """\
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for NovaConfig
(APIServer pid=1)   Value error, novel must be smaller than large [type=value_error, input_value=ArgsKwargs(())]
"""
    for text in (log, log.splitlines()[1]):
        found = diagnose(text)
        assert found.cause is not None
        assert found.cause.id == "settings-refused"
        assert found.cause.line.startswith("Value error, novel must be smaller than large")


def test_where_ranks_interleave_the_one_that_says_more_is_told() -> None:
    rank = "(Worker_TP{0} pid=7{0}) ERROR 04-02 15:45:51 [multiproc_executor.py:880] {1}\n"
    short = rank.format(0, "triton.compiler.errors.MLIRCompilationError:")
    whole = rank.format(1, "triton.compiler.errors.MLIRCompilationError:") + rank.format(
        1, "error: ub overflow, 9 bits"
    )
    other = rank.format(1, "RuntimeError: NPU out of memory. Tried to allocate 1 GiB")
    for text, id_ in ((short + whole, "triton-ub-overflow"), (whole + short, "triton-ub-overflow")):
        found = diagnose(text)
        assert found.cause is not None
        assert found.cause.id == id_
    first = diagnose(short + other).cause
    assert first is not None
    assert first.id == "triton-compile"


def test_that_native_code_ended_a_process_is_no_cause_where_it_had_waited() -> None:
    waited = (
        "[rank1]:[E324 13:00:25.4 compiler_depend.ts:574] [Rank 1] Watchdog caught collective operation timeout: 7\n"
    )
    found = diagnose(waited + "terminate called after throwing an instance of 'std::runtime_error'\n")
    assert found.cause is not None
    assert found.cause.id == "hccl-timeout"
    alone = diagnose("terminate called after throwing an instance of 'std::runtime_error'\n")
    assert alone.cause is not None
    assert alone.cause.id == "aborted"


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        ("E69999: [PID: 3] 2026-07-08-19:23:04.799 op[Novel], this platform only support odd shapes", "platform-310p"),
        ("    | LookupError: the moon is full", "unknown"),
        ("Worker proc VllmWorker-2 died unexpectedly (exitcode: -11), shutting down executor.", "segmentation-fault"),
    ],
)
def test_one_line_is_enough_to_begin_a_failure(line: str, id_: str) -> None:
    found = diagnose(line)
    assert found.cause is not None
    assert found.cause.id == id_


def test_a_family_of_errors_while_a_server_is_ended_accuses_nobody() -> None:
    found = diagnose(
        "(EngineCore pid=5) INFO 02-02 10:01:00 [core.py:1] [shutdown] EngineCore: trigger received signal=SIGTERM\n"
        "(Worker pid=7) RuntimeError: npuSynchronizeDevice: NPU function error: AclrtSynchronizeDevice, error code 1\n"
    )
    assert (found.cause, found.harmless) == (None, ("ended-from-outside",))


@pytest.mark.parametrize("goes_on", ["", "(EngineCore pid=5) ERROR 02-02 10:01:01 [core.py:1100]     x = y\n"])
def test_what_a_worker_says_late_is_the_cause_where_a_failure_ended_the_server(goes_on: str) -> None:
    """The server ends as its engine failed: its own word for that is no word of somebody who ended it."""
    found = diagnose(
        "(EngineCore pid=5) ERROR 02-02 10:01:00 [core.py:1100] EngineCore encountered a fatal error.\n"
        "(APIServer pid=1) INFO:     Shutting down\n"
        "(Worker pid=7) Traceback (most recent call last):\n"
        '(Worker pid=7)   File "/opt/vllm-ascend/vllm_ascend/attention/attention_v1.py", line 480, in forward\n'
        "(Worker pid=7) KeyError: 'odd'\n"
        "(Worker pid=7) INFO 02-02 10:01:01 [multiproc_executor.py:700] Parent process exited\n" + goes_on
    )
    assert found.cause is not None
    assert (found.cause.exception, found.cause.process) == ("KeyError", "Worker pid=7")


def test_an_error_is_found_behind_what_another_process_wrote_in_the_same_line() -> None:
    error = "(Worker pid=7) ERROR 02-02 10:01:01 [m.py:1] OddError: the one"
    cause = diagnose(f"(Worker pid=8) INFO 02-02 10:01:01 [a.py:1] all is well {error}\n").cause
    assert cause is not None
    assert (cause.process, cause.message) == ("Worker pid=7", "the one")
    assert diagnose(f"(APIServer pid=8) INFO 02-02 10:01:01 [a.py:1] Received prompt: 'why {error}?'\n").cause is None


@pytest.mark.parametrize("space", ["\u00a0", "\u202f", " \u200b"], ids=["no break", "narrow", "zero width"])
def test_spaces_of_pages_that_a_log_was_copied_from_are_spaces(space: str) -> None:
    log = '(Worker pid=7)   File "/opt/vllm-ascend/vllm_ascend/a.py", line 480, in run\n(Worker pid=7) OddError: one\n'
    cause = diagnose(log.replace(" ", space)).cause
    assert cause is not None
    assert (cause.exception, cause.frame) == ("OddError", "/opt/vllm-ascend/vllm_ascend/a.py:480 in run")
