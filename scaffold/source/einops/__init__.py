"""einops: axes by name."""
