"""``make bench-delivery``: what a commit holds, applied to fresh trees, serves the model, and lints clean.

For each form of vllm-ascend (0.18 and 0.23, and a tree of the kind that mkdocs makes a site of) and each of two models
that vLLM does not have: ``new-model`` on to the commit; then, of the commit alone, a fresh clone, a fresh vLLM to which
its patch is applied where it has one, a server, and the answer of transformers; and the tree's own checks and settings
on its files.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scaffold_validators.engine import probe
from scaffold_validators.openai_api import Client
from scaffold_validators.serve import HOST, Patience, ServePlan, Server
from scaffold_validators.stages.visit import readiness
from tests.lab.checkpoints import checkpoint
from tests.lab.commands import run
from tests.lab.demo import SERVE
from tests.lab.engine import FORKS, engine, environment_for, vllm_working_copy
from tests.lab.mkdocs_tree import mkdocs_tree
from tests.lab.ports import free_port
from tests.lab.trees import ascend_repo
from tests.lab.workplace import IDENTITY, Workplace

MODELS = ("helium", "solar-open")
RELEASES = ("0.18.0", "0.23.0.post1")
MKDOCS = "mkdocs"
OWN_CHECKS = (
    "check_python_src_init",
    "check_forbidden_imports",
    "check_boolean_context_manager",
    "check_long_functions",
)
"""Scripts of vllm-ascend's ``tools/`` that its hooks run on Python files; they import what vLLM has (regex)."""
ANSWERS = "(?s)```json.*?```"
"""The answers of a model: with random weights they are no words."""
PROMPT = "The future of AI is"


REFERENCE = """
import json
import sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
ids = tokenizer(sys.argv[2], return_tensors="pt").input_ids
with torch.no_grad():
    made = model.generate(ids, max_new_tokens=16, do_sample=False)
print(json.dumps(made[0, ids.shape[1]:].tolist()))
"""
"""What transformers answers: token ids."""


def main() -> int:
    """Run all, print a row each; 0 if each serves, and lints clean."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="", help="trees, joined by commas")
    parser.add_argument("--models", default=",".join(MODELS), help="rows of checkpoints.yaml, joined by commas")
    parser.add_argument("--markdownlint", default="", help="the command of markdownlint-cli, where it is installed")
    parser.add_argument("--lint-bin", default="", help="a folder with typos, codespell and yamllint")
    asked = parser.parse_args()
    chosen = [tree for tree in (*RELEASES, MKDOCS) if not asked.only or tree in asked.only.split(",")]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="delivery-") as scratch:
        for tree in chosen:
            place = _workplace(Path(scratch) / tree, tree)
            for model in asked.models.split(","):
                started = time.monotonic()
                found = list(_row(place, model, asked.markdownlint, asked.lint_bin))
                failed += bool(found)
                seconds = f"{time.monotonic() - started:.0f} s"
                print(f"{tree:14} {model:12} {seconds:>6}  {'; '.join(found) or 'serves, lints clean'}", flush=True)
    return int(failed > 0)


def _workplace(root: Path, tree: str) -> Workplace:
    place = Workplace(root.resolve())
    place.work.mkdir(parents=True)
    vllm_working_copy(engine(), place.vllm)
    environment_for(engine(), place.vllm, place.root / "venv")
    (mkdocs_tree(place.ascend) if tree == MKDOCS else ascend_repo(place.ascend, tree))
    for key, value in IDENTITY.items():
        run("git", "config", key, value, cwd=place.ascend)
    return place


def _row(place: Workplace, model: str, markdownlint: str, lint_bin: str) -> Iterator[str]:
    """Yield what is wrong with the delivery of one model."""
    commit, refused = _deliver(place, model)
    if refused:
        yield f"no commit: {refused}"
        return
    with tempfile.TemporaryDirectory(prefix="fresh-") as scratch:
        fresh = Path(scratch) / "vllm-ascend"
        run("git", "clone", "-q", "--no-local", place.ascend, fresh)
        run("git", "checkout", "-q", commit, cwd=fresh)
        files = run("git", "show", "--name-only", "--format=", commit, cwd=fresh).split()
        yield from _lint(fresh, files, markdownlint, lint_bin)
        answer = _served(Path(scratch), fresh, [file for file in files if file.endswith(".patch")], model)
        reference = [str(engine().python), "-c", REFERENCE, str(checkpoint(model)), PROMPT]
        expected = json.loads(subprocess.run(reference, capture_output=True, text=True, check=True).stdout)
        if answer != expected:
            yield f"fresh trees answer {answer!r}, and transformers {expected!r}"


def _deliver(place: Workplace, model: str) -> tuple[str, str]:
    """Return the commit of a model, or why there is none."""
    words = [
        "new-model",
        str(checkpoint(model)),
        *place.options(),
        "--validate",
        "--stage",
        "parity",
        "--commit",
        "--json",
    ]
    words += ["--accept-device", "cpu", "--accuracy-pending", "no NPU here", "--port", str(free_port())]
    words += ["--without", "features", "no NPU here", "--without", "capacity", "no NPU here"]
    command = [str(Path(sys.executable).parent / "scaffold"), *words, *SERVE[:-1], "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, FORKS: "1"})
    if done.returncode:
        return "", done.stderr.strip()[-800:]
    document: dict[str, Any] = json.loads(done.stdout)
    return document["commit"], ""


def _served(scratch: Path, ascend: Path, patches: Sequence[str], model: str) -> list[int] | str:
    """Serve a model from a fresh vLLM and what a commit brings, and return its answer."""
    vllm = scratch / "vllm"
    vllm_working_copy(engine(), vllm)
    python = environment_for(engine(), vllm, scratch / "venv")
    for patch in patches:
        run("git", "apply", ascend / patch, cwd=vllm)
    if not patches:
        _install_models(ascend, python, scratch / "plugin")
    return _answer(python, scratch, checkpoint(model), model)


def _install_models(ascend: Path, python: Path, info: Path) -> None:
    """Have vLLM find vllm-ascend's models alone: its platform needs an NPU."""
    metadata = info / "delivered-0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: delivered\nVersion: 0\n")
    (metadata / "entry_points.txt").write_text(
        "[vllm.general_plugins]\ndelivered = vllm_ascend.models:register_model\n"
    )
    (packages,) = (python.parents[1] / "lib").glob("python3.*/site-packages")
    (packages / "delivered.pth").write_text(f"{info}\n{ascend}\n")


