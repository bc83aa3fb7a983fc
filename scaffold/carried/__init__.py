"""Token-wise computations of the source that have no idiom, as statements of the adapter: proved, or a hole."""
