"""Imports of patches, at the top level and under conditions, added and taken out again."""

import ast

from hypothesis import given
from hypothesis import strategies as st

from codemods import find_codemod
from tests.drawn import examples

ADD, RETIRE = find_codemod("ascend-patch-import"), find_codemod("ascend-patch-import-removal")
PACKAGE = "vllm_ascend.patch.worker."
BLOCKS = (
    "import {p}patch_{n}  # noqa\n",
    "import {p}patch_v2.patch_{n}\n",
    "\nif not is_310p():\n    import {p}patch_{n}  # noqa\nelse:\n    import {p}patch_{n}_310  # noqa\n\n",
    "\nif HAS_TRITON:\n    import {p}patch_{n}  # noqa\n    import {p}patch_v2.patch_{n}  # noqa\n\n",
    "try:  # noqa: SIM105\n    import {p}patch_{n}  # noqa\nexcept ImportError:\n    pass\n",
    "# A comment.\nimport {p}patch_{n}  # noqa\n",
)


@st.composite
def packages(draw):
    """The text of a patch package, which uses what it imports."""
    text = "# Licence\n\nfrom vllm.triton_utils import HAS_TRITON\n\nfrom vllm_ascend.utils import is_310p\n\n"
    text += "assert HAS_TRITON or is_310p()\n"
    text += "import vllm_ascend.patch.worker.patch_first  # noqa\n"
    for number, block in enumerate(draw(st.lists(st.sampled_from(BLOCKS), max_size=5))):
        text += block.format(p=PACKAGE, n=f"n{number}")
    return text


MODULES = st.sampled_from(["patch_new", "patch_v2.patch_new"])
CONDITIONS = st.sampled_from(["", "not is_310p()", "is_310p()", "HAS_TRITON"])


@given(packages(), MODULES, CONDITIONS)
@examples(40)
def test_an_import_is_added_once_under_its_condition_and_taken_out_again(text, module, condition):
    arguments = {"module": module, "condition": condition}
    added = ADD.run(text, arguments)
    assert ADD.run(added, arguments) == added
    assert [line for line in text.splitlines() if line.strip()] == [
        line
        for line in added.splitlines()
        if line.strip() and f"{PACKAGE}{module} " not in line and (line in text or not line.startswith("if "))
    ]
    tree = ast.parse(added)
    name = PACKAGE + module
    assert sum(isinstance(n, ast.Import) and n.names[0].name == name for n in ast.walk(tree)) == 1
    is_top = any(isinstance(n, ast.Import) and n.names[0].name == name for n in tree.body)
    assert is_top is (condition == "")
    left = RETIRE.run(added, {"module": module})
    assert left == text or (
        condition and left.split() == text.split()
    )  # a block leaves the line between its neighbours


def test_a_version_guard_brings_what_it_calls(ascend_source):
    text = (ascend_source / "vllm_ascend/patch/platform/__init__.py").read_text()
    arguments = {"module": "patch_new", "kind": "platform", "condition": 'vllm_version_is("0.22.9")'}
    added = ADD.run(text, arguments)
    assert '\nif vllm_version_is("0.22.9"):\n    import vllm_ascend.patch.platform.patch_new  # noqa\n' in added
    assert any(
        isinstance(n, ast.ImportFrom) and "vllm_version_is" in [alias.name for alias in n.names]
        for n in ast.parse(added).body
    )
    assert ADD.run(added, arguments) == added
