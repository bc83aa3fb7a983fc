"""``python -m tests.lab``: set up everything that tests and demo need, once."""

from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine
from tests.lab.trees import ascend_source

CHECKPOINTS = ("helium", "solar-open", "qwen3", "mirror", "helium-head16")


def set_up() -> None:
    """Set up engine, trees and checkpoints; what is there already is left as it is."""
    engine()
    ascend_source()
    for name in CHECKPOINTS:
        checkpoint(name)


if __name__ == "__main__":
    set_up()
