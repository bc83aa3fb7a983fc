"""Random weights that let a mistake show. Run by an engine's Python, never imported by the tool."""

import torch


def randomise(model: torch.nn.Module, tied: bool) -> None:
    """Fill all that is saved, norms, biases and corrections too: whatever an adapter ignores then shows.

    Activations stay near 1, logits are apart, and no tied embedding drowns the layers.
    """
    generator = torch.Generator().manual_seed(0)
    head = model.get_output_embeddings()
    for name, tensor in model.state_dict().items():
        if not tensor.is_floating_point():
            continue
        if head is not None and tensor.data_ptr() == head.weight.data_ptr():
            tensor.normal_(0.0, 0.15 if tied else 0.3, generator=generator)
        elif tensor.ndim < 2 and name.endswith("weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.ndim < 2 or "bias" in name:
            tensor.normal_(0.0, 0.3, generator=generator)
        elif "embed" in name or name.endswith(("wte.weight", "wpe.weight")):
            tensor.normal_(0.0, 1.0, generator=generator)
        else:
            tensor.normal_(0.0, 1.5 / tensor.shape[-1] ** 0.5, generator=generator)
