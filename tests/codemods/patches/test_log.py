"""The patch log in all its forms: nothing is logged twice, and what is added can be taken out again, to the byte."""

import re

from hypothesis import given
from hypothesis import strategies as st

from codemods import find_codemod
from codemods.text.lines import split_lines
from codemods.vllm_ascend.log_entries import entries_of, sections
from tests.drawn import examples
from tests.rows import each
from tests.sampled import costly

WORDS = {"why": "Why.", "how": "How.", "related_pr": "None.", "future_plan": "Remove it."}
LOG, RETIRE = find_codemod("ascend-patch-log"), find_codemod("ascend-patch-log-removal")

FORMS = {
    "# ** 7. File: worker/patch_oak.py**": (7, ("worker/patch_oak.py",)),
    "# ** 4. File: worker/patch_roberta.py **": (4, ("worker/patch_roberta.py",)),
    "# ** File: platform/patch_0_9_0/patch_x.py**": (None, ("platform/patch_0_9_0/patch_x.py",)),
    "# ** 9.File: worker/patch_qwen3_next.py**": (9, ("worker/patch_qwen3_next.py",)),
    "## ** 7. File: worker/patch_module.py**": (7, ("worker/patch_module.py",)),
    "# ** 10ab. File: worker/patch_v2/patch_attn_utils.py**": (10, ("worker/patch_v2/patch_attn_utils.py",)),
    "# ** 21. File: worker/patch_v2/patch_input_batch.py": (21, ("worker/patch_v2/patch_input_batch.py",)),
    "# ** 19. File: hunyuan_vl_processor_compat.py**": (19, ("hunyuan_vl_processor_compat.py",)),
    "# ** Files: worker/patch_a.py, worker/patch_b.py **": (None, ("worker/patch_a.py", "worker/patch_b.py")),
}


@each("heading", FORMS)
def test_a_heading_that_upstream_wrote_is_read(heading):
    (section,) = sections([f"{line}\n" for line in ("# * Worker Patch:", heading, "#   1. `vllm.oak.Oak.grow`")])
    (entry,) = section.entries
    assert (entry.number, entry.files) == FORMS[heading]
    assert entry.has_target("vllm.oak.Oak.grow")


def test_a_target_over_several_lines_and_by_its_end_counts():
    lines = ["# * Worker Patch:\n", "# ** 1. File: worker/patch_a.py**\n", "#   1. `vllm.a.A.f`,\n", "#      `B.g`\n"]
    (entry,) = entries_of([*lines, "#    Why:\n", "#       Unlike `C.h`.\n"], "worker/patch_a.py")
    assert entry.has_target("vllm.a.A.f")
    assert entry.has_target("vllm.b.B.g")
    assert not entry.has_target("vllm.c.C.h")


NAMES = st.lists(st.sampled_from("abcdefgh"), min_size=0, max_size=5, unique=True)
HEADINGS = st.sampled_from(
    ["# ** {n}. File: {f}**", "# ** {n}.File: {f} **", "## ** {n}b. File: {f}**", "# ** File: {f}**"]
)


@st.composite
def logs(draw):
    """A log with sections of entries in drawn forms, separated or not, sorted or not."""
    text = "# Licence\n\n"
    for kind in ("Platform", "Worker"):
        text += f"# * {kind} Patch:\n# ===\n"
        text += draw(st.sampled_from(["", "# Entries are listed in alphabetical order by file name.\n#\n"]))
        number = 0
        for name in draw(NAMES):
            number += draw(st.integers(1, 3))
            heading = draw(HEADINGS).format(n=number, f=f"{kind.lower()}/patch_{name}.py")
            text += f"{heading}\n# ~~~\n#   1. `vllm.{name}.f`\n#    Why:\n#       Slow.\n"
            text += draw(st.sampled_from(["", "#\n"]))
    text += draw(st.sampled_from(["", "\nimport os\n"]))
    return text if draw(st.booleans()) else text.replace("\n", "\r\n")


@given(logs(), st.sampled_from(["worker", "platform"]), st.sampled_from(["d", "z"]))
@examples(50)
def test_an_entry_is_added_once_and_taken_out_to_the_byte(text, kind, name):
    arguments = {"module": f"patch_{name}", "kind": kind, "target": f"vllm.{name}.f", **WORDS}
    was = entries_of(split_lines(text), f"{kind}/patch_{name}.py")
    logged = LOG.run(text, arguments)
    assert LOG.run(logged, arguments) == logged
    entries = [entry for section in sections(split_lines(logged)) for entry in section.entries]
    assert len(entries) == text.count("File: ") + (not was)
    if was:
        assert logged == text
        return
    mine = entries_of(split_lines(logged), f"{kind}/patch_{name}.py")
    (section,) = (s for s in sections(split_lines(logged)) if s.kind == kind)
    numbers = [entry.number for entry in section.entries if entry.number is not None]
    assert numbers.count(mine[0].number) == (mine[0].number is not None)
    assert RETIRE.run(logged, {"module": f"patch_{name}", "kind": kind}) == text


def test_a_logged_file_gets_a_further_item_and_keeps_its_own():
    text = "# * Worker Patch:\n# ** 1. File: worker/patch_a.py**\n# ~~~\n#   1. `vllm.a.f`\n#    Why:\n#       x\n#\n"
    got = LOG.run(text, {"module": "patch_a", "target": "vllm.b.g", **WORDS})
    assert got.startswith(text.removesuffix("#\n"))
    assert re.findall(r"#   (\d)\. `(.*)`", got) == [("1", "vllm.a.f"), ("2", "vllm.b.g")]
    assert got.endswith("#\n")


@costly
def test_every_entry_of_a_real_log_is_known(ascend_source):
    text = (ascend_source / "vllm_ascend/patch/__init__.py").read_text()
    seen = 0
    for section in sections(split_lines(text)):
        for entry in section.entries:
            for file in entry.files:
                kind, _, rest = file.rpartition(".py")[0].partition("/")
                target = next((t for item in entry.items for t in item.targets if "." in t), "")
                if rest.rpartition("/")[2].startswith("patch_") and target:
                    arguments = {"module": rest.replace("/", "."), "kind": kind, "target": target, **WORDS}
                    assert LOG.run(text, arguments) == text
                    seen += 1
    assert seen > 30
