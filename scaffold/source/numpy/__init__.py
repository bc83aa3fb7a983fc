"""What models call of NumPy, on plain numbers and lists of them."""
