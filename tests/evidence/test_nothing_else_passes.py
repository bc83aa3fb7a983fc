"""Mutated, moved and stale evidence never counts: over every field of every record, every file, every byte kind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scaffold.checkpoint.read import read_checkpoint
from scaffold.common.errors import ScaffoldError
from scaffold.evidence.digests import FILES, present_digests
from scaffold.evidence.gather import gather
from scaffold.evidence.plan_record import PLAN, PlanRecord
from scaffold.evidence.workspace import Workspace
from scaffold.roots.vllm_tree import read_vllm_tree
from scaffold_validators.diagnosis import Finding
from scaffold_validators.digest import sha256_of
from scaffold_validators.problem import Problem
from scaffold_validators.records import dump
from scaffold_validators.verdict import WEIGHTS, Verdict
from tests.models.build import write_checkpoint
from tests.verdicts import make_verdict

NAME = "nova"
EXTRA = [name for names in FILES.values() for name in names if name != "model.safetensors.index.json"]
"""Files beside config and weights that decide what a server is asked and answers."""


def rich(log: Path, digests: dict[str, str]) -> Verdict:
    """Return a verdict in which as many fields say something as a real one's."""
    finding = Finding("unknown", 3, "line", "meaning", "remedy", kind="model", process="p", exception="E", frame="f:1")
    return make_verdict(
        log.stem, log=str(log), log_sha256=sha256_of(log), digests=digests, findings=(finding,), seconds={"ready": 1.5},
        numbers={"requests": 1, "deep": {"list": [1, "a", None, True]}}, versions={"vllm": "0.32.0"}, cause="c",
        signature="s", next_step="n", allowed=("a",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, vllm_source: Path) -> Path:
    """A work directory with a plan, two verdicts and their logs; beside it tree, delivery and checkpoint."""
    root = tmp_path_factory.mktemp("kept")
    registry = Path("vllm/model_executor/models/registry.py")
    (root / "vllm" / registry).parent.mkdir(parents=True)
    shutil.copy(vllm_source / registry, root / "vllm" / registry)
    (root / "ascend/vllm_ascend").mkdir(parents=True)
    (root / "ascend/vllm_ascend/nova.py").write_text("nova = 1\n")
    checkpoint = write_checkpoint(root / "checkpoint")
    for name in EXTRA:
        (checkpoint / name).write_text('{"a": 1}')
    workspace = Workspace(root / "work")
    record = PlanRecord(
        *(NAME, "NovaForCausalLM", "native", {}, str(checkpoint), str(root / "vllm"), str(root / "ascend")),
        *((), ("vllm_ascend/nova.py",)),
    )
    workspace.save_record(record)
    digests = gather(workspace, NAME, sums=True).digests
    for stage in ("dummy", "real"):
        log = workspace.logs(NAME) / f"{stage}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"log of {stage}\n")
        workspace.save_verdict(NAME, rich(log, dict(digests)))
    return root


def counts(root: Path) -> bool:
    """Return whether any evidence counts; an error is none that does."""
    try:
        return bool(gather(Workspace(root / "work"), NAME).current)
    except (Problem, ScaffoldError):
        return False


def evidence_files(root: Path) -> list[Path]:
    folder = root / "work" / ".scaffold" / NAME
    return sorted(path for path in folder.rglob("*") if path.is_file())


def served_files(root: Path) -> list[Path]:
    found = [*(root / "vllm").rglob("*.py"), *(root / "ascend").rglob("*.py"), *(root / "checkpoint").iterdir()]
    return sorted(path for path in found if path.suffix != ".py" or root / "checkpoint" not in path.parents)


def test_as_it_is_it_counts(kept: Path) -> None:
    assert counts(kept)
    assert len(evidence_files(kept)) == 5
    assert len(served_files(kept)) == 2 + len(EXTRA) + 4


@contextmanager
def put(path: Path, data: bytes | None) -> Iterator[None]:
    """Let a file hold something else for a while, without a trace in its times; None removes it."""
    before, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    try:
        path.unlink()
        if data is not None:
            path.write_bytes(data)
            os.utime(path, ns=times)
        yield
    finally:
        path.write_bytes(before)
        os.utime(path, ns=times)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each value in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


def changed(document: Any, path: tuple[Any, ...], how: str) -> Any:
    """Return a document with one value changed, left out, or doubled."""
    if not path:
        return {str: lambda v: v + "x", bool: lambda v: not v, int: lambda v: v + 1, float: lambda v: v + 0.5}.get(
            type(document), lambda v: [] if v else {"a": 1}
        )(document)
    key, copy = path[0], document.copy()
    if len(path) == 1 and how == "left out":
        del copy[key]
    else:
        copy[key] = changed(copy[key], path[1:], how)
    return copy


@pytest.mark.parametrize("file", range(3))
@pytest.mark.parametrize("how", ["changed", "left out"])
def test_no_field_of_any_record_can_be_changed_or_left_out(kept: Path, file: int, how: str) -> None:
    path = [path for path in evidence_files(kept) if path.suffix == ".json"][file]
    document = json.loads(path.read_text())
    tried = list(places(document))
    assert len(tried) > 10
    for place in tried:
        with put(path, json.dumps(changed(document, place, how)).encode()):
            assert not counts(kept), f"{path.name}: {place} {how}"


def test_a_record_sealed_anew_is_found_by_what_follows_it(kept: Path) -> None:
    first, second = (path for path in evidence_files(kept) if path.parent.name == "verdicts")
    again = Workspace(kept / "again")
    verdict = replace(Workspace(kept / "work").verdicts(NAME)[0], reason="better", previous="")
    with put(first, again.save_verdict(NAME, verdict).read_bytes()):
        assert not counts(kept)
    assert counts(kept)
    assert second.exists()


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_no_byte_of_what_it_rests_on_can_be_changed(kept: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([*evidence_files(kept), *served_files(kept)]), "file")
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1), "place")
    how = data.draw(st.sampled_from(["byte", "cut", "longer", "gone"]), "how")
    other = bytes([before[place] ^ data.draw(st.sampled_from([1, 2, 4, 8]), "bit")])
    after = {"byte": before[:place] + other + before[place + 1 :], "cut": before[:place], "longer": before + b" x"}
    with put(path, after.get(how)):
        assert not counts(kept), f"{path.name}: {how} at {place}"


