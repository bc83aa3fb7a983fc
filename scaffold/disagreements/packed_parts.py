"""Projections that vLLM has as one layer, quantised differently.

A list or groups that tell them apart end in a ValueError of ``should_ignore_layer``, or give all of them the group that
the class of the layer belongs to (vllm/model_executor/layers/quantization/compressed_tensors/utils.py): then tensors of
one type are loaded as those of another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.disagreements.finding import Disagreement, Said
from scaffold.disagreements.ignored import ENDINGS, SECTIONS, TOGETHER, kind_of
from scaffold.disagreements.subject import Subject

KIND = "parts of one layer"
PLAIN = ".weight"


def find(subject: Subject) -> Iterator[Disagreement]:
    """Yield layers of the language model whose parts are plain and quantised, or of several quantised types."""
    section = next((one for one in SECTIONS if subject.config.get(one)), None)
    if section is None or subject.quantization is None or not subject.quantization.parts:
        return
    seen: dict[str, list[tuple[str, str]]] = {}
    for layer, parts in _parts(subject).items():
        dtypes = {"" if dtype in UNQUANTISED else dtype for _, dtype in parts}
        if len(dtypes) > 1:
            seen.setdefault(kind_of(layer), parts)
    for kind, parts in seen.items():
        (first, plain), (other, quantised) = parts[0], next(one for one in parts if one[1] != parts[0][1])
        yield Disagreement(
            KIND,
            Said(f"config.json, {section}", f"{section} quantises the parts of {kind} one by one"),
            Said(f"{first}, {other}", f"{first} is {plain} where {other} is {quantised}"),
            serves="where vLLM has them as one layer, it refuses to make it, or loads one as if it were the other",
            remedy="quantise them alike",
            between="parts of one layer are quantised differently",
        )


def _parts(subject: Subject) -> dict[str, list[tuple[str, str]]]:
    """Return each layer that vLLM has as one with the modules that are its parts, and the type of their weights."""
    own = {pattern.name for pattern in subject.own if len(pattern.shape) == 2}
    endings = tuple(f".{ending}" for ending in {*ENDINGS, PLAIN.removeprefix(".")})
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, form in subject.forms.items():
        module = name.rpartition(".")[0]
        parent, _, last = module.rpartition(".")
        if last in TOGETHER and name.endswith(endings) and pattern_of(name) in own:
            found[f"{parent}.{TOGETHER[last]}"].append((module, form.dtype))
    return found
