"""What source gets by names of transformers: helpers, tables, outputs, and answers about the environment."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from scaffold.source.python.library import Library, computes, inert, question
from scaffold.source.python.objects import External
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch.attributes import call_watched
from scaffold.source.torch.layers import ACTIVATIONS, LAYERS, Activation
from scaffold.source.transformers import attributes, auto, earlier, release, special
from scaffold.source.transformers.config_defaults import BASE_NAMES
from scaffold.source.transformers.config_methods import of_base_class
from scaffold.source.transformers.protocol import Interpreter
from scaffold.source.transformers.tables import ActivationTable, AttentionTable, ModelOutput

OUTPUTS = (
    "Output",
    "OutputWithPast",
    "OutputWithPooling",
    "OutputWithCrossAttentions",
    "OutputWithPastAndCrossAttentions",
    "OutputWithNoAttention",
)
"""How the names of transformers' classes of outputs end (src/transformers/modeling_outputs.py)."""
ATTENTION_FUNCTIONS = ("eager_attention_forward",)
"""Functions of modeling source that compute attention: calls of them are on record."""

QUESTIONS = (
    r"is_\w+_available",
    r"is_(?:torch|flash_attn)_greater_or_equal\w*",
    r"is_torchdynamo_\w+",
    *("is_torch_fx_proxy", "is_fake_tensor", "is_jax_jitting", "is_jit_tracing", "is_cuda_stream_capturing"),
    *(r"is_(?:cuda|rocm)_platform", "is_habana_gaudi", r"is_sagemaker_\w+_enabled"),
)
"""What is there, what traces the model, which machine it is (src/transformers/utils/import_utils.py, generic.py)."""
PATTERNS = (
    (rf"(?:.*\.)?(?:{'|'.join(BASE_NAMES)})\.(\w+)", computes(of_base_class)),
    # Objects whose methods change nothing that is computed: logs, random initial values, autograd's context.
    (r"(?:.*\.)?(?:logger|initialization|context)\.\w+", inert()),
    # Questions about the environment; without any of it, models take their path in plain PyTorch.
    (rf"(?:.*\.)?(?:{'|'.join(QUESTIONS)})", question()),
    (rf".*(?:{'|'.join(OUTPUTS)})", computes(lambda interpreter, *_, **fields: ModelOutput(fields))),
    (r"(?:.*\.)?logging\.(?:get_logger|getLogger)", inert(External("logger"))),
    (
        r"(?:.*\.)?pytorch_utils\.Conv1D",
        computes(lambda interpreter, *args, **kwargs: LAYERS["Conv1D"](interpreter.rng, *args, **kwargs)),
    ),
)


def _table(interpreter: Interpreter, file: SourceFile, dotted: str) -> Any:
    """Return one of transformers' tables that are looked into rather than called, or None."""
    module, _, name = dotted.rpartition(".")
    if module.endswith("activations") and name in ACTIVATIONS:
        return Activation(name)
    if name in ("ACT2FN", "get_activation"):
        classes = interpreter.resolve(file, f"{module}.ACT2CLS")
        table = ActivationTable(partial(interpreter.global_name, *classes) if classes else None)
        return table if name == "ACT2FN" else partial(table.activation, interpreter)
    if name == "ALL_ATTENTION_FUNCTIONS":
        return AttentionTable()
    if name == "ROPE_INIT_FUNCTIONS":
        return earlier.rope_functions(interpreter, file, dotted)
    return earlier.model_class(interpreter, file, dotted) or auto.table(file, name)


LIBRARY = Library(
    packages=("transformers",),
    answers={"transformers.__version__": release.version},
    imports=_table,
    names=special.NAMES,
    patterns=tuple((re.compile(pattern), meaning) for pattern, meaning in PATTERNS),
    kinds=attributes.KINDS,
    bases=attributes.BASES,
    watched=dict.fromkeys(ATTENTION_FUNCTIONS, call_watched),
)
