"""What PyTorch's operations compute, as tables over NumPy arrays: one file per kind, one row per operation.

Semantics: https://docs.pytorch.org/docs/stable/torch.html
"""
