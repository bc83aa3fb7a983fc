"""`run` and `edit`: a codemod or a recipe by its name, on a tree."""

import shutil
import subprocess
from pathlib import Path

import pytest

from codemods import CODEMODS, RECIPES, ChangeSet, Refusal, edit, run, undo
from tests.copies import copy_file, copy_tree
from tests.lab.commands import git_commit_all
from tests.rows import each
from tests.sampled import costly
from tests.snapshots import snapshot

ENTRY = {"architecture": "CedarForCausalLM", "module": "cedar", "class_name": "CedarForCausalLM"}
REGISTRY = "vllm/model_executor/models/registry.py"
LONG = {**ENTRY, "architecture": "CedarWithConesForCausalLM", "class_name": "CedarWithConesForCausalLM"}
BEFORE = '_TEXT_GENERATION_MODELS = {\n    "AlderForCausalLM": ("alder", "AlderForCausalLM"),\n}\n'
NEW_LINE = '    "CedarForCausalLM": ("cedar", "CedarForCausalLM"),\n'


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def tree(tmp_path):
    return write(tmp_path / "vllm", {REGISTRY: BEFORE})


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal"


def test_a_run_says_what_it_did_and_undo_takes_it_back(tree, journal):
    outcome = run("vllm-registry-entry", tree, journal=journal, **ENTRY)
    assert (outcome.is_changed, outcome.is_written) == (True, True)
    assert outcome.files == (tree / REGISTRY,)
    assert f"\n+{NEW_LINE}" in outcome.diff
    assert (tree / REGISTRY).read_text() == BEFORE[:-2] + NEW_LINE + "}\n"
    undo(journal)
    assert (tree / REGISTRY).read_text() == BEFORE


def test_the_second_run_changes_nothing_and_is_no_run_to_undo(tree, journal):
    run("vllm-registry-entry", tree, journal=journal, **ENTRY)
    again = run("vllm-registry-entry", tree, journal=journal, **ENTRY)
    assert (again.is_changed, again.is_written, again.files, again.diff) == (False, False, (), "")
    undo(journal)
    assert (tree / REGISTRY).read_text() == BEFORE


def test_a_dry_run_shows_the_same_diff_and_writes_nothing_at_all(tree, tmp_path, journal):
    before = snapshot(tmp_path)
    shown = run("vllm-registry-entry", tree, dry_run=True, journal=journal, **ENTRY)
    assert snapshot(tmp_path) == before
    assert (shown.is_changed, shown.is_written) == (True, False)
    assert shown.diff == run("vllm-registry-entry", tree, journal=journal, **ENTRY).diff


def test_the_diff_applies_inside_of_the_tree(tree, journal):
    diff = run("vllm-registry-entry", tree, dry_run=True, **ENTRY).diff
    subprocess.run(["git", "apply"], cwd=tree, input=diff.encode(), check=True)
    assert run("vllm-registry-entry", tree, dry_run=True, **ENTRY).is_changed is False


def test_one_file_will_do(tree, journal):
    outcome = run("vllm-registry-entry", str(tree / REGISTRY), journal=str(journal), **ENTRY)
    assert outcome.files == (tree / REGISTRY,)
    assert "a/registry.py" in outcome.diff


