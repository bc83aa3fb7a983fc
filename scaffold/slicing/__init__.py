"""A slice: the first layers of a real checkpoint, as a checkpoint that can be served and compared."""
