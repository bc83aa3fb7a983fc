"""From a checkpoint and its modeling source to the model spec: each block by the reader of its kind."""
