"""Proves what a plan would serve the model by on the model's twin, before anything is written."""

from __future__ import annotations

import ast
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold.checkpoint.read import Checkpoint
from scaffold.common.errors import UsageError
from scaffold.placement.plugin import plugin_package
from scaffold.placement.protocol import Implementation
from scaffold.placement.registration import MODELS_PACKAGE, dotted
from scaffold.planning.plan import Plan, plan_again
from scaffold.planning.refusal import NotPlanned
from scaffold.strategy.decide import AUTO
from scaffold.strategy.protocol import Adds
from scaffold.vocabulary.rows import as_value
from scaffold_validators.engine import Engine
from scaffold_validators.twin.run import Adapter, TwinRequest, run_twin
from scaffold_validators.twin.workers import FRESH, Workers
from scaffold_validators.verdict import Verdict


def prove_in_turn(plan: Plan, engine: Engine, logs: Path, workers: Workers = FRESH) -> Iterator[tuple[Plan, Verdict]]:
    """Prove a plan; where ``auto`` chose its strategy and that is wrong, the next ones too, until one is right.

    Args:
        plan: nothing of it need be written.
        engine: the target's environment.
        logs: the folder of the logs, one for each strategy.
        workers: what the steps of twins run in.

    Yields:
        Each plan that was tried, with what its twin showed.

    Raises:
        Problem: the target's transformers cannot make the twin.
        Refusal: the target cannot take the next plan.
    """
    with tempfile.TemporaryDirectory(prefix="scaffold-twin-") as scratch:
        following: Plan | None = plan
        while following is not None:
            strategy = following.decision.strategy.name
            verdict = prove_plan(following, engine, logs / f"twin-{strategy}.log", Path(scratch), workers)
            yield following, verdict
            goes_on = not verdict.passed and plan.request.strategy == AUTO
            following = _next(following, {strategy: f"the twin showed it {verdict.reason}"}) if goes_on else None


def _next(plan: Plan, shown: Mapping[str, str]) -> Plan | None:
    """Return the plan of the next strategy that can be planned; None where nothing is left."""
    refuted = {**plan.request.refuted, **shown}
    try:
        return plan_again(plan, refuted)
    except NotPlanned as refusal:
        return _next(plan, {**shown, refusal.strategy: refusal.found}) if refusal.strategy else None


def prove_plan(plan: Plan, engine: Engine, log: Path, scratch: Path, workers: Workers = FRESH) -> Verdict:
    """Serve the twin as the plan would: by the module that it adds, an implementation of the target's, or the backend.

    Args:
        plan: any strategy's; nothing of it need be written.
        engine: the target's environment.
        log: where what the engine says is kept.
        scratch: a directory for the twin, which the plans for one checkpoint share: it is made once.
        workers: what the steps of twins run in.

    Raises:
        Problem: the target's transformers cannot make the twin.
    """
    adapter, text = None, ""
    if plan.implementation is not None:
        adapter, text = _adapter_in(scratch / plan.decision.strategy.name, plan.implementation)
    subject = Served(
        adapter,
        text,
        plan.decision.strategy.model_impl or "auto",
        is_vllms=plan.decision.strategy.adds is not Adds.MODULE,
        overrides=plan.subject.settled.overrides,
        renames=plan.decision.renames,
    )
    return _run(plan.checkpoint, engine, subject, scratch, log, plan.request.trust_remote_code, workers)


@dataclass(frozen=True)
class Served:
    """What serves a twin.

    Attributes:
        adapter: None for what the target's registry has.
        text: of the adapter, for the verdict's digest.
        is_vllms: whether it is vLLM's own code.
        overrides: what counts instead of something that the checkpoint's config says, as tensors were believed.
        renames: beginnings of names that the checkpoint has in place of those that its source has.
    """

    adapter: Adapter | None
    text: str
    model_impl: str = "auto"
    is_vllms: bool = False
    overrides: Mapping[str, Any] = field(default_factory=dict)
    renames: tuple[tuple[str, str], ...] = ()


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
    adapter = Adapter(source, architecture, f"{package}.{code.module}:{class_name}")
    config = code.config
    if config is not None:
        (source / package / f"{config.module}.py").write_text(config.text, encoding="utf-8")
        adapter = replace(
            adapter, config=f"{package}.{config.module}:{config.class_name}", model_type=config.model_type
        )
    return adapter, code.stand_alone


def prove_plugin(
    checkpoint: Checkpoint, plugin: Path, engine: Engine, log: Path, trust_remote_code: bool, workers: Workers = FRESH
) -> Verdict:
    """Serve the twin through a plugin as it is in its folder, edited by hand or not; ``workers`` run its steps.

    Raises:
        UsageError: the folder is no plugin of the model.
        Problem: the target's transformers cannot make the twin.
    """
    adapter = _adapter_of(plugin, checkpoint.architecture)
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(adapter.source.rglob("*.py")))
    with tempfile.TemporaryDirectory(prefix="scaffold-twin-") as scratch:
        return _run(checkpoint, engine, Served(adapter, text), Path(scratch), log, trust_remote_code, workers)


def _run(
    checkpoint: Checkpoint,
    engine: Engine,
    served: Served,
    scratch: Path,
    log: Path,
    trust_remote_code: bool,
    workers: Workers = FRESH,
) -> Verdict:
    digests = {"adapter": hashlib.sha256(served.text.encode()).hexdigest(), "checkpoint": checkpoint.digest}
    return run_twin(
        TwinRequest(
            engine=engine,
            checkpoint=checkpoint.path,
            adapter=served.adapter,
            model_impl=served.model_impl,
            is_vllms=served.is_vllms,
            overrides=served.overrides,
            renames=served.renames,
            vocabulary=as_value(),
            tensors=tuple(checkpoint.tensors),
            scratch=scratch,
            log=log,
            digests=digests,
            trust_remote_code=trust_remote_code,
        ),
        workers,
    )


def _adapter_of(plugin: Path, architecture: str) -> Adapter:
    """Read what a plugin registers for an architecture, from its text."""
    for path in sorted((plugin / "src").glob("*/__init__.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for target in (
            ast.literal_eval(second) for first, second in _calls(tree, "register_model") if first == architecture
        ):
            adapter = Adapter((plugin / "src").resolve(), architecture, str(target))
            for model_type, name in _calls(tree, "register"):
                adapter = replace(adapter, config=_imported(tree, ast.unparse(name)), model_type=model_type)
            return adapter
    raise UsageError(
        f"no plugin that registers {architecture}",
        where=str(plugin),
        expected="a folder that scaffold new-model --placement plugin has made for this model",
        remedy="name that folder, or make it first",
    )


def _calls(tree: ast.Module, function: str) -> Iterator[tuple[str, ast.expr]]:
    """Yield the word and the other argument of each ``….function("word", other)``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) != 2 or not isinstance(node.args[0], ast.Constant):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == function:
            yield str(node.args[0].value), node.args[1]


def _imported(tree: ast.Module, name: str) -> str:
    """Return ``module:name`` of a name that a module imports; empty if it does not."""
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return next((f"{node.module}:{name}" for node in froms if name in {alias.name for alias in node.names}), "")
