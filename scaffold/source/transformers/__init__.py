"""The models' library: what transformers gives to its models, read from its files or written down anew."""
