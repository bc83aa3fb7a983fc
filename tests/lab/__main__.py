"""``python -m tests.lab``: set up everything that tests and demo need, once."""

from tests.lab.checkpoints import checkpoint
from tests.lab.engine import engine
from tests.lab.trees import ascend_source

if __name__ == "__main__":
    engine()
    ascend_source()
    for name in ("helium", "solar-open", "qwen3"):
        checkpoint(name)