def test_without_sums_the_content_of_weights_is_not_looked_at_and_with_them_it_is(kept: Path) -> None:
    shard = next(path for path in served_files(kept) if path.suffix == ".safetensors")
    before = shard.read_bytes()
    workspace = Workspace(kept / "work")
    (verdict, *_) = workspace.verdicts(NAME)
    without = replace(verdict, digests={k: v for k, v in verdict.digests.items() if k != WEIGHTS})
    with put(shard, before[:-1] + bytes([before[-1] ^ 1])):
        digests = gather(workspace, NAME).digests
        assert not verdict.holds_for(digests)
        assert without.holds_for(digests)
    assert verdict.holds_for(gather(workspace, NAME).digests)


def test_evidence_of_another_machine_or_model_does_not_count(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Workspace(kept / "elsewhere")
    shutil.copytree(kept / "work" / ".scaffold" / NAME, other.folder / "other")
    plan = Workspace(kept / "work").record(NAME)
    checkpoint = write_checkpoint(kept / "checkpoint-2", rms_norm_eps=1e-6)
    other.save_record(replace(plan, name="other", checkpoint=str(checkpoint)))
    assert gather(other, "other").current == ()
    assert dump(PLAN, plan)
    monkeypatch.setattr("scaffold.evidence.digests.machine_digest", lambda: "another")
    assert not counts(kept)


def test_every_present_digest_is_of_something(kept: Path) -> None:
    found = present_digests(read_vllm_tree(kept / "vllm"), kept / "ascend", [], read_checkpoint(kept / "checkpoint"))
    assert set(found) == {"tree", "checkpoint", "machine", *FILES}
    assert all(len(digest) == 64 for digest in found.values())
