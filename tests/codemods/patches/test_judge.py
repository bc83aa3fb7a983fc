"""The judge of `make bench-add-patch`, on a package of ours: what it calls right is, and a caller left out is found."""

import sys
from dataclasses import replace

from tests.bench.patched.run import applied
from tests.bench.patched.sample import patch, read, targets
from tests.codemods.patches.test_replaced import FILES

FIRST = ["vllm", "vllm.named", "vllm.starred", "vllm.through", "vllm.dotted"]


def test_patches_of_a_package_are_right_and_a_caller_left_out_is_found(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / "vllm" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    package = read(tmp_path)
    wanted = {"grow", "Tree.rings", "Leaf", "leaf"}
    made = [patch(package, target) for target in targets(package.files.values()) if target.path in wanted]
    assert len(made) == len(wanted)
    grow = next(one for one in made if one.target.path == "grow")
    left_out = replace(grow, text=grow.text.replace('    ("vllm.starred", "grow"),\n', ""))
    assert left_out.text != grow.text
    _, *answers, wrong = applied([*made, left_out], 99, FIRST, python=sys.executable, path=tmp_path)
    assert [answer for answer in answers if answer["wrong"]] == []
    assert wrong["wrong"] == ["still the original: ('vllm.starred', 'grow')"]
