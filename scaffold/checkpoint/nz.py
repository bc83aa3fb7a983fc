"""Linear layers with one output, such as the gate of a shared expert: their cast to FRACTAL_NZ fails on NPUs.

Which weights are cast: vllm_ascend/utils.py, ``maybe_trans_nz`` (0.23.0); the setting: ``weight_nz_mode`` of
docs/source/user_guide/configuration/additional_config.md, in older releases ``VLLM_ASCEND_ENABLE_NZ``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaffold.checkpoint.facts import Evidence, Fact
from scaffold.checkpoint.patterns import Pattern

CAST = {
    **dict.fromkeys(("BF16", "F16"), ("on 310P, and elsewhere with weight_nz_mode 2", "1, the default")),
    "I8": ("on 310P, and elsewhere unless weight_nz_mode is 0", "0"),
}
"""Data type of a weight → when it is cast, and the mode that leaves it as it is; others are not cast, or not known."""
WEIGHT = ".weight"


def facts(patterns: Sequence[Pattern]) -> Iterator[Fact]:
    """Yield a fact if a linear layer has one output."""
    found = [p for p in patterns if p.name.endswith(WEIGHT) and len(p.shape) == 2 and p.shape[0] == 1]
    for pattern in [one for one in found if one.dtype in CAST][:1]:
        when, mode = CAST[pattern.dtype]
        value = f"one output, which its cast to FRACTAL_NZ fails at: cast {when}; "
        value += f"--additional-config '{{\"weight_nz_mode\": {mode[0]}}}' ({mode}) leaves it as it is"
        yield Fact(
            f"{pattern.name.removesuffix(WEIGHT).rpartition('.')[2]} on NPUs",
            value,
            (Evidence("tensor", pattern.name, str(list(pattern.shape))), Evidence("source", "vllm_ascend/utils.py")),
        )
