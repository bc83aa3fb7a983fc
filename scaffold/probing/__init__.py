"""What a probe of the modeling source shows: forms of norms, rotations and projections, and the keys behind numbers."""
