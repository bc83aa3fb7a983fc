"""What is said of a failure that nobody knows: what to read, and what to serve without."""

from __future__ import annotations

import re

import pytest

from scaffold_validators.diagnosis import diagnose
from scaffold_validators.diagnosis.chinese import in_chinese
from scaffold_validators.diagnosis.parts import MEANING, READ, Part, parts
from tests.validators.diagnosis.test_chinese import HALF_WIDTH, NAMED

LOG = """(Worker pid=7) Traceback (most recent call last):
(Worker pid=7)   File "/opt/vllm-ascend/vllm_ascend/{path}", line 480, in run
(Worker pid=7)   File "/usr/lib/python3.11/json/decoder.py", line 3, in odd
(Worker pid=7) KeyError: 'odd'
"""


@pytest.mark.parametrize(
    ("path", "option"),
    [
        ("distributed/kv_transfer/kv_p2p/nova.py", "--kv-transfer-config"),
        ("spec_decode/nova_proposer.py", "--speculative-config"),
        ("eplb/core/nova.py", "eplb_config"),
        ("attention/context_parallel/nova_cp.py", "--decode-context-parallel-size"),
        ("compilation/acl_graph.py", "--enforce-eager"),
        ("worker/encoder_acl_graph.py", "--enforce-eager"),
        ("sample/sampler.py", "temperature"),
        ("ops/fused_moe/token_dispatcher.py", "--enable-expert-parallel"),
        ("attention/nova_v1.py", "--no-enable-prefix-caching"),
        ("core/scheduler_nova.py", "--no-async-scheduling"),
        ("device_allocator/camem.py", "--enable-sleep-mode"),
        ("observability/nova.py", "--disable-log-stats"),
    ],
)
def test_an_unknown_failure_stays_unknown_and_says_what_to_serve_without(path: str, option: str) -> None:
    cause = diagnose(LOG.format(path=path)).cause
    assert cause is not None
    assert (cause.id, cause.kind, cause.meaning) == ("unknown", "unknown", MEANING)
    assert cause.remedy.startswith(f"{READ}; it is in ")
    assert option in cause.remedy


def test_elsewhere_there_is_nothing_to_serve_without() -> None:
    cause = diagnose(LOG.format(path="worker/model_runner_v1.py")).cause
    assert cause is not None
    assert cause.remedy == READ


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.path)
def test_a_part_is_there_in_chinese(part: Part) -> None:
    assert set(NAMED.findall(part.isolate)) == set(NAMED.findall(part.chinese))
    assert not HALF_WIDTH.search(part.chinese)
    assert re.search("[\u4e00-\u9fff]", in_chinese()[f"{READ}; {part.isolate}"])
