"""Tables that checkpoints of older releases of transformers hold."""

COMPUTED = ("rotary_emb.inv_freq", "bias", "masked_bias", "attention.bias", "attention.masked_bias")
"""Buffers by their names in an attention block: rotary tables and causal masks."""
