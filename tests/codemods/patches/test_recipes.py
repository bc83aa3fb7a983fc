"""Adding a patch and retiring it, on the real vllm-ascend: one change each, and nothing is left."""

import shutil

import pytest

from codemods import Refusal, run
from tests.codemods.patches.test_replaced import FILES
from tests.snapshots import snapshot

HELD = "vllm.core.grow"
WORDS = {"why": "Why.", "how": "How.", "related_pr": "None.", "future_plan": "Remove it."}


@pytest.fixture
def ascend(tmp_path, ascend_source):
    """The real patches of vllm-ascend."""
    root = tmp_path / "vllm-ascend"
    shutil.copytree(ascend_source / "vllm_ascend/patch", root / "vllm_ascend/patch")
    return root


@pytest.fixture
def vllm(tmp_path):
    """A tree of a small vLLM of ours."""
    for name, text in FILES.items():
        path = tmp_path / "source/vllm" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "source"


@pytest.mark.parametrize(
    "form",
    [
        {"module": "patch_new"},
        {"module": "patch_v2.patch_new"},
        {"module": "patch_new", "kind": "platform", "condition": "not is_310p()"},
    ],
)
def test_what_is_added_is_retired_without_a_trace(ascend, vllm, tmp_path, form):
    before = snapshot(ascend)
    arguments = {**form, "target": HELD, "vllm": str(vllm), **WORDS}
    kind, module = form.get("kind", "worker"), form["module"]
    added = run("add-patch", ascend, journal=tmp_path / "journal", **arguments)
    file = ascend / f"vllm_ascend/patch/{kind}/{module.replace('.', '/')}.py"
    assert added.files[0] == file
    assert '    ("vllm.named", "plant"),\n' in file.read_text()
    assert not run("add-patch", ascend, journal=tmp_path / "journal", **arguments).is_changed
    retired = run("retire-patch", ascend, journal=tmp_path / "journal", module=module, kind=kind)
    assert set(retired.files) == set(added.files)
    assert snapshot(ascend) == before
    assert not run("retire-patch", ascend, journal=tmp_path / "journal", module=module, kind=kind).is_changed


@pytest.mark.parametrize(
    "text",
    [
        "from vllm_ascend.patch.worker.patch_new import _ascend_grow\n",
        "from vllm_ascend.patch.worker import patch_new\n",
        "from vllm_ascend.patch.worker import (\n    patch_old,\n    patch_new,\n)\n",
        "from .patch_new import _ascend_grow\n",
    ],
)
def test_a_patch_that_something_else_names_is_not_retired(ascend, vllm, tmp_path, text):
    arguments = {"module": "patch_new", "target": HELD, "vllm": str(vllm), **WORDS}
    run("add-patch", ascend, journal=tmp_path / "journal", **arguments)
    user = ascend / "tests/ut/test_new.py"
    user.parent.mkdir(parents=True)
    user.write_text(text)
    before = snapshot(ascend)
    with pytest.raises(Refusal, match=r"tests/ut/test_new\.py names"):
        run("retire-patch", ascend, journal=tmp_path / "journal", module="patch_new")
    assert snapshot(ascend) == before


def test_a_patch_of_the_other_kind_may_have_the_same_name(ascend, vllm, tmp_path):
    for kind in ("worker", "platform"):
        arguments = {"module": "patch_new", "target": HELD, "vllm": str(vllm), "kind": kind, **WORDS}
        run("add-patch", ascend, journal=tmp_path / "journal", **arguments)
    assert run("retire-patch", ascend, journal=tmp_path / "journal", module="patch_new").is_changed
    assert (ascend / "vllm_ascend/patch/platform/patch_new.py").exists()


