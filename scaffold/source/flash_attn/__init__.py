"""flash_attn: attention kernels."""
