"""Whether a server computes what the reference implementation computes: asked, measured, judged."""
