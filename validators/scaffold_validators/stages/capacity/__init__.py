"""Stage capacity: the longest sequences and the most of them that a server really takes."""
