"""What every step uses: the family of errors, and names that are safe in paths and code."""
