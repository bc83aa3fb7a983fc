"""The judge of `make bench-add-patch`, on a package of ours: what it calls right is, and a caller left out is found."""

import sys
from dataclasses import replace

from tests.bench.patched.kept import keep_patch, patches_of
from tests.bench.patched.run import applied
from tests.bench.patched.sample import patch, read, targets
from tests.codemods.patches.test_replaced import FILES

FIRST = ["vllm", "vllm.named", "vllm.starred", "vllm.through", "vllm.dotted"]


def package_of(folder):
    """Write the package, and read it."""
    for name, text in FILES.items():
        path = folder / "vllm" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return read(folder)


def test_a_run_that_was_stopped_goes_on_where_it_was(tmp_path):
    package = package_of(tmp_path)
    names = ("grow", "Leaf")
    made = [patch(package, target) for target in targets(package.files.values()) if target.path in names]
    kept = tmp_path / "answers.jsonl"
    _, first = applied(made, 1, FIRST, python=sys.executable, path=tmp_path, kept=kept)
    kept.write_text(kept.read_text() + '{"module": "vllm", "pa')  # stopped while it wrote
    _, *answers = applied(made, 2, FIRST, python=sys.executable, path=tmp_path, kept=kept)
    assert answers[0] == first
    assert [answer["path"] for answer in answers] == [one.target.path for one in made]


def test_patches_that_are_kept_are_read_again(tmp_path):
    package = package_of(tmp_path)
    made = [patch(package, target) for target in targets(package.files.values())]
    assert any(one.refused for one in made)
    for one in made:
        keep_patch(tmp_path / "patches.jsonl", one)
    assert patches_of(tmp_path / "patches.jsonl") == made


def test_patches_of_a_package_are_right_and_a_caller_left_out_is_found(tmp_path):
    package = package_of(tmp_path)
    wanted = {"grow", "Tree.rings", "Leaf", "leaf"}
    made = [patch(package, target) for target in targets(package.files.values()) if target.path in wanted]
    assert len(made) == len(wanted)
    grow = next(one for one in made if one.target.path == "grow")
    left_out = replace(grow, text=grow.text.replace('    ("vllm.starred", "grow"),\n', ""))
    assert left_out.text != grow.text
    _, *answers, wrong = applied([*made, left_out], 99, FIRST, python=sys.executable, path=tmp_path)
    assert [answer for answer in answers if answer["wrong"]] == []
    assert wrong["wrong"] == ["still the original: ('vllm.starred', 'grow')"]
