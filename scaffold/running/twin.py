"""Proves a planned adapter on the model's twin, before anything is written."""

from __future__ import annotations

import ast
import hashlib
import tempfile
from pathlib import Path

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import UsageError
from scaffold.placement.plugin import plugin_package
from scaffold.placement.protocol import Implementation
from scaffold.placement.registration import MODELS_PACKAGE, dotted
from scaffold.planning.plan import Plan
from scaffold.vocabulary.rows import as_value
from scaffold_validators.engine import Engine
from scaffold_validators.twin.run import Adapter, TwinRequest, run_twin
from scaffold_validators.verdict import Verdict


def prove_plan(plan: Plan, engine: Engine, log: Path, trust_remote_code: bool) -> Verdict:
    """Serve the twin through what the plan would write: the adapter's text, from a directory that is removed again.

    Raises:
        Problem: the target's transformers cannot make the twin.
    """
    with tempfile.TemporaryDirectory(prefix="scaffold-twin-") as scratch:
        adapter, text = None, ""
        if plan.implementation is not None:
            adapter, text = _adapter_in(Path(scratch), plan.implementation)
        model_impl = plan.decision.strategy.model_impl or "auto"
        return _run(plan.checkpoint, engine, adapter, text, model_impl, Path(scratch), log, trust_remote_code)


def _adapter_in(scratch: Path, implementation: Implementation) -> tuple[Adapter, str]:
    """Return how an implementation is registered, a generated module written below ``scratch``; and its text."""
    registration, code = implementation.registration, implementation.code
    architecture, class_name = registration.architecture, registration.class_name
    if code is None:
        target = f"{dotted(registration.module, MODELS_PACKAGE)}:{class_name}"
        return Adapter(scratch, architecture, target), target
    package, source = plugin_package(code.module), scratch / "src"
    (source / package).mkdir(parents=True)
    (source / package / "__init__.py").write_text("", encoding="utf-8")
    (source / package / f"{code.module}.py").write_text(code.stand_alone, encoding="utf-8")
    return Adapter(source, architecture, f"{package}.{code.module}:{class_name}"), code.stand_alone


def prove_plugin(checkpoint: Checkpoint, plugin: Path, engine: Engine, log: Path, trust_remote_code: bool) -> Verdict:
    """Serve the twin through a plugin as it is in its folder, edited by hand or not.

    Raises:
        UsageError: the folder is no plugin of the model.
        Problem: the target's transformers cannot make the twin.
    """
    adapter = _adapter_of(plugin, checkpoint.architecture)
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(adapter.source.rglob("*.py")))
    with tempfile.TemporaryDirectory(prefix="scaffold-twin-") as scratch:
        return _run(checkpoint, engine, adapter, text, "auto", Path(scratch), log, trust_remote_code)


def _run(
    checkpoint: Checkpoint,
    engine: Engine,
    adapter: Adapter | None,
    text: str,
    model_impl: str,
    scratch: Path,
    log: Path,
    trust_remote_code: bool,
) -> Verdict:
    digests = {"adapter": hashlib.sha256(text.encode()).hexdigest(), "checkpoint": checkpoint.digest}
    return run_twin(
        TwinRequest(
            engine=engine,
            checkpoint=checkpoint.path,
            adapter=adapter,
            model_impl=model_impl,
            vocabulary=as_value(),
            tensors=tuple(checkpoint.tensors),
            scratch=scratch,
            log=log,
            digests=digests,
            trust_remote_code=trust_remote_code,
        )
    )


def _adapter_of(plugin: Path, architecture: str) -> Adapter:
    """Read what a plugin registers for an architecture, from its text."""
    for path in sorted((plugin / "src").glob("*/__init__.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and len(node.args) == 2):
                continue
            words = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if node.func.attr == "register_model" and len(words) == 2 and words[0] == architecture:
                return Adapter((plugin / "src").resolve(), architecture, str(words[1]))
    raise UsageError(
        f"no plugin that registers {architecture}",
        where=str(plugin),
        expected="a folder that scaffold new-model --placement plugin has made for this model",
        remedy="name that folder, or make it first",
    )
