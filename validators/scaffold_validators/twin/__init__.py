"""The twin: the config shrunk to toy size, with random weights, through the adapter and through transformers."""
