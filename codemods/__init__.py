"""Small, idempotent, format-preserving edits of source trees, and the set that holds them."""
