"""A rotation that is carried over, of a config that states no longest sequence: its table is as long as is served."""

from __future__ import annotations

import json
from pathlib import Path

from scaffold.placement.plugin import PLUGIN
from scaffold.planning.plan import make_plan
from scaffold.planning.request import Request
from tests.models.odd_blocks import CARRIED, write_odd


def test_the_length_that_is_served_is_imported(tmp_path: Path, vllm_source: Path, transformers_source: Path) -> None:
    checkpoint = write_odd(tmp_path / "odd", CARRIED["turned the other way, then divided by the largest"])
    config = json.loads((checkpoint / "config.json").read_text())
    del config["max_position_embeddings"]
    (checkpoint / "config.json").write_text(json.dumps(config))
    request = Request(
        checkpoint=checkpoint,
        vllm=vllm_source,
        delivery=None,
        placement=PLUGIN.name,
        output=tmp_path / "plugin",
        strategy="native",
        transformers=transformers_source,
    )
    changes = make_plan(request).changes
    (adapter,) = (text for path in changes.paths if "get_rope(" in (text := changes.read(path) or ""))
    assert "max_position=get_current_vllm_config().model_config.max_model_len" in adapter
    assert "import CacheConfig, VllmConfig, get_current_vllm_config" in adapter
