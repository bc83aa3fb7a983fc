"""KV caches of eight bits: the scales that a description promises for each layer, and those that are there.

Source: vllm_ascend/quantization/methods/kv_c8.py and attention/attention_v1.py (``_prepare_c8_scales``): a scale that
is not there stays 1, and an offset 0, without a word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scaffold.checkpoint.headers import Form
from scaffold.modelslim.description import Description
from scaffold.weights.findings import Finding

C8 = "C8"
KEY = "k_proj.kv_cache_scale"
BESIDE = ("k_proj.kv_cache_scale", "k_proj.kv_cache_offset", "v_proj.kv_cache_scale", "v_proj.kv_cache_offset")


def cache_findings(said: Description, forms: Mapping[str, Form]) -> Iterator[Finding]:
    """Yield what is wrong with the scales of a C8 cache; nothing where there is none."""
    if said.settings.get("kv_cache_type") != C8:
        return
    named = [name.removesuffix(KEY) for name in said.words if name.endswith(KEY)]
    if not named:
        yield Finding("cache", f"kv_cache_type is {C8}, and no entry names a layer's {KEY}",
                      "take the description that the weights were written with", (KEY,))  # fmt: skip
    for stem in named:
        outputs = forms.get(f"{stem}k_proj.weight"), forms.get(f"{stem}v_proj.weight")
        for leaf in BESIDE:
            form, weight = forms.get(stem + leaf), outputs[leaf.startswith("v")]
            if form is None:
                yield Finding("cache", f"the layer's cache is {C8}, and nothing fills {leaf}: it stays as it is made",
                              "take all files of the checkpoint", (stem + leaf,))  # fmt: skip
            elif weight is not None and _count(form.shape) not in (1, weight.shape[0]):
                yield Finding("cache", f"{list(form.shape)} for {weight.shape[0]} outputs of its projection",
                              "one number, or one for each output", (stem + leaf,))  # fmt: skip


def _count(shape: tuple[int, ...]) -> int:
    size = 1
    for one in shape:
        size *= one
    return size