def _answer(python: Path, work: Path, model: Path, name: str) -> list[int] | str:
    """Return the token ids of a server's greedy answer to `PROMPT`; why it did not become ready, if so."""
    plan = ServePlan(
        engine=probe(python),
        model=model.resolve(),
        served_model_name=name,
        cwd=work,
        port=free_port(),
        dtype="float32",
        max_model_len=512,
        enforce_eager=True,
        env={FORKS: "1"},
    )
    patience = Patience()
    with Server(plan, work / "serve.log", lambda line: None, lambda line: None) as server:
        client = Client(f"http://{HOST}:{plan.port}", server.alive, patience.request_seconds)
        unready = server.wait_ready(lambda: readiness(client, server), patience)
        if unready is not None:
            return unready.reason
        body = {"model": name, "prompt": PROMPT, "max_tokens": 16, "temperature": 0, "return_token_ids": True}
        said = client.send("/v1/completions", body)
        return list(said.body["choices"][0]["token_ids"]) if said.status == 200 else str(said.body)


def _lint(fresh: Path, files: Sequence[str], markdownlint: str, lint_bin: str) -> Iterator[str]:
    """Yield what the tree's own settings and checks say of the files of a commit."""
    python = [file for file in files if file.endswith(".py")]
    pages = [file for file in files if file.endswith(".md")]
    configs = [file for file in files if file.endswith(".yaml")]
    ruff = (sys.executable, "-m", "ruff")
    tools = [fresh / "tools" / f"{name}.py" for name in OWN_CHECKS]
    commands: list[tuple[Sequence[str | Path], Sequence[str]]] = [
        ((*ruff, "check", "--no-cache"), python),
        ((*ruff, "format", "--check", "--no-cache"), python),
        *(((engine().python, tool), python) for tool in tools if tool.is_file()),
        (tuple(markdownlint.split()), pages if markdownlint else ()),
    ]
    commands.append((("git", "diff", "--check", "HEAD~1", "HEAD", "--"), [*python, *pages, *configs]))
    yield from _said(commands, fresh)
    if lint_bin:
        for page in pages:  # random weights answer in no language
            (fresh / page).write_text(re.sub(ANSWERS, "", (fresh / page).read_text()))
        words = Path(lint_bin)
        of_words: list[tuple[Sequence[str | Path], Sequence[str]]] = [
            ((words / "typos", "--force-exclude"), files),
            ((words / "codespell",), (*pages, *configs)),
            ((words / "yamllint", "-d", "relaxed"), configs),
        ]
        yield from _said(of_words, fresh)


def _said(commands: Sequence[tuple[Sequence[str | Path], Sequence[str]]], fresh: Path) -> Iterator[str]:
    for command, given in commands:
        if given:
            words = [*command, *given]
            done = subprocess.run(words, cwd=fresh, capture_output=True, text=True, check=False, env=_PLAIN)
            if done.returncode:
                yield f"{Path(str(command[0])).name}: {(done.stdout + done.stderr).strip()[:400]}"


_PLAIN: Mapping[str, str] = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


if __name__ == "__main__":
    sys.exit(main())