@pytest.mark.parametrize(
    ("module", "kind", "meant"),
    [
        ("patch_news", "worker", "worker/patch_new.py"),
        ("patch_new", "platform", "worker/patch_new.py"),
        ("patch_v2.patch_new", "worker", "worker/patch_new.py"),
    ],
)
def test_a_name_that_is_nearly_that_of_a_patch_changes_nothing_and_is_noted(
    ascend, vllm, tmp_path, module, kind, meant
):
    arguments = {"module": "patch_new", "target": HELD, "vllm": str(vllm), **WORDS}
    run("add-patch", ascend, journal=tmp_path / "journal", **arguments)
    before = snapshot(ascend)
    outcome = run("retire-patch", ascend, journal=tmp_path / "journal", module=module, kind=kind)
    assert not outcome.is_changed
    assert outcome.changes.notes[0].endswith(f"if it is not one of {meant}")
    assert snapshot(ascend) == before


def test_a_patch_is_retired_twice_where_others_have_nearly_its_name(ascend, vllm, tmp_path):
    for module in ("patch_new", "patch_v2.patch_new"):
        run("add-patch", ascend, journal=tmp_path / "journal", module=module, target=HELD, vllm=str(vllm), **WORDS)
    first, second = (run("retire-patch", ascend, journal=tmp_path / "journal", module="patch_new") for _ in range(2))
    assert (first.is_changed, first.changes.notes) == (True, ())
    assert not second.is_changed
    assert "worker/patch_v2/patch_new.py" in second.changes.notes[0]


def test_a_patch_of_something_else_does_not_take_the_place_of_one_that_was_generated(ascend, vllm, tmp_path):
    arguments = {"module": "patch_new", "vllm": str(vllm), "journal": tmp_path / "journal", **WORDS}
    run("add-patch", ascend, target=HELD, **arguments)
    before = snapshot(ascend)
    (vllm / "vllm/other.py").write_text("def grow():\n    return 1\n")
    with pytest.raises(Refusal, match=r"patch_new\.py: the patch file has other content"):
        run("add-patch", ascend, target="vllm.other.grow", **arguments)
    assert snapshot(ascend) == before
    assert run("add-patch", ascend, target=HELD, replacement="vllm_ascend.ops.grow", **arguments).is_changed


@pytest.mark.parametrize("is_left", ["file", "import", "log"])
def test_what_is_left_of_a_patch_is_retired(ascend, vllm, tmp_path, is_left):
    before = snapshot(ascend)
    parts = {"import": "worker/__init__.py", "log": "__init__.py"}
    kept = {part: (ascend / "vllm_ascend/patch" / parts[part]).read_text() for part in parts}
    arguments = {"module": "patch_new", "target": HELD, "vllm": str(vllm), **WORDS}
    run("add-patch", ascend, journal=tmp_path / "journal", **arguments)
    for part, text in kept.items():
        if part != is_left:
            (ascend / "vllm_ascend/patch" / parts[part]).write_text(text)
    if is_left != "file":
        (ascend / "vllm_ascend/patch/worker/patch_new.py").unlink()
    assert run("retire-patch", ascend, journal=tmp_path / "journal", module="patch_new").is_changed
    assert snapshot(ascend) == before


def test_a_patch_in_a_package_that_is_not_there_is_refused(ascend, vllm, tmp_path):
    before = snapshot(ascend)
    arguments = {"module": "patch_v3.patch_new", "target": HELD, "vllm": str(vllm), **WORDS}
    with pytest.raises(Refusal, match=r"vllm_ascend/patch/worker/patch_v3/__init__\.py does not exist"):
        run("add-patch", ascend, journal=tmp_path / "journal", **arguments)
    assert snapshot(ascend) == before


def test_a_retired_patch_takes_along_what_its_condition_alone_imported(ascend, vllm, tmp_path):
    before = snapshot(ascend)
    form = {"module": "patch_new", "kind": "platform", "condition": "HAS_TRITON"}
    run("add-patch", ascend, journal=tmp_path / "journal", target=HELD, vllm=str(vllm), **form, **WORDS)
    assert "import HAS_TRITON" in (ascend / "vllm_ascend/patch/platform/__init__.py").read_text()
    run("retire-patch", ascend, journal=tmp_path / "journal", module="patch_new", kind="platform")
    assert snapshot(ascend) == before
