"""Where config, tensors, quantisation config and source say different things: a kind of disagreement, a file."""
