"""What follows from verdicts: what real weights alone showed, root causes, features, limits, the server to show."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from scaffold.report.causes import causes_of, climbs_of, false_ready_of
from scaffold.report.changes import role_of
from scaffold.report.commands import runbook_of
from scaffold.report.evidence import log_lines_of, static_of
from scaffold.report.features import features_of
from scaffold.report.gather import counted
from scaffold.report.limits import limits_of
from scaffold.report.proofs import proofs_of
from scaffold.report.value import Role, Run, Shown
from scaffold.report.workflow import workflow_of
from scaffold_validators.digest import sha256_of
from scaffold_validators.results.feature import State
from scaffold_validators.verdict import Verdict
from tests.cli.calls import check_call
from tests.report.samples import full
from tests.rows import each
from tests.verdicts import make_verdict

YES, NO, NOT_RUN, CANNOT, NEVER = Shown.YES, Shown.NO, Shown.NOT_RUN, Shown.CANNOT, Shown.NOT_APPLICABLE


def runs(*verdicts: Verdict) -> list[Run]:
    return [Run(number, verdict, is_current=True) for number, verdict in enumerate(verdicts, start=1)]


ONE_SIZE = make_verdict("real")
TWO_SIZES = (ONE_SIZE, make_verdict("real", tensor_parallel_size=2))
PROOFS = [
    # the verdicts; of random and real weights: the architecture, the computation, names of weights, shards
    ([], [(NOT_RUN, NOT_RUN), (NOT_RUN, NOT_RUN), (CANNOT, NOT_RUN), (CANNOT, NOT_RUN)]),
    ([make_verdict("dummy")], [(YES, NOT_RUN), (NOT_RUN, NOT_RUN), (CANNOT, NOT_RUN), (CANNOT, NOT_RUN)]),
    ([ONE_SIZE], [(NOT_RUN, YES), (NOT_RUN, NOT_RUN), (CANNOT, YES), (CANNOT, NOT_RUN)]),
    (TWO_SIZES, [(NOT_RUN, YES), (NOT_RUN, NOT_RUN), (CANNOT, YES), (CANNOT, YES)]),
    (
        [ONE_SIZE, make_verdict("real", "false-ready", tensor_parallel_size=2)],
        [(NOT_RUN, NO), (NOT_RUN, NOT_RUN), (CANNOT, NO), (CANNOT, NO)],
    ),
    (
        [make_verdict("twin"), make_verdict("slice", "wrong-output")],
        [(NOT_RUN, NOT_RUN), (YES, NO), (CANNOT, NOT_RUN), (CANNOT, NOT_RUN)],
    ),
    ([make_verdict("parity", "no-reference")], [(NOT_RUN, NOT_RUN)] * 2 + [(CANNOT, NOT_RUN)] * 2),
]


@pytest.mark.parametrize(("verdicts", "shown"), PROOFS)
def test_dummy_weights_never_show_what_real_ones_have_to(
    verdicts: list[Verdict], shown: list[tuple[Shown, Shown]]
) -> None:
    rows = {row.subject: (row.dummy, row.real) for row in proofs_of(runs(*verdicts), full().account)}
    assert [rows[name] for name in ("architecture", "computation", "weight-names", "shards")] == shown


def test_plain_weights_need_no_dequantisation() -> None:
    account = full().account
    assert account is not None
    plain = replace(account, facts=(replace(account.facts[1], value="none"),))
    for known, real in ((account, YES), (plain, NEVER), (None, YES)):
        rows = {row.subject: row.real for row in proofs_of(runs(ONE_SIZE), known)}
        assert rows["dequantisation"] is real


def test_root_causes_are_told_once_and_whether_they_were_mended() -> None:
    failed = make_verdict("real", "false-ready", cause="RuntimeError: x", signature="unknown")
    other = make_verdict("real", "startup-failed", tensor_parallel_size=2, reason="no room")
    ladder = make_verdict("ladder", "false-ready", cause="RuntimeError: x")
    history = runs(failed, failed, ladder, other, make_verdict("parity", "no-reference"), make_verdict("real"))
    causes = causes_of(history)
    assert [(cause.number, cause.cause, cause.is_mended) for cause in causes] == [
        (2, "RuntimeError: x", True),
        (4, "no room", False),
    ]
    assert [cause.number for cause in false_ready_of(causes)] == [2]
    assert climbs_of(history) == ()


def test_what_was_not_run_is_in_the_limits() -> None:
    passed = runs(make_verdict("real", device="cpu"), make_verdict("twin"), make_verdict("slice"))
    old = [*passed, Run(4, make_verdict("features"), is_current=False)]
    found = {(limit.kind, limit.detail) for limit in limits_of(old, full().account, (), None, None, False)}
    assert {("no-npu", "CPU"), ("no-accuracy", ""), ("no-commit", "")} <= found
    assert {("not-run", "static"), ("not-run", "capacity"), ("stale", "features")} <= found
    assert {("hole", "the gate"), ("unknown-tensor", "model.odd")} <= found
    assert not {("not-run", "ladder"), ("not-run", "parity"), ("no-parity", ""), ("no-real", "")} & found
    places = {(limit.detail, limit.of) for limit in limits_of(old, full().account, (), None, full().commit, False)}
    assert {("the gate", "a loop"), ("one card", "capacity")} <= places
    alone = limits_of(passed[:2], None, (), None, None, True)
    assert {limit.kind for limit in alone} >= {"no-parity", "no-account", "no-npu"}  # a twin alone proves no weights


def test_a_feature_is_known_by_its_stage_else_by_the_checkpoint_else_not_at_all() -> None:
    report = full()
    assert [row.state for row in report.features] == [
        State.VERIFIED,
        State.UNSUPPORTED,
        State.NOT_TRIED,
        State.CHECKPOINT_LACKS,
        State.NOT_APPLICABLE,
    ]
    without = {row.feature: (row.state, row.evidence) for row in features_of((), report.account)}
    assert without["aclgraph"] == (None, "")
    assert without["expert-parallel"] == (None, "")  # it has experts: that has to be tried
    assert without["mtp"] == (State.CHECKPOINT_LACKS, "k; k")
    assert without["multimodal"] == (State.NOT_APPLICABLE, "k")
    assert {row.state for row in features_of((), None)} == {None}


def test_what_was_tried_since_a_commit_hides_nothing_of_it() -> None:
    committed, tried = {"tree": "committed"}, {"tree": "tried"}
    real = [make_verdict("real", digests=committed), make_verdict("real", "wrong-output", digests=tried)]
    again = make_verdict("real", "false-ready", digests=committed)
    assert [run.is_current for run in counted(real, committed)] == [False, False]
    assert [run.is_current for run in counted(real, committed, is_committed=True)] == [True, False]
    assert [run.is_current for run in counted([*real, again], committed, is_committed=True)] == [False, False, True]


def test_the_best_server_is_shown() -> None:
    def shown(*history: Run) -> str:
        found = runbook_of(history)
        return found.start.text if found else ""

    old = Run(1, make_verdict("real", command="vllm serve old"), is_current=False)
    dummy = Run(2, make_verdict("dummy", command="vllm serve dummy"), is_current=True)
    failed = Run(3, make_verdict("real", "false-ready", command="vllm serve failed"), is_current=True)
    real = Run(4, make_verdict("real", command="vllm serve real"), is_current=True)
    newer = Run(5, make_verdict("real", command="vllm serve newer", tensor_parallel_size=2), is_current=True)
    static = Run(6, make_verdict("static", device="", command="scaffold validate"), is_current=True)
    assert shown(old, dummy, failed, real, newer, static) == "vllm serve newer"
    assert shown(old, dummy, failed) == "vllm serve dummy"
    assert shown(old, failed) == "vllm serve failed"
    assert (shown(old), shown(static)) == ("vllm serve old", "")


def test_eager_where_the_start_is_eager_is_the_start() -> None:
    runbook = runbook_of(runs(make_verdict("real", command="vllm serve m --enforce-eager")))
    assert runbook is not None
    assert (runbook.is_eager, runbook.eager.text) == (True, "vllm serve m --enforce-eager")
    assert runbook.eager.is_recorded
    assert not runbook.no_dynamo.is_recorded


def test_lines_of_a_log_that_was_changed_are_not_shown(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text("noise\nINFO Loading weights took 2 s\nLoading weights took 3 s\nApplication startup complete.\n")
    (run,) = runs(make_verdict("real", log=str(log), log_sha256=sha256_of(log)))
    assert [(line.number, line.text) for line in log_lines_of(run)] == [
        (2, "INFO Loading weights took 2 s"),
        (4, "Application startup complete."),
    ]
    log.write_text("Loading weights took 0 s")
    assert log_lines_of(run) == ()
    log.unlink()
    assert (log_lines_of(run), log_lines_of(None), static_of([run])) == ((), (), None)


WORKFLOWS = [
    ((), []),
    (("dummy",), ["dummy"]),
    (("dummy", "real", "parity"), ["validate"]),
    (("dummy", "real", "slice", "capacity"), ["validate", "capacity"]),
    (("real", "parity", "features"), ["real", "parity", "features"]),
]


@pytest.mark.parametrize(("stages", "steps"), WORKFLOWS)
def test_the_workflow_has_what_was_done_and_nothing_else(stages: tuple[str, ...], steps: list[str]) -> None:
    history = tuple(runs(*map(make_verdict, stages)))
    done = workflow_of(replace(full(), history=history, accuracy=None, benchmark=None, commit=None))
    assert [key for _, key, _ in done] == ["plan", *steps]
    commands = {key: command for _, key, command in workflow_of(full())}
    assert commands["evaluate"] == "scaffold evaluate /models/Nova-7B --tasks gsm8k --num-fewshot 5 --chat"
    for *_, command in workflow_of(full()) + done:
        check_call(shlex.split(command))
        assert shlex.split(command)[2] == "/models/Nova-7B"
    assert [key for _, key, _ in workflow_of(full())][-3:] == ["evaluate", "bench", "commit"]


@each(
    ("path", "role"),
    [
        ("vllm/model_executor/models/nova.py", Role.ADAPTER),
        ("vllm/model_executor/models/registry.py", Role.REGISTRATION),
        (".github/workflows/misc/model_dataset_list.json", Role.INDEX),
        ("vllm/transformers_utils/configs/configuration_nova.py", Role.CONFIG_CLASS),
        ("vllm/transformers_utils/configs/__init__.py", Role.REGISTRATION),
        ("vllm_ascend/models/__init__.py", Role.REGISTRATION),
        ("vllm_ascend/models/configuration_nova.py", Role.CONFIG_CLASS),
        ("vllm_ascend/models/nova.py", Role.ADAPTER),
        ("vllm_ascend/patch/worker/patch_nova.py", Role.PATCH),
        ("patches/vllm-0.18.0-nova.patch", Role.PATCH),
        ("tests/e2e/models/configs/Nova.yaml", Role.TEST_CONFIG),
        ("tests/e2e/models/configs/accuracy.txt", Role.INDEX),
        ("docs/source/tutorials/models/Nova.md", Role.TUTORIAL),
        ("docs/source/tutorials/models/index.md", Role.INDEX),
        ("mkdocs.yml", Role.INDEX),
        ("docs/source/locale/zh_CN/LC_MESSAGES/tutorials/models/Nova.po", Role.TRANSLATION),
        ("setup.py", Role.OTHER),
    ],
)
def test_a_file_is_for_what_lies_where_it_lies(path: str, role: Role) -> None:
    assert role_of(path) is role
