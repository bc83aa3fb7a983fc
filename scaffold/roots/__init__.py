"""The target's source trees, read as text: none of them is ever imported."""
