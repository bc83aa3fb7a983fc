"""The reference: transformers on the same tokens, in a process of the target's Python, with a time limit."""
