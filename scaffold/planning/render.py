"""Render: the text of the module that a strategy adds. It has no place in a tree yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scaffold.adapter.config_object import config_object, read_by, write
from scaffold.adapter.context import LICENCE_HEADER, TIED, adapter_context, class_prefix
from scaffold.checkpoint.processor import AskedProcessor
from scaffold.common.errors import CheckFailed
from scaffold.idioms.frame import Target
from scaffold.mapping.of_checkpoint import tensors_of
from scaffold.mapping.proved import Proved
from scaffold.placement.protocol import Code
from scaffold.placement.registration import ConfigModule, absolute_imports
from scaffold.planning.library_config import differs
from scaffold.planning.processor import processor_of, why_none
from scaffold.planning.read import Subject
from scaffold.reading.of_checkpoint import Reading
from scaffold.rendering.formatting import format_python
from scaffold.rendering.template import render as render_template
from scaffold.roots.vllm_tree import MODELS, PROCESSORS, VllmTree
from scaffold.source.transformers.auto_mapping import config_class
from scaffold.weights.quantisation import quantisation_of
from scaffold_validators.calls import misfit_calls
from scaffold_validators.imports import unresolved_imports


def render(proved: Proved | None, subject: Subject, target: Target) -> Code | None:
    """Return the module whose weights were proved; None where there is none.

    Raises:
        NotUnderstood: a form that adapters have no idiom for.
    """
    if proved is None:
        return None
    module, vllm, is_multimodal = subject.site.module, subject.tree.root, subject.reading.checkpoint.is_multimodal
    asked = processor_of(subject.reading) if is_multimodal else AskedProcessor()
    files = render_template(
        {
            "model_name": subject.site.name,
            "module": module,
            "adapter": True,
            "delivery": {},
            "processor_files": ", ".join(subject.reading.checkpoint.processor_files),
            "image_processor": asked.image_processor,
            "image_token": repr(asked.image_token) if asked.image_token else "",
            **_adapter_context(proved, subject, target),
        },
        without=("docs", "tests"),
    )
    text = files[(MODELS / f"{module}.py").as_posix()]
    alone = format_python(absolute_imports(text), vllm, Path(f"{module}.py"))  # imports of no use go here
    is_needed = is_multimodal and not why_none(asked, subject.reading)
    stub = files[(PROCESSORS / f"{module}.py").as_posix()] if is_needed else ""
    return Code(module, in_tree=text, stand_alone=alone, processor=stub, config=_config_module(subject, alone))


def check_calls(code: Code | None, tree: VllmTree) -> None:
    """Check that the target's tree has all that a module imports, and takes what it is called with.

    Raises:
        CheckFailed: it does not, so that the module would not even load.
    """
    if code is None:
        return
    missing = [f"{m.module}.{m.name}" for m in unresolved_imports(code.stand_alone, tree.root)]
    missing += [f"{m.callee} {m.what}" for m in misfit_calls(code.stand_alone, tree.root)]
    if missing:
        raise CheckFailed(
            f"imports or arguments that this vLLM does not have: {', '.join(missing)}",
            where=str(tree.root),
            expected=f"a tree that has all that the adapter of {code.module} needs",
            remedy="serve it with another vLLM, or with --strategy transformers",
        )


def _adapter_context(proved: Proved, subject: Subject, target: Target) -> Mapping[str, Any]:
    reading = subject.reading
    decoder, checkpoint = reading.spec.decoder, reading.checkpoint
    assert decoder is not None
    return adapter_context(
        reading.spec.architecture,
        _config_class(reading),
        decoder,
        proved.weight_map,
        tensors_of(checkpoint, decoder),
        subject.tree.licence_header(),
        quantisation_of(checkpoint.config, checkpoint.tensors),
        target,
        may_lack_tied=_may_lack_tied(reading, subject.settled.overrides),
    )


def _config_module(subject: Subject, adapter: str) -> ConfigModule | None:
    """Return the config's class where neither the target's transformers nor its vLLM has one that gives the same."""
    reading, checkpoint = subject.reading, subject.reading.checkpoint
    model_type, library = checkpoint.model_type, reading.transformers
    if library is None:
        known = "AutoConfig" not in checkpoint.auto_map  # as far as can be known
    else:
        known = config_class(model_type, library) is not None
    decoder, header = reading.spec.decoder, subject.tree.licence_header() or LICENCE_HEADER
    if decoder is None or decoder.text_key or model_type in subject.tree.config_types():
        return None
    why, completed = "", decoder.config
    is_own = reading.source is not None and reading.source.library is None
    if known and library is not None and (is_own or "AutoConfig" in checkpoint.auto_map):
        tied = {TIED: decoder.tied.value} if decoder.tied.key else {}
        completed = {**completed, **tied}  # of no class that says nothing of it, but of every model
        why = differs(model_type, checkpoint.config, completed, read_by(adapter), library)
    if known and not why:
        return None
    prefix = class_prefix(reading.spec.architecture)
    found = config_object(f"{prefix}Config", model_type, checkpoint.config, completed, adapter)
    return ConfigModule(
        f"configuration_{subject.site.module}", found.class_name, model_type, write(found, prefix, header, why), why
    )


def _may_lack_tied(reading: Reading, overrides: Mapping[str, Any]) -> bool:
    """Return whether the config's own class may leave ``tie_word_embeddings`` unset, and ``config.json`` too.

    What the tensors were believed in is in no file: the adapter holds without being told, too.
    """
    is_own = reading.source is not None and reading.source.library is None
    return is_own and (TIED not in reading.checkpoint.text_config or TIED in overrides)


def _config_class(reading: Reading) -> str:
    """Return the adapter's type of the config: a checkpoint's own class cannot be imported from transformers.

    Without source only a plain family has a config class, and that is transformers'.
    """
    in_transformers = reading.source is None or reading.source.library is not None
    return (reading.spec.config_class if in_transformers else None) or "PretrainedConfig"
