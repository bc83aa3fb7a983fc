"""Small, idempotent, format-preserving edits of source trees, and the change set that holds them."""
