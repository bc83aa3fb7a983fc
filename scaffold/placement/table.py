"""All placements, by the name that ``--placement`` has for them."""

from __future__ import annotations

from scaffold.placement.plugin import PLUGIN
from scaffold.placement.protocol import Placement
from scaffold.placement.vllm import VLLM
from scaffold.placement.vllm_ascend import VLLM_ASCEND

PLACEMENTS: dict[str, Placement] = {row.name: row for row in (VLLM, VLLM_ASCEND, PLUGIN)}
