"""The library: PyTorch and NumPy, as tensors, operations and layers over small NumPy arrays."""
