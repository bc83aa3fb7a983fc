"""The library: PyTorch, as tensors, operations and layers over small NumPy arrays."""
