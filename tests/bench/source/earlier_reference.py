"""``reference.py`` with an earlier release, whose ``from_config`` knows no ``dtype``: the default is taken."""

import torch
from reference import main
from transformers import AutoModelForCausalLM

made = AutoModelForCausalLM.from_config


def from_config(config, dtype=None, **options):  # type: ignore[no-untyped-def]
    """Make a model in the default dtype, which is float64 here."""
    return made(config, **options)


if __name__ == "__main__":
    torch.set_num_threads(1)
    AutoModelForCausalLM.from_config = from_config
    main()
