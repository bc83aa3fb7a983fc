"""Softmax scales that grow with the length that yarn stretches to, as DeepSeek's do."""

from __future__ import annotations

import math
from pathlib import Path

from scaffold.expressions.python import shown
from scaffold.expressions.uses import imports
from scaffold.reading import decoder
from tests.source.torch.test_alike import probed

ROPE = {"rope_type": "default", "rope_theta": 5000.0, "factor": 40.0, "mscale_all_dim": 0.7}
CHANGE = (
    "scaling=self.head_dim**-0.5)",
    "scaling=self.head_dim**-0.5 * (0.1 * self.rope['mscale_all_dim'] * math.log(self.rope['factor']) + 1) ** 2)",
)
MADE = (
    "self.config = config\n        self.groups",
    "self.config, self.rope = config, config.rope_parameters\n        self.groups",
)
IMPORT = ("import torch\n", "import math\nimport torch\n")


def test_a_scale_of_yarn_is_written_from_the_keys_that_it_is_made_of(tmp_path: Path) -> None:
    spec = decoder.read(probed(tmp_path, CHANGE, MADE, IMPORT, rope_parameters=ROPE))
    scale = spec.layers[0].mixer.scale  # type: ignore[attr-defined]
    assert math.isclose(scale.value, 8**-0.5 * (0.07 * math.log(40) + 1) ** 2)
    assert shown(scale.tree) == (
        'head_dim**-0.5 * (0.1 * config.rope_parameters["mscale_all_dim"]'
        ' * math.log(config.rope_parameters["factor"]) + 1.0) ** 2'
    )
    assert imports(scale.tree) == ("import math",)
