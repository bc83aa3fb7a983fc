"""Faults in vLLM's classes: ``register`` is called in the process that serves, and plants the one that FAULT names."""

import os


def register() -> None:
    """Plant the fault."""
    globals()[os.environ["FAULT"]]()


def no_qk_norm() -> None:
    """Leave the norms of queries and keys out."""
    import torch
    from vllm.model_executor.models import qwen3

    original = qwen3.Qwen3Attention.__init__

    def patched(self, *args, **kwargs):  # type: ignore[no-untyped-def]
        original(self, *args, **kwargs)
        for norm in (self.q_norm, self.k_norm):
            norm.forward = lambda x, residual=None: x
            norm.__class__ = type("Left out", (torch.nn.Module,), {"forward": lambda _, x: x})

    qwen3.Qwen3Attention.__init__ = patched