def test_runs_are_remembered_where_undo_of_the_command_line_looks(tree, tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    run("vllm-registry-entry", tree, **ENTRY)
    undo(work / ".scaffold" / "journal")
    assert (tree / REGISTRY).read_text() == BEFORE


@pytest.mark.parametrize(
    ("name", "place", "arguments", "message"),
    [
        ("no-such-edit", "vllm", {}, "no codemod or recipe"),
        ("vllm-registry-entry", "vllm", {**ENTRY, "colour": "red"}, "unknown: colour"),
        ("vllm-registry-entry", "vllm", {}, "missing: architecture, module, class_name"),
        ("vllm-registry-entry", "nowhere", ENTRY, "no such directory"),
        (
            "ascend-worker-patch",
            "nowhere",
            dict.fromkeys(["module", "target", "source", "header_source"], "x"),
            "no such",
        ),
        ("register-model", "nowhere", {**ENTRY, "checkpoint": "trees/cedar"}, "no such directory"),
        ("register-model", f"vllm/{REGISTRY}", {**ENTRY, "checkpoint": "trees/cedar"}, "no such directory"),
        ("register-model", "vllm", ENTRY, "missing: checkpoint"),
        ("list-tutorial", "vllm", {"tutorial": "Cedar"}, "no file that this codemod edits"),
    ],
)
def test_what_cannot_be_done_is_a_refusal_and_writes_nothing(tree, tmp_path, name, place, arguments, message):
    before = snapshot(tmp_path)
    with pytest.raises(Refusal, match=message):
        run(name, tmp_path / place, journal=tmp_path / "journal", **arguments)
    assert snapshot(tmp_path) == before


def test_a_refusal_names_the_file_where_an_argument_says_which_it_is(tmp_path):
    page = tmp_path / "docs/models/supported_models.md"
    page.parent.mkdir(parents=True)
    page.write_text("# Models\n")
    with pytest.raises(Refusal) as refusal:
        run("vllm-supported-model", tmp_path, architecture="CedarForCausalLM", models="Cedar", examples="trees/cedar")
    assert refusal.value.where == str(page)


def test_no_argument_of_a_codemod_hides_one_of_run():
    for found in (*CODEMODS, *RECIPES):
        assert not {"dry_run", "force", "journal"} & {parameter.name for parameter in found.parameters}


def test_the_trees_own_line_length_decides_where_lines_are_broken(tree, journal):
    one_line = '    "CedarWithConesForCausalLM": ("cedar", "CedarWithConesForCausalLM"),\n'
    assert len(one_line) - 1 == 72
    for line_length, is_broken in ((72, False), (71, True)):
        (tree / "pyproject.toml").write_text(f"[tool.ruff]\nline-length = {line_length}\n")
        for place in (tree, tree / REGISTRY):
            diff = run("vllm-registry-entry", place, dry_run=True, **LONG).diff
            assert (f"+{one_line}" not in diff) is is_broken


def test_edits_of_a_change_set_stack_and_write_nothing(tree):
    changes = ChangeSet((tree,)).create(tree / "docs/new.md", "new\n")
    changes = edit(changes, "vllm-registry-entry", tree, **ENTRY)
    changes = edit(changes, "vllm-registry-entry", tree, **LONG)
    assert changes.paths == (tree / "docs/new.md", tree / REGISTRY)
    assert all(line in (changes.read(tree / REGISTRY) or "") for line in (NEW_LINE, '"CedarWithConesForCausalLM"'))
    assert (tree / REGISTRY).read_text() == BEFORE


def test_a_file_that_an_earlier_edit_made_is_found(tmp_path):
    changes = ChangeSet((tmp_path,)).create(tmp_path / "tests/e2e/models/configs/accuracy.txt", "")
    changes = edit(changes, "accuracy-list", tmp_path, config="Cedar.yaml")
    assert changes.read(tmp_path / "tests/e2e/models/configs/accuracy.txt") == "Cedar.yaml\n"


EXAMPLES = [(recipe, example) for recipe in RECIPES for example in recipe.examples]


@pytest.mark.parametrize(("recipe", "example"), EXAMPLES, ids=[recipe.name for recipe, _ in EXAMPLES])
def test_a_recipe_does_to_a_tree_what_its_example_says_once(recipe, example, tmp_path, journal):
    tree = write(tmp_path / "tree", example.before)
    before = snapshot(tree)
    paths = {p.name for p in recipe.parameters if p.is_tree}
    arguments = {key: str(tree / value) if key in paths else value for key, value in example.arguments.items()}
    outcome = run(recipe.name, tree, journal=journal, **arguments)
    for name, text in {**example.before, **example.after}.items():
        assert ((tree / name).read_text() if (tree / name).exists() else None) == text
    assert {path.relative_to(tree).as_posix() for path in outcome.files} == set(example.after)
    assert not run(recipe.name, tree, journal=journal, **arguments).is_changed
    undo(journal)
    assert snapshot(tree) == before


@each("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_recipes_steps_feed_all_that_their_codemods_need_from_what_it_takes(recipe):
    from codemods import find_codemod

    used: set[str] = set()
    for step in recipe.steps:
        codemod = find_codemod(step.codemod)
        assert codemod.tree == recipe.tree
        assert set(codemod.complete(dict.fromkeys(step.feeds, ""))) == {p.name for p in codemod.parameters}
        used |= {p.name for p in recipe.parameters if any(p.name in str(feed) for feed in step.feeds.values())}
    assert used == {parameter.name for parameter in recipe.parameters}


def test_a_recipe_that_is_refused_half_way_writes_nothing(tmp_path, journal):
    example = RECIPES[0].examples[0]
    files = {**example.before, "vllm_ascend/patch/__init__.py": "# a log without sections\n"}
    tree = write(tmp_path / "tree", files)
    before = snapshot(tmp_path)
    with pytest.raises(Refusal, match="no section for worker patches"):
        run("add-patch", tree, journal=journal, **{**example.arguments, "vllm": str(tree)})
    assert snapshot(tmp_path) == before


def test_a_target_in_no_module_of_the_tree_is_refused(tmp_path):
    example = RECIPES[0].examples[0]
    tree = write(tmp_path / "tree", dict(example.before))
    arguments = {**example.arguments, "vllm": str(tree), "target": "vllm.oak.Oak.grow"}
    with pytest.raises(Refusal, match=r"no module of the tree contains 'vllm\.oak\.Oak\.grow'"):
        run("add-patch", tree, dry_run=True, **arguments)


PATCHED = "vllm.model_executor.models.llama.LlamaMLP.forward"
WORDS = {"why": "Why.", "how": "How.", "related_pr": "None.", "future_plan": "Remove it."}


@pytest.fixture
def ascend(tmp_path, ascend_source):
    """The real vllm-ascend's own package and settings, under git."""
    root = tmp_path / "vllm-ascend"
    copy_tree(ascend_source / "vllm_ascend", root / "vllm_ascend")
    for name in ("pyproject.toml", "setup.py"):
        copy_file(ascend_source / name, root / name)
    git_commit_all(root, "vllm-ascend")
    return root


def git(root, *words, **options):
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True, **options).stdout


@costly
def test_a_patch_its_import_and_its_log_are_one_diff_and_one_undo_on_a_real_tree(ascend, vllm_source, monkeypatch):
    """The work directory is the tree itself, and git shows the edits alone; permissions and links stay."""
    monkeypatch.chdir(ascend)
    log, link = ascend / "vllm_ascend/patch/__init__.py", ascend.parent / "linked.py"
    log.chmod(0o664)
    link.hardlink_to(log)
    before, journal = snapshot(ascend), ascend / ".scaffold/journal"
    arguments = {"module": "patch_cedar", "target": PATCHED, "vllm": str(vllm_source), **WORDS}
    outcome = run("add-patch", ascend, **arguments)
    assert set(git(ascend, "status", "--porcelain", "-uall").splitlines()) == {
        " M vllm_ascend/patch/__init__.py",
        " M vllm_ascend/patch/worker/__init__.py",
        "?? vllm_ascend/patch/worker/patch_cedar.py",
    }
    assert (log.samefile(link), log.stat().st_mode & 0o777) == (True, 0o664)
    patch = ascend / "vllm_ascend/patch"
    files = (patch / "worker/patch_cedar.py", patch / "worker/__init__.py", patch / "__init__.py")
    assert outcome.files == files
    compile(files[0].read_text(), "patch_cedar.py", "exec")
    assert files[0].read_text().endswith("LlamaMLP.forward = _ascend_forward\n")

    added = [line for line in git(ascend, "diff", "--unified=0").splitlines() if line[:1] == "+" and line[:3] != "+++"]
    removed = [line for line in git(ascend, "diff").splitlines() if line[:1] == "-" and line[:3] != "---"]
    assert removed == []
    assert "+import vllm_ascend.patch.worker.patch_cedar  # noqa" in added
    assert f"+#   1. `{PATCHED}`" in added

    after = snapshot(ascend / "vllm_ascend")
    undo(journal)  # one
    assert log.samefile(link)
    shutil.rmtree(ascend / ".scaffold")
    assert snapshot(ascend) == before
    git(ascend, "apply", input=outcome.diff)  # one
    log.chmod(0o664)  # git knows no such permissions
    assert snapshot(ascend / "vllm_ascend") == after
