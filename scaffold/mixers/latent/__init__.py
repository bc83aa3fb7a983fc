"""Multi-head latent attention (DeepSeek)."""
