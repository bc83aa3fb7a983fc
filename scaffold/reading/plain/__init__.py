"""The plain families, which names, shapes and config tell all about: read where there is no modeling source."""
