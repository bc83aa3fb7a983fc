"""What modeling source takes from earlier releases of transformers and today's has no more.

Remote code is written against the release of its day. What it takes from there and what is gone is said here, with the
file of the release that had it; what is still there is read from today's files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from scaffold.source.python.builtins import get_attribute
from scaffold.source.python.errors import NotUnderstood
from scaffold.source.python.syntax import SourceFile
from scaffold.source.torch import torch_ops
from scaffold.source.torch.module import Module
from scaffold.source.torch.tensors import Tensor
from scaffold.source.transformers.protocol import Interpreter


def _default_frequencies(
    interpreter: Interpreter, config: Any = None, device: Any = None, seq_len: Any = None, **given: Any
) -> tuple[Tensor, float]:
    """Return the frequencies of plain rotations and the factor on their cosines.

    ``_compute_default_rope_parameters`` of modeling_rope_utils.py, 4.43 to 4.57; before 4.45 also with ``base`` and
    ``dim`` instead of a config.
    """
    if given:
        base, size = given["base"], given["dim"]
    else:
        get = partial(get_attribute, interpreter, config)
        base, part = get("rope_theta"), get("partial_rotary_factor", 1.0)
        size = get("head_dim", None) or get("hidden_size") // get("num_attention_heads")
        size = int(size * (1.0 if part is None else part))
    entries = torch_ops.creation("arange")(0, size, 2)  # type: ignore[misc]
    return 1.0 / (base ** (entries / size)), 1.0


def rope_functions(interpreter: Interpreter, file: SourceFile, dotted: str) -> dict[str, Any]:
    """Return ``ROPE_INIT_FUNCTIONS``: today's, and those that releases before 5 had besides."""
    found = interpreter.resolve(file, dotted)
    today = {} if found is None else interpreter.global_name(*found)
    own = {"default": partial(_default_frequencies, interpreter)}
    changed = {name: partial(_as_today, interpreter, file, name) for name in CHANGED if name in today}
    return {**own, **today, **(changed if not file.is_of_library else {})}


Numbers = Callable[..., Any]
"""A config's number by its name, with what it is where the config has none."""


@dataclass(frozen=True)
class Change:
    """A change of what a scaling's function computes.

    Attributes:
        before: releases before this one computed it in another way.
        matters: whether that is another result, by the checkpoint's numbers of the scaling and of the config.
    """

    before: tuple[int, int]
    matters: Callable[[Mapping[str, Any], Numbers], bool]


def _has(*keys: str) -> Callable[[Mapping[str, Any], Numbers], bool]:
    return lambda scaling, config: any(scaling.get(key) is not None for key in keys)


ORIGINAL, LONGEST = "original_max_position_embeddings", "max_position_embeddings"


def _by_the_lengths(scaling: Mapping[str, Any], config: Numbers) -> bool:
    """Whether the ratio of the lengths, which counted, is another number than the factor that is stated."""
    original = scaling.get(ORIGINAL)
    return original is not None and config(LONGEST) / original != scaling.get("factor")


def _by_the_configs_length(scaling: Mapping[str, Any], config: Numbers) -> bool:
    """Whether the config's own original length, which alone counted, gives something else than the scaling says."""
    own, stated, factor = config(ORIGINAL, None), scaling.get(ORIGINAL), scaling.get("factor")
    if own is None:
        return stated is not None and stated != config(LONGEST)
    return stated not in (None, own) or (factor is not None and config(LONGEST) / own != factor)


CHANGED: dict[str, tuple[Change, ...]] = {
    "yarn": (Change((4, 53), _has(ORIGINAL, "mscale", "mscale_all_dim")), Change((4, 56), _by_the_lengths)),
    "longrope": (Change((4, 53), _has("long_factor")), Change((5, 0), _by_the_configs_length)),
}
"""Scalings whose functions read some numbers otherwise, or not at all, in releases from 4.43 on."""
FIRST_RELEASES = {"masking_utils": (4, 53), "modeling_layers": (4, 53)}
"""Modules of transformers that only these releases and later ones have: source that imports them is no older."""


def _earliest(file: SourceFile, config: Any) -> tuple[int, ...]:
    """Return the earliest release that a file may be of, by what it imports and the config; empty if none is known."""
    stated = str(config.attributes.get("transformers_version") or "")
    found = [tuple(int(part) for part in re.findall(r"\d+", stated)[:2])]
    modules = {part for dotted in file.imports.values() for part in dotted.split(".")}
    found += [release for module, release in FIRST_RELEASES.items() if module in modules]
    return max(found)


def _as_today(interpreter: Interpreter, file: SourceFile, name: str, config: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what today's function gives where that of the source's own day gave the same.

    Raises:
        NotUnderstood: it read the numbers that the config has in another way, or may have.
    """
    get, real = partial(get_attribute, interpreter, config), interpreter.decisions.real
    given = get("rope_scaling", None) or get("rope_parameters", None) or {}
    scaling, earliest = {key: real(value) for key, value in given.items()}, _earliest(file, config)
    for change in CHANGED[name]:
        if earliest < change.before and change.matters(scaling, lambda *key: real(get(*key))):
            before = ".".join(map(str, change.before))
            raise NotUnderstood(
                f"rotations scaled by {name!r}, which releases of transformers before {before} computed in another way",
                file.shown,
            )
    dotted = "transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS"
    found = interpreter.resolve(file, dotted)
    assert found is not None
    return interpreter.call(interpreter.global_name(*found)[name], [config, *args], kwargs, file.shown)


@dataclass(frozen=True)
class EarlierClass:
    """A class of transformers' own models that was another one in earlier releases.

    Attributes:
        last: the last release of the earlier one.
        file: of ``earlier_models`` that says what it computed.
        beside: names of the same module that only those releases have: source that imports one is of that time.
    """

    last: tuple[int, int]
    file: str
    beside: tuple[str, ...]


CLASSES: dict[str, EarlierClass] = {
    "transformers.models.llama.modeling_llama.LlamaAttention": EarlierClass(
        (4, 47), "modeling_llama.py", ("LlamaFlashAttention2", "LlamaSdpaAttention", "LLAMA_ATTENTION_CLASSES")
    ),
}
"""By the name that remote code imports."""
FOLDER = Path(__file__).parent / "earlier_models"


def model_class(interpreter: Interpreter, file: SourceFile, dotted: str) -> Any:
    """Return the earlier class that an import means, None where it is not known to be that."""
    known = CLASSES.get(dotted)
    if known is None:
        return None
    module, _, name = dotted.rpartition(".")
    if not {f"{module}.{other}" for other in known.beside} & set(file.imports.values()):
        return None
    release = ".".join(map(str, known.last))
    own = SourceFile.parse(FOLDER / known.file, f"{known.file} of transformers {release}")
    return interpreter.global_name(own, name)


def _head_mask(interpreter: Interpreter, module: Module, head_mask: Any, num_hidden_layers: int, *_: Any) -> Any:
    """``ModuleUtilsMixin.get_head_mask`` of modeling_utils.py, up to 4.57: nothing is masked at inference."""
    return [None] * num_hidden_layers


MODEL_METHODS: dict[str, Callable[..., Any]] = {"get_head_mask": _head_mask}
"""Methods of ``PreTrainedModel``."""
