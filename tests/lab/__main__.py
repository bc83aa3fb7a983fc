"""``python -m tests.lab``: set up everything that tests and demo need, once."""

from collections.abc import Sequence

from tests.lab.checkpoints import make_checkpoints
from tests.lab.engine import engine
from tests.lab.trees import VLLM_TREES, ascend_source, vllm_tree

DEMO = ("helium", "solar-open")
SERVED = ("qwen3", "mirror", "helium-deep", "helium-head16", "solar-open-fp8", "solar-open-dequantised", "glm4-moe")
NAMES_ONLY = ("gemma2", "gpt2", "gpt-neox", "phi3", "mixtral", "gpt-oss", "deepseek-v3-fp8", "bloom", "olmoe", "llava")


def set_up(checkpoints: Sequence[str] = (*DEMO, *SERVED, *NAMES_ONLY)) -> None:
    """Set up engine, trees and checkpoints; what is there already is left as it is."""
    engine()
    ascend_source()
    make_checkpoints(checkpoints)


if __name__ == "__main__":
    set_up()
    for release in VLLM_TREES:
        vllm_tree(release)
