"""In what vllm-ascend's releases differ when they look an entry up, read from the source of the class that does it.

Each question is answered by a piece of text of that class or of the functions that it calls, as the releases from 0.13
to 0.30 have it. A file in which none of the ways to look an entry up is found is of a release that is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

EXACT, BEGINNING, GET = "exact", "beginning", "get"
"""How a layer that is no packed module is looked up: by its own entry alone; it is plain, too, if an entry of a plain
weight begins with its name; or it is plain if there is none."""
LOOKUPS = (
    (GET, 'quant_description.get(prefix + ".weight")'),
    (BEGINNING, 'key.startswith(prefix) and key.endswith(".weight")'),
    (EXACT, 'self.quant_description[key] == "FLOAT"'),
)
"""Way → text that shows it: 0.28 and later; 0.18 to 0.26; 0.13."""


@dataclass(frozen=True)
class Dialect:
    """How a release looks an entry up.

    Attributes:
        lookup: ``EXACT``, ``BEGINNING`` or ``GET``.
        replaces: whether a row takes the place of the class's own mapping, rather than being added to it.
        finds_experts: whether the entries themselves say what experts consist of, where no mapping does.
        everywhere: whether a part stands in place of the layer's name wherever that is in the prefix, not at its end.
        by_part: whether each part is renamed, rather than the layer.
        plain_embeddings: whether an embedding or a head without an entry is plain, rather than an error.
        maps_names: whether the model's own mapping of names is applied to the entries.
        by_text: whether rows are those of the text config's model type.
        lacks_v: whether v may lack an entry, as its weight is that of k.
        shares_head: whether a draft's head without an entry gets that of the model's head.
    """

    lookup: str = BEGINNING
    replaces: bool = True
    finds_experts: bool = False
    everywhere: bool = True
    by_part: bool = False
    plain_embeddings: bool = True
    maps_names: bool = True
    by_text: bool = False
    lacks_v: bool = False
    shares_head: bool = False


def dialect_of(text: str) -> Dialect | None:
    """Return the dialect of a file; None if it is of a release that is not known."""
    flat = " ".join(text.replace("'", '"').split())
    lookup = next((way for way, shown in LOOKUPS if shown in flat), None)
    if lookup is None:
        return None
    return Dialect(
        lookup=lookup,
        replaces="self.packed_modules_mapping.update(" not in flat,
        finds_experts='if "experts" not in self.packed_modules_mapping' in flat,
        everywhere="prefix.replace(proj_name, shard_proj_name)" in flat,
        by_part="prefix_mapper=lambda" in flat,
        plain_embeddings=lookup == GET or "No ModelSlim quant entry for" in flat,
        maps_names="def apply_vllm_mapper" in flat,
        by_text="model_type = vllm_config.model_config.hf_text_config.model_type" in flat,
        shares_head='".head" in prefix: key = "lm_head.weight"' in flat,
        lacks_v="def _is_missing_v_shard" in flat,
    )
