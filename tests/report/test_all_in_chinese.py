"""No sentence of this tool's own stays English in a Chinese document: those that its code can say are looked for there.

Strings of the code are taken for sentences where they are several words and reach records: what an error is raised
with, what a docstring says and what progress reports is another matter.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import scaffold
import scaffold_validators
from scaffold.capacity.kv_cache import STATES
from scaffold.capacity.plan import OWN_LENGTH
from scaffold.report.wording import words
from scaffold.strategy.gate import SPLIT
from scaffold_validators.stages.conclude import ANOTHER_LOOK, SLOW
from scaffold_validators.stages.ladder.climb import STEPS

PACKAGES = (Path(scaffold.__file__).parent, Path(scaffold_validators.__file__).parent)
SAYING = (
    "stages/conclude.py", "stages/real.py", "stages/requests.py", "stages/parity.py", "stages/visit.py",
    "stages/capacity/run.py", "stages/features/proofs.py", "stages/features/run.py", "stages/features/table.py",
    "stages/ladder/climb.py", "gates.py", "reference/run.py", "twin/run.py", "running/model_facts.py",
    "running/slice.py", "running/static.py", "running/static_verdict.py", "running/static_stops.py",
    "strategy/alias.py", "strategy/computes.py", "strategy/gate.py", "strategy/mapped.py", "strategy/native.py",
    "strategy/remote_code.py", "strategy/supported.py", "strategy/transformers_backend.py", "strategy/unknown_name.py",
    "planning/place.py", "planning/processor.py", "planning/listings.py", "planning/modelslim.py",
    "planning/library_config.py", "capacity/plan.py", "capacity/kv_cache.py", "disagreements", "ascend/soc.py",
    "checkpoint/ascend_paths.py", "report/page/of_plan.py",
    "shims/engine.py", "shims/on_path/scaffold_shims.py",
)  # fmt: skip
"""Files and folders whose sentences reach the records that reports are made of."""
ELSEWHERE = re.compile(
    "|".join(
        (
            r"Add .*|Add tutorial.*|vLLM serves it .*|vLLM implements .*",  # titles and tutorials
            r"vllm-ascend: .*|vLLM: .*|.*\.md|.*\.py",  # sources of rows
            r".*(\\[sSd]|\[\^|is not supported|is supported).*",  # patterns, what trees say
            r"stage .*: starting.*|ready after .*|asking for.*|running the reference.*|.*: 7 tokens, 7 sequences",
            r"one request of 7 tokens|7 requests at once|ended after death|another server answers on port 7",
            r"What colour.*|The capital.*|Write a.*|Translate.*|Once upon.*",  # requests
            r"\{\".*|--limit-mm.*|By size alone.*|7 of weights .*",
            r"scaffold shim .*|Graph capturing.*|Replaying.*|Expert parallelism is enabled",  # lines of logs
            r"tuple\[.*|_supports_.*|does not recognize|explicit `--max-.*|weights (int|float)\d.*|config.json, arch.*",
            r"see the error; without a.*|its own code would.*",  # what errors advise
            r".*--believe 7 .*|merge the.*|serve the base.*|serve without a.*|for drafts, state.*|compare .*",
            r"take config.json from.*|config and tensors disagree|the config contradicts itself|a target that.*",
            r"the group that the.*|state the number.*|no rotation can be made of.*|the files can be read in.*|vllm/.*",
            r"7 \(kv_lora_rank \+ qk_rope_head_dim\)",
        )
    )
)
"""What says something to others than the readers of a report."""
NOT_SAID = {"report", "UsageError", "CheckFailed", "Problem", "ScaffoldError", "compile", "sub", "search", "match"}
UNSHOWN = {"remedy", "expected", "where", "subject", "support", "path", "source"}
"""Keywords of values that no report shows of those files."""
FILLED = ("7", "a.b", "NovaForCausalLM", "[1, 2]", "A2", "'x'")


STATE = " of 4,096 B each (ssm: a, b)"
USABLE = "an NPU can use 54.6 GiB: 90% of 64 GiB less 3 GiB for activations, graphs and buffers (assumed)"
HEADS = "the config has no number of KV heads that is understood; {}"
HOLDS = "tensors, imports and calls of a.b:C hold"
PARTS = {
    "look at what the processes did, and at the stacks at the end of the log": f"{ANOTHER_LOOK}; {SLOW}",
    "pass a longer limit where it is only slow (--start-seconds, --idle-seconds, --request-seconds)": (
        f"{ANOTHER_LOOK}; {SLOW}"
    ),
    "the log could not be kept ({})": "the log could not be kept (full); until then: a failure in the log",
    "practical length {}, in {}": "theoretical length 9; practical length 9, in 2 starts",
    "it fails otherwise ({}: {})": f"with step eager it fails otherwise (timed-out: x): {STEPS[0].tells}",
    "the first {} of {} layers": "the first 2 of 9 layers: a failure in the log",
    ", whose kinds were told by names, shapes and config alone": "the first 2 of 9 layers, whose kinds were told by "
    "names, shapes and config alone: a failure in the log",
    "; it agrees where vLLM's layers take their PyTorch path, so a kernel of this engine is wrong, which need not hold "
    "on another device": "the twin could not be served: no answer in 9 s; it agrees where vLLM's layers take their "
    "PyTorch path, so a kernel of this engine is wrong, which need not hold on another device",
    "; the twin has no tensors like {}, so it says nothing about these": "log probabilities differ by at most 1e-3, 3 "
    "of 12 greedy tokens agree; the twin has no tensors like a.b, so it says nothing about these",
    "for CUDA alone": "a (b.c) is for CUDA alone, called in any case at d.py:1",
    "not there on {}": "a (b.c) is not there on A2, called in any case at d.py:1",
    "{} ({}) is {}, called in any case at {}": "a (b.c) is not there on A2, called in any case at d.py:1",
    "{} is asked to be {}, and {} is {}": "a.b is asked to be [1], and c.d is [2, 3]",
    "{} asks {} to be {}, and {} is {}": "Nova asks a.b to be [1], and c.d is [2, 3]",
    "{} that stop{} it before any server: {}": "1 that stops it before any server: code: a.b",
    "tensors, imports and calls of {} hold": f"{HOLDS}; kernels not looked at",
    "{}; kernels not looked at": f"{HOLDS}; kernels not looked at",
    "{}; no kernel stops it on {}{}": f"{HOLDS}; no kernel stops it on A2; quantised weights: unknown: registered",
    "these are packed or split otherwise in the files than in the source, and {} takes them as it lays them out: one "
    "part behind the other": SPLIT.format(class_name="Nova") + ": a.b",
    "and {} more kinds": "nothing fills a.b, c.d and 3 more kinds of Nova",
    "no processor stub: {}": "no processor stub: transformers has NovaProcessor",
    "the checkpoint's own code has {}, which takes --trust-remote-code": "no processor stub: the checkpoint's own code "
    "has a.B, which takes --trust-remote-code",
    "a sequence has {:,} tokens, the longest that the model was made for": OWN_LENGTH.format(4096),
    "{} of {} less {} GiB for activations, graphs and buffers (assumed)": USABLE,
    "an NPU can use {}: {}": USABLE,
    "no size on one node holds {}; {}": "no size on one node holds 16 × 4,096 tokens; tp 8 holds 3 of 4,096 tokens",
    "does not fit: {} of weights per rank at tp {}, {} usable": "does not fit: 61.2 GiB of weights per rank at tp 8, "
    "54.6 GiB usable",
    **{says: f"3 layers {says}{more}" for (says, more) in zip(STATES.values(), (STATE, STATE, "", ""))},
    "those of the tensors differ": HEADS.format("those of the tensors differ"),
    "{} may be that": HEADS.format("num_kv may be that"),
    "the config has no number of KV heads that is understood; {}": HEADS.format("num_kv may be that"),
    ", which is not counted: the config does not tell its size": "2 layers keep a state of fixed size, which is not "
    "counted: the config does not tell its size",
    "as many as heads": "the config names no number of KV heads: as many as heads",
    "as the tensors show": "the config names no number of KV heads: as the tensors show",
    "the config names no number of KV heads: {}": "the config names no number of KV heads: as many as heads",
    "{} bytes per element, as vLLM loads 16 bit": "2 bytes per element, as vLLM loads 16 bit",
    "LoHa or LoKr": "a.b is what training by LoHa or LoKr left",
    "OFT or BOFT": "a.b is what training by OFT or BOFT left",
    "and {} more are there": "a.b and 3 more are there, with tensors such as c.d",
    "{}{}, with tensors such as {}": "a.b is there, with tensors such as c.d",
    "{} is packed as {} packs": "a.b [1, 2] beside scales [1, 2] is packed as AWQ packs",
    "{} has {} bits a value": "a.b [1, 2] beside scales [1, 2] has 4 bits a value",
    "{} has a scale for {} inputs": "a.b [1, 2] beside scales [1, 2] has a scale for 64 inputs",
    "{} is the scale of {}": "a.b [1, 2] is the scale of c.d [1, 2]",
    "and {} more are": "a.b and 3 more are what training by LoRA left",
    "{}{} what training by {} left": "a.b is what training by LoRA left",
    "the class {} such biases": "the class has no such biases",
    "{} has an inner size of {}": "a.b [2, 3] has an inner size of 5",
    "the config has {}": "the config has vision_config and audio_config",
    "no target names it": "no target names it, of a.b",
    "{} has weights of {}{}": "group_0 has weights of int4, of a.b",
    "; stood in for kernels of this engine that answer wrongly: {}": "1 request answered, log clean; stood in for "
    "kernels of this engine that answer wrongly: cpu-router: the CPU's plain router knows no sigmoid scores, and "
    "passes over a correction bias",
    "{}, which this adds": "ModelSlim: a.py lacks a row for nova, which this adds",
}
"""A part of a sentence → a whole one that has it."""


def _sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and text of the strings of a file that may be sentences, ``{}`` for what is filled in."""
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Raise | ast.Assert) or _is_docstring(node):
            continue
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in NOT_SAID:
            continue
        text = text_of(node)
        if text is not None:
            if len(re.findall("[A-Za-z]{2,}", text)) > 2 and " " in text.strip():
                yield node.lineno, text.strip()  # type: ignore[attr-defined]
            continue
        children = (child for child in ast.iter_child_nodes(node))
        waiting += [child for child in children if not (isinstance(child, ast.keyword) and child.arg in UNSHOWN)]


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def text_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.sub(r"\{\w*\}", "{}", node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(v.value) if isinstance(v, ast.Constant) else "{}" for v in node.values)
    return None


def is_said(text: str) -> bool:
    """Return whether a sentence has its Chinese with something in its gaps."""
    chinese = words("zh")
    first, *rest = text.removeprefix("; ").split("{}")
    fills = itertools.product(FILLED, repeat=len(rest)) if len(rest) < 4 else ((one,) * len(rest) for one in FILLED)
    wholes = (first + "".join(map(str.__add__, fill, rest)) for fill in fills)
    return any(chinese.said(whole, str) is not None for whole in wholes)


def _files() -> Iterator[Path]:
    for name in SAYING:
        found = [package / name for package in PACKAGES if (package / name).exists()]
        assert found, name
        for path in found:
            yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


def test_what_reaches_a_report_is_said_in_chinese() -> None:
    english, parts = [], set()
    for path in _files():
        for line, text in sorted(set(_sentences(path))):
            parts |= {text} & {*PARTS}
            if not ELSEWHERE.fullmatch(text.replace("{}", "7")) and not is_said(PARTS.get(text, text)):
                english.append(f"{path.name}:{line}: {text}")
    assert english == []
    assert parts == {*PARTS}
