"""Layers for multi-token prediction by their names: described, or known to be plain.

The draft model asks for the quantisation of its layers as the model does, from the same description
(vllm_ascend/quantization/modelslim_config.py, the notes at ``deepseek_mtp``). ModelSlim leaves them out at times.
What each layer of the draft is given is found in `scaffold.modelslim.draft_check`, where its class is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from scaffold.checkpoint import prediction
from scaffold.checkpoint.patterns import pattern_of
from scaffold.checkpoint.quantization import UNQUANTISED
from scaffold.checkpoint.read import Checkpoint
from scaffold.modelslim.description import Description
from scaffold.modelslim.fills import LEAVES
from scaffold.weights.findings import Finding


def draft_weights(checkpoint: Checkpoint) -> list[str]:
    """Return the weights of such layers, in the order of the files."""
    forms = checkpoint.weights.forms
    own = set(prediction.found(checkpoint.text_config, checkpoint.weights.patterns, forms).names)
    if not own:
        return []
    layers = {name.split(".eh_proj")[0] for name in forms if ".eh_proj" in name}
    beyond = tuple(f"{layer}." for layer in sorted(layers))
    return [
        name for name, form in forms.items()
        if name.endswith(LEAVES) and len(form.shape) == 2
        and (pattern_of(name) in own or name in own or name.startswith(beyond))
    ]  # fmt: skip


def draft_findings(said: Description, checkpoint: Checkpoint) -> Iterator[Finding]:
    """Yield layers for multi-token prediction that are there and not described."""
    if not said.is_read:
        return
    forms, known = checkpoint.weights.forms, {*said.words, *said.no_words}
    missing = [name for name in draft_weights(checkpoint) if name not in known]
    plain = [name for name in missing if forms[name].dtype in UNQUANTISED]
    if plain:
        says = "layers for multi-token prediction are plain, and no entry says so: making the draft ends in a KeyError"
        yield Finding("draft", says, "add the entries as FLOAT", tuple(plain))
